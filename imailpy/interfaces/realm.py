"""
The security realm as every listener sees it.

A connection has one gate; the gate is asked at each stage and gives a
`Decision`, which it has recorded by then.
"""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from enum import Enum

from attrs import frozen
from zope.interface import Attribute, Interface

from imailpy.interfaces.body import IBody
from imailpy.interfaces.directory import Account
from imailpy.mail import (
    Client,
    Credentials,
    Decision,
    MailParameters,
    Path,
    Recipient,
    ScramSecret,
    Sign,
)


class IAvatar(Interface):
    """Somebody who has signed in, and what that allows."""

    account: Account = Attribute("""Whose mailboxes it may use.""")
    identities: frozenset[str] = Attribute(
        """`Path.folded` of every address it may send as."""
    )
    domains: frozenset[str] = Attribute(
        """Domains of which it may send as anybody."""
    )

    def may_send_as(path: Path) -> bool:
        """Whether it owns this address (sub-addresses of it too)."""

    def logout() -> None:
        """The session is over."""


class IGate(Interface):
    """
    One connection's way through the stages.

    A transaction keeps the settings it began with. Decisions that refuse
    carry the reply to give.
    """

    client: Client = Attribute("""Who is there.""")
    avatar: IAvatar | None = Attribute("""Who has signed in.""")

    def connect() -> Awaitable[Decision]:
        """May it talk to us at all? Asked before the greeting."""

    def hello(name: str) -> Awaitable[Decision]:
        """It said HELO, EHLO or LHLO."""

    def secured(description: str) -> None:
        """TLS is on now; what was said before counts for nothing."""

    def login(
        credentials: Credentials,
    ) -> Awaitable[IAvatar]:
        """
        Sign in.

        Raises:
            LoginRefused: After the same work for every reason.
            LoginUnavailable: It could not be checked.
        """

    def scram_secret(authcid: str) -> Awaitable[ScramSecret]:
        """
        What SCRAM needs to know; a stable made-up one for a name that does
        not exist or has none. Raises `LoginUnavailable`.
        """

    def login_failed(mechanism: str, authcid: str) -> Awaitable[None]:
        """A SASL proof did not hold: count it; returns after the delay."""

    def mail(
        reverse_path: Path, parameters: MailParameters
    ) -> Awaitable[Decision]:
        """MAIL: begins a transaction if it is not refused."""

    def rcpt(recipient: Recipient) -> Awaitable[Decision]:
        """RCPT: relay, existence, quota."""

    def data(
        recipients: Sequence[Recipient], body: IBody
    ) -> Awaitable[Sequence[Decision]]:
        """End of data: one decision for each recipient."""

    def verify(text: str) -> Awaitable[Path | None]:
        """
        What VRFY is told where it may be: the address, None for nobody.

        Raises `DirectoryUnavailable`.
        """

    def expand(text: str) -> Awaitable[Sequence[Path]]:
        """
        What EXPN is told where it may be: where an alias leads, one step,
        or the address itself; empty for nobody. Raises as `verify`.
        """

    stressed: bool = Attribute(
        """
        Whether there is so much to do that strangers get less time and
        fewer mistakes.
        """
    )

    def noticed(sign: Sign) -> None:
        """
        The client did what honest ones do not: it counts toward a ban.

        Failed logins and unknown recipients are noticed by the gate itself.
        """

    def parting() -> Decision | None:
        """
        Give the refusal to part with when the client has been banned since
        it came; asked whenever it says something.
        """

    def rules() -> str:
        """The names of the rules that decided since MAIL, blank between."""

    def reset() -> None:
        """The transaction is over, whatever way it ended."""

    def closed() -> None:
        """The connection is gone."""


class IRealm(Interface):
    """The realm: gates for connections."""

    def gate(client: Client) -> IGate:
        """Make the gate of a new connection."""


class Known(Enum):
    """Whether a recipient of somebody else's domain exists."""

    YES = "yes"
    NO = "no"
    # It cannot be told just now.
    UNKNOWN = "unknown"


class IRecipientCheck(Interface):
    """Who can tell whether a domain of others has a recipient."""

    def known(path: Path) -> Awaitable[Known]:
        """
        Whether an address exists.

        Never raises: what cannot be told is `UNKNOWN`. Bounded in time, in
        memory and in what it asks at once.
        """


@frozen
class Standing:
    """
    What an address is to us.

    Attributes:
        local: Its domain is ours.
        exists: It can be delivered: account, alias, catch-all, user+box.
        over_quota: It exists and its mailbox has no room.
        room_octets: What its quota still takes; None: no limit.
    """

    local: bool
    exists: bool
    over_quota: bool = False
    room_octets: int | None = None


class IRecipients(Interface):
    """Who tells the realm whether a recipient is ours."""

    def standing(path: Path) -> Awaitable[Standing]:
        """
        Look an address up.

        Raises:
            DirectoryUnavailable: It cannot be told just now.
        """
