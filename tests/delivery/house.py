"""A small house: memory store, delivery, a fixture resolver, no listeners."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy.delivery.service import Delivery
from imailpy.delivery.settings import DeliverySettings
from imailpy.dns.fixed import FixedResolver
from imailpy.interfaces.delivery import Transaction
from imailpy.interfaces.directory import Alias
from imailpy.interfaces.queue import QueueRow
from imailpy.interfaces.store import Column
from imailpy.mail import (
    ACCEPTED,
    NULL_PATH,
    Client,
    Decision,
    Envelope,
    MailParameters,
    Path,
    Recipient,
    Reply,
    UidSet,
)
from tests.delivery.hosts import MemoryTls
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.still_world import StillWorld, result_of
from tests.support.store import SIMPLE, account_of, make_store

ALICE, BOB = "alice@example.test", "bob@example.test"
CAROL = "carol@other.test"
ANN = "ann@client.example"
CLIENT = Client("203.0.113.9", 4711, "smtp", "smtp", "session1")


def to(path: str, *notify: str, orcpt: str | None = None) -> Recipient:
    """Give a recipient."""
    return Recipient(Path.parse(path), frozenset(notify), orcpt)


class HouseCase(SynchronousTestCase):
    """Tests of a house that runs on a still clock."""

    def setUp(self) -> None:
        self.world = StillWorld()
        self.store = self.make_store()
        self.settings = Fixed(DeliverySettings())
        self.resolver = FixedResolver({})
        self.tls = MemoryTls()
        self.journal = KeptJournal()
        self.build()

    def make_store(self) -> Any:
        """Make the store with its domains and accounts."""
        return make_store(self.world)

    def few_mailboxes(self) -> None:
        """An account may have no mailbox more than it has."""
        self.store.settings = evolve(self.store.settings, mailboxes_most=6)

    def small_spool(self) -> None:
        """The spool has room for a hundred octets."""
        self.store.spool.most_octets = 100

    def build(self) -> None:
        """Build delivery anew, as after a restart."""
        self.delivery = Delivery(
            self.world,
            self.settings,
            self.store,
            self.resolver,
            self.tls,  # type: ignore[arg-type]
            self.journal,
        )

    def change(self, **changes: Any) -> None:
        """Reload with other settings."""
        self.settings.change(evolve(self.settings.current, **changes))

    def alias(self, address: str, *targets: str) -> None:
        paths = tuple(Path.parse(target) for target in targets)
        result_of(
            self.store.directory.add_alias(Alias(Path.parse(address), paths))
        )

    def see(self, awaitable: Any) -> Any:
        return result_of(awaitable, self.world)

    def start(self) -> None:
        self.delivery.start()
        self.world.run(0.1)

    def stop(self) -> None:
        stopping = Deferred.fromCoroutine(self.delivery.stop())
        self.world.run(60)
        self.successResultOf(stopping)

    def send(
        self,
        *recipients: Recipient | str,
        sender: str = ANN,
        octets: bytes = SIMPLE,
        decisions: list[Decision] | None = None,
        parameters: MailParameters | None = None,
        client: Client = CLIENT,
        **more: Any,
    ) -> list[Reply]:
        """Bring one message in; gives a reply for each recipient."""
        receiver = self.delivery.receiver
        to_all = tuple(
            to(each) if isinstance(each, str) else each for each in recipients
        )
        envelope = Envelope(
            Path.parse(sender) if sender else NULL_PATH,
            to_all,
            parameters or MailParameters(),
        )
        transaction = Transaction(
            receiver.new_delivery_id(),
            client,
            "client.example",
            more.pop("protocol", "ESMTP"),
            envelope,
            **more,
        )
        receiving = receiver.begin(transaction)
        for at in range(0, len(octets), 1000):
            receiving.write(octets[at : at + 1000])
        receiving.finish()
        replies = receiving.accept(decisions or [ACCEPTED] * len(to_all))
        return list(result_of(replies))

    def mails(self, address: str, mailbox: str = "INBOX") -> list[bytes]:
        """Everything in a mailbox; empty when there is none."""
        account = account_of(self.store, address)
        mail = self.store.account(account.id)
        names = [info.name for info in result_of(mail.mailboxes())]
        if mailbox not in names:
            return []
        box = result_of(mail.open(mailbox))
        rows = result_of(
            box.rows(UidSet.from_ranges([(1, 2**32 - 1)]), [Column.UID])
        )
        return [b"".join(result_of(box.body(uid)).chunks()) for (uid,) in rows]

    def rows(self) -> list[QueueRow]:
        return list(result_of(self.store.queue.rows()))

    def states(self) -> list[str]:
        """The queue, as `address state`, by address."""
        return sorted(
            f"{row.forward_path} {row.state.value}" for row in self.rows()
        )
