"""What checks may ask the world, with a short, bounded memory."""

from __future__ import annotations

from collections import OrderedDict

from imailpy.errors import LookupFailed
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.world import IClock
from imailpy.policy.facts import MailDomain

MOST_DOMAINS = 4096
# The resolver has its own cache by TTL; this one spares a burst of
# recipients of one domain the way there.
KEPT_S = 60.0


class DomainLookups:
    """`Lookups` over DNS."""

    def __init__(self, resolver: IResolver, clock: IClock) -> None:
        self._resolver = resolver
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, MailDomain]] = OrderedDict()

    async def mail_domain(self, name: str) -> MailDomain:
        """Whether mail to a domain can go anywhere [RFC5321 5.1]."""
        now = self._clock.monotonic()
        known = self._known.get(name)
        if known is not None and now < known[0]:
            return known[1]
        try:
            found = await self._ask(name)
        except LookupFailed:
            return MailDomain.UNKNOWN
        self._known[name] = now + KEPT_S, found
        self._known.move_to_end(name)
        if len(self._known) > MOST_DOMAINS:
            self._known.popitem(last=False)
        return found

    async def _ask(self, name: str) -> MailDomain:
        hosts = await self._resolver.mx(name)
        if hosts is None:
            return MailDomain.MISSING
        if any(each.host not in ("", ".") for each in hosts):
            return MailDomain.EXISTS
        if hosts:
            return MailDomain.NULL_MX
        if await self._resolver.addresses(name):
            return MailDomain.EXISTS
        return MailDomain.MISSING
