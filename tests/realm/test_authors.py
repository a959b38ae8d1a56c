"""From and Sender of a user's message."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Path
from imailpy.message.rendition import Rendition
from imailpy.policy.facts import Authorship
from imailpy.realm.authors import read_authorship
from imailpy.realm.avatar import Avatar
from tests.realm.support import ANN, BOB, SmallDirectory, TextBody
from tests.support.answer import answer


class AuthorTests(SynchronousTestCase):
    """One reading of the fields, or none."""

    def setUp(self) -> None:
        self.directory = SmallDirectory()
        self.directory.add(ANN)
        self.directory.add(BOB)
        self.avatar = Avatar(
            self.directory.entries[ANN.folded],  # type: ignore[arg-type]
            frozenset([ANN.folded]),
        )

    def read(self, fields: str, listed: bool = False) -> Authorship:
        octets = fields.replace("\n", "\r\n").encode()
        body = TextBody(octets + b"\r\nFrom: body@other.test\r\n")
        if listed:
            body = evolve(
                body, rendition=Rendition(b"", b"", b"", b"", 0, octets)
            )
        return answer(read_authorship(self.directory, self.avatar, body))  # type: ignore[arg-type]

    def test_own(self) -> None:
        """Own addresses in From and Sender are nobody else's."""
        for fields in (
            "From: ann@local.test\n",
            'From: "Ann, A." <ANN@Local.Test.>\nSubject: x\n',
            "From: ann+box@local.test (Ann)\nSender: ann@local.test\n",
            "from :\n =?utf-8?q?Ann?= <ann@local.test>\n",
        ):
            for listed in (False, True):
                found = self.read(fields, listed)
                self.assertTrue(found.readable, (fields, found.complaint))
                self.assertEqual(found.foreign, (), fields)

    def test_B4_13_foreign(self) -> None:
        """Each address that is not the user's is found."""
        found = self.read(
            "From: ann@local.test, Bob <bob@local.test>\n"
            "Sender: x@other.test\n"
        )
        self.assertEqual(found.foreign, (BOB, Path("x", "other.test")))
        for fields in (
            "From: ann@local.test <bob@local.test>\n",
            "From: team: ann@local.test, bob@local.test;\n",
            "From: =?utf-8?q?ann=40local.test?= <bob@local.test>\n",
        ):
            found = self.read(fields)
            self.assertTrue(not found.readable or found.foreign, fields)

    def test_unreadable(self) -> None:
        """Missing, multiple and malformed fields have no author."""
        for fields in (
            "Subject: x\n",
            "From: ann@local.test\nFrom: ann@local.test\n",
            "From: ann@local.test\nSender: a@b.test\nSender: c@d.test\n",
            "From: ann@local.test\nSender: a@b.test, c@d.test\n",
            "From:\n",
            "From: undisclosed:;\n",
            "From: ann\n",
            "From: <ann@local.test\n",
            "From: ann@local.test bob@local.test\n",
            "From: ann@local..test\n",
            "From: " + "ann@local.test, " * 120 + "ann@local.test\n",
            "X: " + "y" * 300_000 + "\nFrom: ann@local.test\n",
        ):
            found = self.read(fields)
            self.assertFalse(found.readable, fields[:60])
            self.assertTrue(found.complaint)
