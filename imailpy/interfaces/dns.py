"""Look-ups."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from attrs import frozen
from zope.interface import Interface


@frozen
class MailHost:
    """One MX: a host and its preference, lower first [RFC5321 5.1]."""

    preference: int
    host: str


@frozen
class Answer:
    """
    What DNS said to one question.

    Attributes:
        records: Their data in the type's own form; empty for none.
        exists: False for NXDOMAIN.
        secure: The answer was validated by a resolver that we trust.
        ttl_s: Seconds it may be kept.
    """

    records: tuple[str, ...] = ()
    exists: bool = True
    secure: bool = False
    ttl_s: int = 0


class IResolver(Interface):
    """
    A stub resolver. Names are absolute A-labels without trailing dot.

    Every method raises `LookupFailed` when there is no answer that can be
    trusted: time-out, SERVFAIL, REFUSED, nonsense. It is never "no".
    """

    def mx(domain: str) -> Awaitable[Sequence[MailHost] | None]:
        """
        MX records, best first; an empty host is the null MX [RFC7505].

        Returns:
            None when the domain does not exist (NXDOMAIN); an empty sequence
            when it exists without MX.
        """

    def addresses(host: str) -> Awaitable[Sequence[str]]:
        """IPv6 and IPv4 addresses; empty when there are none."""

    def txt(name: str) -> Awaitable[Answer]:
        """TXT records, the strings of each joined."""

    def ptr(address: str) -> Awaitable[Answer]:
        """Names of an IP address."""
