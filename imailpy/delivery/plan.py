"""
What accepting one message comes to: copies, rows, and replies.

Every mailbox gets one copy and every outside address one row, however many
recipients lead there; each recipient knows what was done for it.
"""

from __future__ import annotations

from attrs import define, field

from imailpy.delivery.boxes import INBOX, JUNK
from imailpy.delivery.routing import LocalPlace, Route
from imailpy.interfaces.queue import QueuedRecipient
from imailpy.mail import Decision, Mark, Path, Recipient, Reply, Verdict

_REFUSED = Reply(550, "Refused", "5.7.1")
_DEFERRED = Reply(451, "Try again later", "4.7.1")
_SUCCESS = "SUCCESS"


@define
class Copy:
    """
    One copy for a mailbox.

    Attributes:
        recipient: For whom, the first of them.
        places: Of the recipients that lead there.
    """

    place: LocalPlace
    mailbox: str
    recipient: Recipient
    places: list[int] = field(factory=list)


@define
class Plan:
    """
    What is to be done for the recipients of one message.

    Attributes:
        replies: By place in the envelope: set for those that are refused.
        copies: By account and mailbox.
        rows: By address, what is queued.
        queued_for: Places of recipients with something queued.
        discarded: Places of those whose mail is (also) thrown away.
        traces: Marks of aliases that send it on to the outside.
        marks: What the realm wants written on the message, each once.
    """

    replies: dict[int, Reply] = field(factory=dict)
    copies: dict[tuple[str, str], Copy] = field(factory=dict)
    rows: dict[str, QueuedRecipient] = field(factory=dict)
    queued_for: set[int] = field(factory=set)
    discarded: set[int] = field(factory=set)
    traces: set[str] = field(factory=set)
    marks: dict[Mark, None] = field(factory=dict)

    def refuse(self, place: int, decision: Decision) -> None:
        """The realm refused this recipient."""
        standard = _DEFERRED if decision.verdict is Verdict.DEFER else _REFUSED
        self.replies[place] = decision.reply or standard

    def take(
        self,
        place: int,
        recipient: Recipient,
        route: Route,
        junk: bool,
        held: bool = False,
    ) -> None:
        """
        This recipient's mail goes this way.

        Args:
            junk: Keep it away from inboxes.
            held: All of it waits in the queue, until an operator says so.
        """
        if route.discards:
            self.discarded.add(place)
        wants_report = _SUCCESS in recipient.notify and not junk
        if route.places and (held or wants_report):
            # Its success is reported in the transaction that ends a row.
            self._queue(place, recipient, recipient.forward_path, "", held)
            return
        for local in route.places:
            mailbox = JUNK if junk else local.mailbox
            key = (local.account.id, mailbox)
            copy = self.copies.setdefault(key, Copy(local, mailbox, recipient))
            copy.places.append(place)
        for path in route.outward:
            self._queue(place, recipient, path, path.domain, held)

    def _queue(
        self,
        place: int,
        recipient: Recipient,
        path: Path,
        route: str,
        held: bool,
    ) -> None:
        self.queued_for.add(place)
        key = f"{route}\0{path.folded}"
        if key in self.rows:
            return
        orcpt = recipient.orcpt
        if orcpt is None and path != recipient.forward_path:
            # A report shall name the address that the sender knows
            # [RFC3461 4.2].
            utf8 = recipient.forward_path.needs_smtputf8
            kind = "utf-8" if utf8 else "rfc822"
            orcpt = f"{kind};{recipient.forward_path}"
        self.rows[key] = QueuedRecipient(
            path, route, recipient.notify, orcpt, held=held
        )


def again(copy: Copy, separators: str, next_try: float) -> QueuedRecipient:
    """Give the row by which a copy that failed is tried again."""
    account, mailbox = copy.place.account, copy.mailbox
    path = account.address
    if mailbox != INBOX and separators:
        box = f"{path.local_part}{separators[0]}{mailbox}"
        path = Path(box, path.domain)
    return QueuedRecipient(
        path, "", copy.recipient.notify, copy.recipient.orcpt, next_try
    )
