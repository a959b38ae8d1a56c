"""Exchanging settings while the server runs."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.config.provider import Settings, exchange


class ExchangeTests(SynchronousTestCase):
    """All or nothing."""

    def setUp(self) -> None:
        self.first = Settings("a")
        self.second = Settings(1)

    def state(self) -> tuple[str, int, int, int]:
        return (
            self.first.current,
            self.first.number,
            self.second.current,
            self.second.number,
        )

    def test_all(self) -> None:
        """When nobody objects, every room has its new settings."""
        told: list[tuple[str, int, int, int]] = []
        self.first.follow(lambda: told.append(self.state()))
        self.second.follow(lambda: told.append(self.state()))
        exchange([(self.first, "b"), (self.second, 2)])
        self.assertEqual(self.state(), ("b", 2, 2, 2))
        # Nobody was told while another one had the old ones.
        self.assertEqual(told, [("b", 2, 2, 2)] * 2)

    def test_nothing(self) -> None:
        """When one room objects, every room keeps the old ones."""

        def refuse(new: int) -> None:
            raise ValueError(f"not {new}")

        self.second.judge(refuse)
        self.assertRaises(
            ValueError, exchange, [(self.first, "b"), (self.second, 2)]
        )
        self.assertEqual(self.state(), ("a", 1, 1, 1))
        # Nothing of it is left for the next time.
        self.assertRaises(ValueError, self.first.commit)

    def test_a_follower_fails(self) -> None:
        """When new settings cannot be followed, all rooms go back, and who
        had followed already follows the old ones again."""
        followed: list[str] = []
        self.first.follow(lambda: followed.append(self.first.current))

        def fail() -> None:
            if self.second.current == 2:
                raise OSError("no such certificate")

        self.second.follow(fail)
        changes = [(self.first, "b"), (self.second, 2)]
        self.assertRaises(OSError, exchange, changes)
        self.assertEqual(self.state(), ("a", 1, 1, 1))
        self.assertEqual(followed, ["b", "a"])

    def test_commit_without_stage(self) -> None:
        """Nothing can hold that was not looked at."""
        self.assertRaises(ValueError, self.first.commit)
