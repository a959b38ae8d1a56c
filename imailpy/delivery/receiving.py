"""
How a message comes in: from a listener's pieces to a promise.

The octets go to the spool as they arrive; of a submission the header section
is held back and mended first. When the realm has decided, one call of
`IStore.accept` makes every copy and every row of the queue in one
transaction, and only then is anything promised.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from imailpy.delivery.accepting import Doors, Planning, Promise
from imailpy.delivery.repeats import Repeats
from imailpy.delivery.routing import Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.delivery.unmarking import Unmarking
from imailpy.errors import MailError, PeerError, StorageFull
from imailpy.interfaces.body import IBody, IIncomingBody
from imailpy.interfaces.delivery import IReceiver, IReceiving, Transaction
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IStore
from imailpy.interfaces.world import IWorld
from imailpy.mail import Decision, Reply
from imailpy.message.header import SectionReader
from imailpy.message.lines import LineBreaker
from imailpy.message.mend import mend_section

_TOO_MANY_HOPS = Reply(554, "Too many hops", "5.4.6")
_TOO_LARGE = Reply(550, "Message refused: header section too large", "5.6.0")

# Sorts as the numbers do.
_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]


def ordered_id(now: float, token: str) -> str:
    """
    Make an id that sorts by time: rows with neighbouring ids lie together,
    and a group of messages changes few pages of the store.

    Args:
        now: Seconds; thousandths count.
        token: Twenty random characters, of which eleven are kept: 55 bits in
            every millisecond.
    """
    number = int(now * 1000)
    return (
        f"{_DIGITS[number >> 40 & 31]}{_PAIRS[number >> 30 & 1023]}"
        f"{_PAIRS[number >> 20 & 1023]}{_PAIRS[number >> 10 & 1023]}"
        f"{_PAIRS[number & 1023]}{token[:11]}"
    )


@implementer(IReceiver)
class Receiver:
    """Where accepted mail goes."""

    def __init__(
        self,
        world: IWorld,
        settings: Provider[DeliverySettings],
        store: IStore,
        router: Router,
        journal: IJournal,
    ) -> None:
        self._world = world
        self._settings = settings
        self._store = store
        self._router = router
        self._journal = journal
        self._repeats = Repeats(world.clock)

    def new_delivery_id(self) -> str:
        return ordered_id(self._world.clock.now(), self._world.random.token())

    def begin(self, transaction: Transaction) -> Receiving:
        return Receiving(self.doors(transaction))

    def doors(self, transaction: Transaction) -> Doors:
        """What a transaction is accepted with."""
        return Doors(
            self._world,
            self._settings.current,
            self._store,
            self._router,
            self._journal,
            transaction,
            self._repeats,
        )


@implementer(IReceiving)
class Receiving:
    """One message that is arriving."""

    def __init__(self, doors: Doors) -> None:
        transaction = doors.transaction
        self._doors = doors
        self._transaction = transaction
        self._settings = doors.settings
        self._trouble: MailError | PeerError | None = None
        self._incoming: IIncomingBody | None = None
        self._body: IBody | None = None
        self._section = SectionReader() if transaction.submission else None
        self._lines = LineBreaker() if transaction.submission else None
        self._held = b""
        stranger = (
            transaction.avatar is None and transaction.client.service == "smtp"
        )
        self._unmarking = Unmarking() if stranger else None
        size = transaction.envelope.parameters.size_octets
        try:
            self._incoming = doors.store.spool.incoming(size)
        except StorageFull as error:
            self._trouble = error

    # Arriving

    def write(self, octets: bytes) -> None:
        if self._trouble is not None:
            return
        try:
            if self._section is None:
                self._keep(self._unmarked(octets))
            else:
                self._mend(self._section, octets, final=False)
        except (MailError, PeerError) as error:
            self._give_up(error)

    def finish(self) -> IBody:
        if self._trouble is None and self._section is not None:
            try:
                self._mend(self._section, b"", final=True)
            except (MailError, PeerError) as error:
                self._give_up(error)
        if self._trouble is None and self._unmarking is not None:
            try:
                self._keep(self._unmarking.end())
            except MailError as error:
                self._give_up(error)
        if self._trouble is None and self._lines is not None:
            lines, self._lines = self._lines, None
            try:
                self._keep(lines.finish())
            except MailError as error:
                self._give_up(error)
        if self._trouble is not None:
            raise self._trouble
        if self._incoming is None:
            raise ValueError("finished already")
        incoming, self._incoming = self._incoming, None
        body = self._body = incoming.finish()
        rendition = body.rendition
        if rendition is not None and rendition.hops > self._settings.hop_limit:
            self.discard()
            raise PeerError(_TOO_MANY_HOPS)
        return body

    def discard(self) -> None:
        if self._incoming is not None:
            incoming, self._incoming = self._incoming, None
            incoming.discard()
        if self._body is not None:
            body, self._body = self._body, None
            body.release()

    def _keep(self, octets: bytes) -> None:
        if self._lines is not None:
            octets = self._lines.take(octets)
        if self._incoming is not None and octets:
            self._incoming.write(octets)

    def _unmarked(self, octets: bytes) -> bytes:
        """Leave out what only we may write on a message."""
        unmarking = self._unmarking
        if unmarking is None:
            return octets
        kept = unmarking.take(octets)
        if unmarking.done:
            self._unmarking = None
        return kept

    def _give_up(self, error: MailError | PeerError) -> None:
        self._trouble = error
        self._held, self._section = b"", None
        self.discard()

    def _mend(
        self, section: SectionReader, octets: bytes, *, final: bool
    ) -> None:
        """Hold the header section back until it is complete."""
        held = self._held + octets
        self._held = held[section.take(held, 0, final) :]
        if section.overlong:
            raise PeerError(_TOO_LARGE)
        if not section.done:
            return
        world = self._doors.world
        mended = mend_section(
            section.octets,
            now=world.clock.now(),
            message_id=f"{self._transaction.delivery_id}@{world.host_name}",
            authserv_ids=(world.host_name,),
        )
        self._section = None
        rest, self._held = self._held, b""
        self._keep(mended.octets)
        self._keep(rest)

    # Accepting

    async def accept(self, decisions: Sequence[Decision]) -> Sequence[Reply]:
        if self._body is None:
            raise ValueError("nothing was finished")
        recipients = self._transaction.envelope.recipients
        if len(decisions) != len(recipients):
            raise ValueError("one decision for each recipient")
        places = range(len(recipients))
        try:
            plan = await Planning(self._doors, self._body).plan(decisions)
            refused = dict(plan.replies)
            try:
                await Promise(self._doors, plan, self._body).make()
            except MailError as error:
                self._doors.tell("delivery.unaccepted", why=error.private)
                return [refused.get(place, error.reply) for place in places]
        finally:
            self.discard()
        return [plan.replies[place] for place in places]
