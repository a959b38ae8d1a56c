"""
What is known at each stage.

Facts are frozen: a check cannot change what the next one sees. The facts of
a stage hold those of the stages before it as far as somebody asked for them.

They are made for each command and soon gone, so they have no slots: attrs
makes a frozen value without them in two thirds of the time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from enum import Enum
from typing import Protocol

from attrs import field, frozen

from imailpy.interfaces.realm import IAvatar, Known, Standing
from imailpy.mail import Ban, Client, MailParameters, Path, Recipient
from imailpy.policy.settings.sending import SendingLimits

# Services whose clients are users that must sign in before they send.
SUBMISSION = "submission"
LMTP = "lmtp"
_NOBODY_KNOWS: Mapping[str, KnowsRecipients] = {}


class MailDomain(Enum):
    """What DNS says of a domain that mail is to be sent to."""

    EXISTS = "exists"
    MISSING = "missing"
    NULL_MX = "null-mx"
    UNKNOWN = "unknown"


class Lookups(Protocol):
    """What a check may ask the world, one question at a time."""

    def mail_domain(self, name: str) -> Awaitable[MailDomain]:
        """Whether mail to a domain can go anywhere; never raises."""
        ...


class KnowsRecipients(Protocol):
    """Who can tell whether a domain of others has a recipient."""

    def known(self, path: Path) -> Awaitable[Known]:
        """Whether it exists; never raises."""
        ...


@frozen
class SenderStanding:
    """
    What a reverse-path is to us, as far as a check needs to know.

    Attributes:
        local: Its domain is ours.
        exists: Somebody has the address: an account, an alias, or a box of
            one of them; a catch-all is nobody.
    """

    local: bool = False
    exists: bool = False


UNKNOWN_SENDER = SenderStanding()


@frozen(slots=False)
class ConnectFacts:
    """
    Somebody has connected.

    Attributes:
        from_address: Open connections of its address, this one included.
        from_network: Open connections of its network, this one included.
        in_total: Open connections of all services, this one included.
        now: Seconds since 1970.
        ban: The one that is in force for its address, None for none.
        address_rate: Connections that its address has made in this minute.
        network_rate: The same of its network.
    """

    client: Client
    from_address: int = 1
    from_network: int = 1
    in_total: int = 1
    now: float = 0.0
    ban: Ban | None = None
    address_rate: int = 0
    network_rate: int = 0


@frozen(slots=False)
class HelloFacts:
    """
    HELO, EHLO or LHLO was said.

    Attributes:
        name: As said.
        tls: Protocol and cipher, None for plain text.
    """

    client: Client
    name: str
    tls: str | None = None


@frozen(slots=False)
class Session:
    """
    Who speaks: the same for every command of a transaction.

    Attributes:
        helo: The name that was said; None: no greeting yet.
        tls: Protocol and cipher, None for plain text.
        avatar: Who has signed in.
        lookups: None where nothing can be looked up.
        onward: Who knows recipients of domains that we take mail for, by
            the name of the check.
    """

    client: Client
    helo: str | None = None
    tls: str | None = None
    avatar: IAvatar | None = None
    lookups: Lookups | None = None
    onward: Mapping[str, KnowsRecipients] = _NOBODY_KNOWS

    @property
    def is_submission(self) -> bool:
        """Whether the rules for a site's own users apply."""
        return self.avatar is not None or self.client.service == SUBMISSION


@frozen
class Usage:
    """
    What an account has sent in 24 hours, with what is under way.

    Attributes:
        account: Its address.
        limits: What it may.
        first_time: Recipients it had never written to before.
        burst: Messages that it may send at once.
    """

    account: str
    limits: SendingLimits
    messages: int = 0
    recipients: int = 0
    first_time: int = 0
    burst: float = 0.0


@frozen(slots=False)
class MailFacts:
    """
    MAIL was said.

    Attributes:
        sender_owned: The avatar may send as `reverse_path`; nobody else has
            that very address.
        sender: What the reverse-path is to us, where nobody has signed in.
        usage: What the avatar has sent; None where nobody counts.
        rate: Messages of its address in this minute; 0: nobody counts.
    """

    session: Session
    reverse_path: Path
    parameters: MailParameters = field(factory=MailParameters)
    sender_owned: bool = False
    usage: Usage | None = None
    rate: int = 0
    sender: SenderStanding = UNKNOWN_SENDER


@frozen(slots=False)
class RcptFacts:
    """
    RCPT was said.

    Attributes:
        mail: What MAIL said.
        standing: What the recipient is to us.
        accepted: Recipients accepted before it in this transaction.
        usage: What the avatar has sent as of now; None where nobody counts.
        first_time: It has never written to this address, as far as we know.
        unknown: Unknown ones before it, on its connection or from its
            address, whichever is more; of those who have signed in: 0.
    """

    mail: MailFacts
    recipient: Recipient
    standing: Standing
    accepted: int = 0
    usage: Usage | None = None
    first_time: bool = False
    unknown: int = 0

    @property
    def forward_path(self) -> Path:
        """Where it is to go."""
        return self.recipient.forward_path

    @property
    def is_local(self) -> bool:
        """Whether it is ours; a bare postmaster always is."""
        return self.standing.local or not self.recipient.forward_path.domain

    @property
    def is_postmaster(self) -> bool:
        """Whether it is a postmaster of ours [RFC5321 4.5.1]."""
        local_part = self.recipient.forward_path.local_part
        return self.is_local and local_part.lower() == "postmaster"


@frozen
class Authorship:
    """
    Who a message claims to be from [RFC5322 3.6.2].

    Attributes:
        readable: The fields obey the grammar, one From, at most one Sender.
        complaint: What is wrong where they are not readable.
        authors: Mailboxes of From.
        sender: Mailbox of Sender, None when there is no such field.
        foreign: Those of them that the avatar may not send as.
    """

    readable: bool = True
    complaint: str = ""
    authors: tuple[Path, ...] = ()
    sender: Path | None = None
    foreign: tuple[Path, ...] = ()


@frozen(slots=False)
class MessageFacts:
    """
    The message is complete: what holds for all its recipients.

    Attributes:
        size_octets: Its length.
        authorship: None where nobody had to ask.
    """

    mail: MailFacts
    size_octets: int
    authorship: Authorship | None = None


@frozen(slots=False)
class DataFacts:
    """The message is complete: one of its recipients."""

    message: MessageFacts
    recipient: Recipient
    standing: Standing
