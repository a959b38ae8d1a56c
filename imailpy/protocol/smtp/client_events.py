"""What an SMTP or LMTP client session tells whoever drives it."""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import Recipient, Reply

# Final replies, one for each recipient of the envelope, in its order.
Results = tuple[tuple[Recipient, Reply], ...]


@frozen
class StartTls:
    """
    The server is ready for TLS: start the handshake, and when it is done
    call `secured` [RFC3207 4].
    """


@frozen
class Ready:
    """
    Greeted, secured and signed in as asked: `begin` a transaction, or `quit`.

    Attributes:
        extensions: What the server offers.
    """

    extensions: frozenset[str]


@frozen
class NeedBody:
    """
    The server takes the message: give its next piece with `send_body`.

    Comes once for each piece, until as many octets as `begin` announced
    were given.
    """


@frozen
class RecipientReply:
    """
    What became of one recipient: the reply to RCPT when it is a refusal, the
    final reply after the message otherwise. Tells early what `Finished`
    tells again.
    """

    recipient: Recipient
    reply: Reply


@frozen
class Finished:
    """
    The transaction is over; the session is ready for the next.

    Attributes:
        results: One reply for each recipient; where a recipient was not
            asked about (the sender was refused, the message is too large),
            the reply that says why.
        body_sent: Whether the server was sent the message.
    """

    results: Results
    body_sent: bool


@frozen
class Broken:
    """
    The session is of no more use; close the connection.

    Attributes:
        reason: For the log.
        temporary: Whether trying again, here or at another host, may help.
        reply: What the server said, where it said something.
        results: The recipients whose final reply came before it broke, as
            in `RecipientReply`; with LMTP also accepted ones.
        unknown: All of the message had been sent and its reply did not come:
            the other recipients may have it.
    """

    reason: str
    temporary: bool
    reply: Reply | None = None
    results: Results = ()
    unknown: bool = False


@frozen
class Closed:
    """QUIT was answered, or the server went away when nothing was open."""


ClientEvent = (
    StartTls | Ready | NeedBody | RecipientReply | Finished | Broken | Closed
)
