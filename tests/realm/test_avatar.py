"""Whose address is it?"""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Path
from imailpy.realm.avatar import Avatar, owns
from tests.realm.support import ANN, BOB, SmallDirectory
from tests.support.answer import answer


class OwnershipTests(SynchronousTestCase):
    """Own address, aliases, boxes."""

    def setUp(self) -> None:
        self.directory = SmallDirectory()
        self.directory.add(ANN)
        self.directory.add(BOB)
        account = self.directory.entries[ANN.folded]
        self.avatar = Avatar(
            account,  # type: ignore[arg-type]
            frozenset([ANN.folded, "info@local.test"]),
            "+-",
        )

    def owns(self, text: str) -> bool:
        directory = self.directory
        return answer(owns(directory, self.avatar, Path.parse(text)))  # type: ignore[arg-type]

    def test_own(self) -> None:
        """Own address, alias and their boxes, in any case."""
        for text in (
            "ann@local.test",
            "ANN@local.test",
            "info@local.test",
            "ann+shop@local.test",
            "ann-shop+more@local.test",
            "Info+x@local.test",
        ):
            self.assertTrue(self.owns(text), text)

    def test_B4_13_foreign(self) -> None:
        """Nobody else's, not in another domain, not a name that begins
        the same."""
        for text in (
            "bob@local.test",
            "ann@other.test",
            "annette@local.test",
            "+ann@local.test",
            "x+ann@local.test",
            '"ann@local.test"@other.test',
        ):
            self.assertFalse(self.owns(text), text)

    def test_user_wins_before_box(self) -> None:
        """Where ann-smith is somebody, ann does not send as her."""
        self.assertTrue(self.owns("ann-smith@local.test"))
        self.directory.add(Path("ann-smith", "local.test"))
        self.assertFalse(self.owns("ann-smith@local.test"))
