"""A mail transaction, as the server's side keeps it."""

from __future__ import annotations

from attrs import define, field

from imailpy.mail import (
    NULL_PATH,
    Envelope,
    MailParameters,
    Path,
    Recipient,
)
from imailpy.protocol.smtp.body import ChunkFraming, Content, DataFraming
from imailpy.protocol.smtp.grammar import NO_PARAMETERS


@define
class Transaction:
    """
    From an accepted MAIL to the end of its message. Made anew by
    `ServerSession` for each: nothing of one reaches the next.

    Attributes:
        reverse_path: Of MAIL.
        parameters: Of MAIL.
        recipients: Accepted ones, in order.
        refused: Some RCPT was refused.
        content: The message; None before DATA or BDAT.
        data: Its framing, by DATA.
        chunks: Its framing, by BDAT.
        told: The listener knows the message's end, or that there is none.
    """

    reverse_path: Path = NULL_PATH
    parameters: MailParameters = NO_PARAMETERS
    recipients: list[Recipient] = field(factory=list)
    refused: bool = False
    content: Content | None = None
    data: DataFraming | None = None
    chunks: ChunkFraming | None = None
    told: bool = False
    _envelope: Envelope | None = None

    @property
    def envelope(self) -> Envelope:
        """As a value; recipients are only ever added."""
        envelope = self._envelope
        if envelope is None or len(envelope.recipients) != len(
            self.recipients
        ):
            envelope = self._envelope = Envelope(
                self.reverse_path, tuple(self.recipients), self.parameters
            )
        return envelope
