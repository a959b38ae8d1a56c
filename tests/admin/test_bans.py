"""Bans by hand, with and without a running server."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.operations import Operations, ServerDoors
from imailpy.errors import MailError
from tests.realm.support import House
from tests.support.store import make_store
from tests.support.world import TestWorld, result_of


class BanTests(SynchronousTestCase):
    """`imailctl ban`."""

    def setUp(self) -> None:
        self.world: Any = TestWorld()
        self.store: Any = make_store(self.world)
        self.house = House(bans=self.store.bans)

    def operations(self, running: bool) -> Operations:
        async def reload() -> int:
            return 1

        doors = ServerDoors(reload, dict, lambda: None, self.house.realm)
        passwords: Any = None
        world: Any = self.house.world if running else self.world
        return Operations(
            world, self.store, passwords, doors if running else None
        )

    def test_add_list_remove(self) -> None:
        """Networks are banned for a time or for good, and let in again."""
        for running in (True, False):
            operations = self.operations(running)

            def do(name: str, _: Any = operations, **with_: Any) -> Any:
                return result_of(_.perform(name, with_))

            made = do(
                "ban.add", network="192.0.2.0/24", seconds=60, note="mine"
            )
            self.assertEqual(made["until_at"] - made["since_at"], 60)
            made = do("ban.add", network="2001:db8::5")
            self.assertEqual(made["network"], "2001:db8::5/128")
            self.assertIsNone(made["until_at"])
            self.assertEqual(len(result_of(self.store.bans.bans())), 2)
            listed = do("ban.list")
            self.assertEqual(
                [(each["why"], each["by"]) for each in listed],
                [("mine", "operator"), ("by hand", "operator")],
            )
            for network in ("192.0.2.0/24", "2001:db8::5"):
                do("ban.remove", network=network)
                with self.assertRaises(MailError):
                    do("ban.remove", network=network)
            self.assertEqual(do("ban.list"), [])

    def test_nonsense(self) -> None:
        """What is no network, and everybody, cannot be banned."""
        operations = self.operations(True)
        for arguments in (
            {"network": "192.0.2"},
            {"network": "0.0.0.0/0"},
            {"network": "::/0"},
            {"network": "192.0.2.1", "seconds": -1},
        ):
            with self.assertRaises(MailError):
                result_of(operations.perform("ban.add", arguments))
