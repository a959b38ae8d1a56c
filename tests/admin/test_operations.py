"""What an operator may ask for, without a server around it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.operations import BadRequest, Operations, ServerDoors
from imailpy.errors import MailError, ObjectExists, ObjectNotFound
from imailpy.interfaces.queue import QueuedRecipient
from imailpy.interfaces.store import Acceptance
from imailpy.mail import NULL_PATH, Path, Secret
from imailpy.realm.passwords import Passwords
from tests.support.store import ADDRESSES, make_store, spooled
from tests.support.world import TestWorld, result_of

GOOD = "a-long-and-rare-password"
ALICE = ADDRESSES[0]


class OperationsTests(SynchronousTestCase):
    """On the memory store, with the accounts of every test."""

    def setUp(self) -> None:
        self.world = TestWorld()
        self.store = make_store(self.world)
        self.passwords = Passwords(self.world)
        self.operations = Operations(self.world, self.store, self.passwords)

    def do(self, name: str, /, **arguments: Any) -> Any:
        """Perform one."""
        return result_of(self.operations.perform(name, arguments))

    def refused(
        self, kind: type[Exception], name: str, /, **words: Any
    ) -> str:
        """Perform one that is refused; give what is told."""
        error = self.assertRaises(kind, self.do, name, **words)
        return str(getattr(error, "public", error))

    def queued(self, *recipients: str) -> list[str]:
        """Queue a mail; give the ids."""
        result_of(
            self.store.accept(
                Acceptance(
                    "d1",
                    1.0,
                    NULL_PATH,
                    spooled(self.store),
                    queued=tuple(
                        QueuedRecipient(Path.parse(r), "far.test")
                        for r in recipients
                    ),
                )
            )
        )
        return [row["id"] for row in self.do("queue.list")]

    def test_names_and_slips(self) -> None:
        """Unknown operations and arguments are named, not crashed on."""
        self.assertIn("queue.drop", self.operations.names())
        self.assertIn("nosuch", self.refused(BadRequest, "nosuch"))
        self.assertIn("odd", self.refused(BadRequest, "domain.add", odd="x"))
        self.refused(BadRequest, "domain.add", name="no domain")
        self.refused(BadRequest, "domain.add", name="[192.0.2.1]")
        self.refused(BadRequest, "account.enable", address="x", enabled=True)

    def test_passwords(self) -> None:
        """A new password holds, a poor one is refused, none is shown."""
        address = "dora@example.test"
        made = self.do(
            "account.add", address=address, password=GOOD, scram=True
        )
        self.assertEqual(
            set(made), {"id", "address", "enabled", "quota_octets"}
        )
        secrets = result_of(self.store.directory.secrets(made["id"]))
        self.assertIsNotNone(secrets.scram)
        self.assertTrue(
            result_of(
                self.passwords.verify(
                    secrets.password_hash, Secret(GOOD.encode())
                )
            )
        )
        for poor in ("short", "passwordpassword", "dora@example.test"):
            self.refused(
                BadRequest, "account.password", address=address, password=poor
            )
        self.refused(
            ObjectExists, "account.add", address=address, password=GOOD
        )

    def test_queue(self) -> None:
        """`all` means everything that waits; ids mean themselves."""
        ids = self.queued("x@far.test", "y@far.test")
        self.assertEqual(self.do("queue.hold", ids=ids[:1]), {"rows": 1})
        held = self.do("queue.list", states=["held"])
        self.assertEqual([row["id"] for row in held], ids[:1])
        self.refused(BadRequest, "queue.list", states=["odd"])
        self.assertEqual(self.do("queue.retry", ids=["all"]), {"rows": 2})
        self.assertEqual(self.do("queue.drop", ids=["all"]), {"rows": 2})
        self.assertEqual(self.do("queue.list"), [])
        self.refused(ObjectNotFound, "queue.show", id="nosuch")

    def test_without_a_server(self) -> None:
        """What only a server can do is refused with that reason."""
        told = self.refused(BadRequest, "reload")
        self.assertIn("no server", told)

    def test_doors_of_the_server(self) -> None:
        """A retry wakes the queue, status has the server's facts."""
        woken: list[bool] = []

        async def reload() -> int:
            return 7

        doors = ServerDoors(
            reload, lambda: {"version": "1"}, lambda: woken.append(True)
        )
        self.operations = Operations(
            self.world, self.store, self.passwords, doors
        )
        ids = self.queued("x@far.test")
        self.do("queue.retry", ids=ids)
        self.assertEqual(woken, [True])
        self.assertEqual(self.do("status")["version"], "1")
        self.assertEqual(self.do("reload"), {"number": 7})

    def test_every_refusal_is_a_mail_error(self) -> None:
        """Nothing that an operator may say raises anything else."""
        nonsense: dict[str, Any] = {
            "name": "\0",
            "target": "@",
            "address": "\u2028@",
            "password": "",
            "targets": [],
            "ids": ["x"],
            "id": "",
            "domain": "..",
            "enabled": True,
            "quota_octets": 1,
        }
        for name in self.operations.names():
            operation = self.operations._table[name]
            code = operation.__func__.__code__  # type: ignore[attr-defined]
            wanted = code.co_varnames[1 : code.co_argcount]
            arguments = {n: nonsense[n] for n in wanted if n in nonsense}
            try:
                self.do(name, **arguments)
            except MailError as error:
                self.assertTrue(error.public, name)
