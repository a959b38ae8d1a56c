"""How a listener hands a message over."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from attrs import frozen
from zope.interface import Interface

from imailpy.interfaces.body import IBody
from imailpy.interfaces.realm import IAvatar
from imailpy.mail import Client, Decision, Envelope, Reply


@frozen
class Transaction:
    """
    What is known when DATA begins.

    Attributes:
        delivery_id: Ours; in the Received field, log, queue and history.
        helo: As the client said it.
        protocol: For Received: `SMTP`, `ESMTP`, `ESMTPS`, `ESMTPSA`, `LMTP`,
            `UTF8SMTPSA` ... [RFC3848] [RFC6531 4.3].
        tls: Protocol and cipher for the Received comment, or None.
        avatar: Who signed in, or None.
        submission: Mend the header section, strip Bcc [RFC6409 8].
    """

    delivery_id: str
    client: Client
    helo: str
    protocol: str
    envelope: Envelope
    tls: str | None = None
    avatar: IAvatar | None = None
    submission: bool = False


class IReceiving(Interface):
    """One message that is arriving."""

    def write(octets: bytes) -> None:
        """Take a piece of it; never raises, trouble shows at `finish`."""

    def finish() -> IBody:
        """
        It is complete.

        Raises:
            StorageFull: No room for it.
            PeerError: 554 5.4.6 for too many hops; 550 for a submission that
                cannot be mended.
        """

    def accept(decisions: Sequence[Decision]) -> Awaitable[Sequence[Reply]]:
        """
        Take responsibility for the recipients that were not refused.

        Args:
            decisions: One for each recipient of the envelope.

        Returns:
            One reply for each recipient, positive ones only once the
            message would outlive a power cut. Never raises a `MailError`.
        """

    def discard() -> None:
        """Forget it. Harmless at any time."""


class IReceiver(Interface):
    """Where accepted mail goes."""

    def begin(transaction: Transaction) -> IReceiving:
        """A message begins to arrive."""

    def new_delivery_id() -> str:
        """A fresh one."""
