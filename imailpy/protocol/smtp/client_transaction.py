"""One message to its recipients, as the client sees it."""

from __future__ import annotations

from attrs import define, field

from imailpy.mail import Envelope, Recipient, Reply
from imailpy.protocol.smtp.client_events import Results
from imailpy.protocol.smtp.stuffing import DotStuffing


@define
class Transaction:
    """
    What is known of the running transaction.

    Attributes:
        envelope: As given to `begin`.
        size_octets: Of the message.
        smtputf8: It goes with SMTPUTF8.
        accepted: Places in the envelope of those that were accepted.
        replies: Final replies by place in the envelope.
        sent: Octets of the message given so far.
        stuffing: Set where it goes by DATA.
        body_begun: The server has been sent some of the message.
        chunks_open: BDATs that were not answered yet.
        asks: No message follows: the replies to RCPT are what is wanted.
        failed: The reply that ended it before its message was complete.
    """

    envelope: Envelope
    size_octets: int
    smtputf8: bool = False
    accepted: list[int] = field(factory=list)
    replies: dict[int, Reply] = field(factory=dict)
    sent: int = 0
    stuffing: DotStuffing | None = None
    body_begun: bool = False
    chunks_open: int = 0
    failed: Reply | None = None
    asks: bool = False

    @property
    def body_complete(self) -> bool:
        """Whether all of the message was given."""
        return self.body_begun and self.sent == self.size_octets

    @property
    def open_places(self) -> list[int]:
        """Places of recipients without a final reply."""
        return [
            place
            for place in range(len(self.envelope.recipients))
            if place not in self.replies
        ]

    def recipient(self, place: int) -> Recipient:
        """The recipient at a place of the envelope."""
        return self.envelope.recipients[place]

    def results(self) -> Results:
        """Final replies so far, in the order of the envelope."""
        return tuple(
            (recipient, self.replies[place])
            for place, recipient in enumerate(self.envelope.recipients)
            if place in self.replies
        )
