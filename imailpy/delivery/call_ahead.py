"""
Asking the server that a domain's mail is sent on to whether a recipient
exists, before taking the mail: what it does not know is refused in the
session and bounces nowhere.

Strangers decide who is asked for, so everything has a bound: answers kept,
questions open at a time, questions that wait, seconds for each.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from imailpy.delivery.remote import Remote, RemoteCarrier, destination_of
from imailpy.delivery.settings import DeliverySettings
from imailpy.delivery.undeliverable import Undeliverable
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IRecipientCheck, Known
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IWorld
from imailpy.mail import Path

MOST_KEPT = 10_000
MOST_OPEN = 10
MOST_WAITING = 200
PATIENCE_S = 30.0
# How long an answer holds. That nobody is there changes when somebody is
# hired, and mail that was refused is lost.
KEPT_S = {Known.YES: 6 * 3600.0, Known.NO: 600.0, Known.UNKNOWN: 30.0}
# Codes that are about the mailbox [RFC3463]; 5.4.1 is what Exchange Online
# says of an address that it does not know.
_ABOUT_MAILBOX = ("5.1.", "5.2.1", "5.4.1")


@implementer(IRecipientCheck)
class CallAhead:
    """Asks, and remembers for a while."""

    def __init__(
        self,
        world: IWorld,
        settings: Provider[DeliverySettings],
        remote: Remote,
        journal: IJournal,
    ) -> None:
        self._world = world
        self._settings = settings
        self._remote = remote
        self._journal = journal
        # Address -> until when, answer.
        self._kept: OrderedDict[str, tuple[float, Known]] = OrderedDict()
        # Questions under way, and who waits for the answer.
        self._asked: dict[str, list[Deferred[Known]]] = {}
        self._waiting: deque[Path] = deque()
        self._open = 0

    async def known(self, path: Path) -> Known:
        key = path.folded
        kept = self._kept.get(key)
        now = self._world.clock.monotonic()
        if kept is not None and now < kept[0]:
            return kept[1]
        answer = Deferred[Known]()
        asked = self._asked.get(key)
        if asked is not None:
            asked.append(answer)
            return await answer
        if self._open >= MOST_OPEN and len(self._waiting) >= MOST_WAITING:
            return Known.UNKNOWN
        self._asked[key] = [answer]
        self._waiting.append(path)
        self._next()
        return await answer

    def _next(self) -> None:
        """Ask what waits, as far as there is room."""
        while self._waiting and self._open < MOST_OPEN:
            self._open += 1
            path = self._waiting.popleft()
            Deferred.fromCoroutine(self._ask(path)).addBoth(self._told, path)

    def _told(self, said: object, path: Path) -> None:
        known = said if isinstance(said, Known) else Known.UNKNOWN
        key = path.folded
        self._open -= 1
        until = self._world.clock.monotonic() + KEPT_S[known]
        self._kept[key] = until, known
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        waiting = self._asked.pop(key, [])
        self._next()
        for answer in waiting:
            answer.callback(known)

    async def _ask(self, path: Path) -> Known:
        """Put one question; never raises, never takes longer than it may."""
        asking = Deferred.fromCoroutine(self._conversation(path))
        call = self._world.clock.call_later(PATIENCE_S, asking.cancel)
        try:
            known, why = await asking
        except CancelledError:
            known, why = Known.UNKNOWN, f"no answer in {PATIENCE_S:g} s"
        except Exception as error:
            # Whatever went wrong out there: nothing is known.
            known, why = Known.UNKNOWN, str(error) or type(error).__name__
        if call.active():
            call.cancel()
        self._journal.record(
            "relay.call_ahead",
            recipient=str(path),
            known=known.value,
            reason=why,
        )
        return known

    async def _conversation(self, path: Path) -> tuple[Known, str]:
        destination = destination_of(self._settings.current, path.domain)
        try:
            carrier: RemoteCarrier = await self._remote.open(destination)
        except Undeliverable as error:
            return Known.UNKNOWN, str(error.reply)
        try:
            reply = await carrier.ask(path)
        finally:
            # Until it is gone it is one of those that may be open.
            await carrier.close()
        if reply is None:
            return Known.UNKNOWN, f"{carrier.host} broke off"
        said = f"{carrier.host}: {reply}"
        if reply.positive:
            return Known.YES, said
        # Only what is said of the mailbox is about the recipient; a policy
        # that dislikes us says nothing of it.
        about = reply.enhanced_status or "5.1.1"
        if reply.permanent and about.startswith(_ABOUT_MAILBOX):
            return Known.NO, said
        return Known.UNKNOWN, said
