"""
Bans: who shows signs of attack stays out for a time, from all services.

Signs have weights; when those of one address (IPv4 /32, IPv6 /64) reach a
score within a window, it is banned, longer each time. What is decided here is
decided in memory; the store hears of it in the next turn, one change at a
time, and nobody waits for that. A ban of which the store could not be told
holds all the same, and is told again later.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterator

from twisted.internet.defer import Deferred

from imailpy.errors import MailError
from imailpy.interfaces.bans import IBans
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.world import IWorld
from imailpy.mail import Ban, Client, Sign
from imailpy.policy.networks import address_number, parse_network
from imailpy.realm.counters import Counters
from imailpy.realm.limits import origin
from imailpy.realm.settings import BanSettings

_WIDTH = {4: 32, 6: 128}
_AGAIN_S = 30.0
SWEEP_S = 600.0

# Address family, width of the prefix.
_Family = tuple[int, int]


class Bans:
    """
    The bans of a server.

    Args:
        kept: Where they outlive us; None: nowhere.

    Attributes:
        changes: Grows with each ban: who has looked since need not again.
    """

    def __init__(
        self,
        world: IWorld,
        settings: Callable[[], BanSettings],
        kept: IBans | None,
        journal: IJournal,
        counters: Counters,
    ) -> None:
        self.changes = 0
        self._world = world
        self._settings = settings
        self._kept = kept
        self._journal = journal
        self._counters = counters
        # By network, the oldest first; those that are over stay a while.
        self._bans: OrderedDict[str, Ban] = OrderedDict()
        self._tables: dict[_Family, dict[int, Ban]] = {}
        # What the store was not told yet: None for one that is gone.
        self._untold: dict[str, Ban | None] = {}
        self._telling = False
        self._swept_at = 0.0

    async def load(self) -> None:
        """Read those that were kept; before anybody is let in."""
        if self._kept is not None:
            for ban in await self._kept.bans():
                self._put(ban)
            self._sweep()

    # Asking

    def find(self, address: str) -> Ban | None:
        """Give the ban that holds for an address, None for none."""
        if not self._tables or not self._settings().enabled:
            return None
        try:
            version, number = address_number(address)
        except ValueError:
            return None
        now = self._world.clock.now()
        width = _WIDTH[version]
        for (family, bits), table in self._tables.items():
            if family == version:
                ban = table.get(number >> (width - bits))
                if ban is not None and ban.holds(now):
                    return self._unless_exempt(ban, address)
        return None

    def _unless_exempt(self, ban: Ban, address: str) -> Ban | None:
        # What an operator bans by hand is meant.
        if ban.by == "server" and address in self._settings().exempt:
            return None
        return ban

    def all(self) -> list[Ban]:
        """Give those that hold, the oldest first."""
        now = self._world.clock.now()
        return [ban for ban in self._bans.values() if ban.holds(now)]

    def __len__(self) -> int:
        return len(self._bans)

    # Changing

    def noticed(self, client: Client, sign: Sign) -> None:
        """Count a sign; ban the client when it is one too many."""
        settings = self._settings()
        weight = settings.weights.get(sign, 0)
        address = client.address
        if not settings.enabled or not weight or address in settings.exempt:
            return
        try:
            address_number(address)
        except ValueError:
            return
        thing = b"s" + origin(address).client
        score = self._counters.add(thing, settings.window_s, weight)
        # What it was already banned for does not count twice.
        if score < settings.score or score - weight >= settings.score:
            return
        if self.find(address) is None:
            self._ban(client, sign, score)

    def _ban(self, client: Client, sign: Sign, score: int) -> None:
        settings = self._settings()
        now = self._world.clock.now()
        network = network_of(client.address)
        before = self._bans.get(network)
        times = 1
        if before is not None and before.until is not None:
            repeats = now - before.until < settings.repeat_s
            times = before.times + 1 if repeats else 1
        self.add(
            Ban(
                network,
                f"{sign.value} on {client.service}, score {score} of "
                f"{settings.score} in {settings.window_s} s",
                client.session_id,
                now,
                now + settings.length_s(times),
                times=times,
            )
        )

    def add(self, ban: Ban) -> None:
        """Put a ban in force, in place of that of the same network."""
        self._put(ban)
        self._tell_later(ban.network, ban)
        self.changes += 1
        self._journal.record(
            "ban.added",
            session_id=ban.session_id,
            network=ban.network,
            reason=ban.why,
            until=ban.until,
            by=ban.by,
            times=ban.times,
        )
        if self._world.clock.now() - self._swept_at >= SWEEP_S:
            self._sweep()

    def remove(self, network: str) -> Ban | None:
        """Lift a ban; gives it, or None when there was none."""
        ban = self._drop(network)
        if ban is not None:
            self._journal.record("ban.removed", network=network)
        return ban

    def rehearsing(self) -> Bans:
        """A likeness that bans nobody."""
        likeness = _Harmless.__new__(_Harmless)
        likeness.__dict__.update(self.__dict__)
        return likeness

    # Inside

    def _put(self, ban: Ban) -> None:
        family, number = _place(ban.network)
        self._bans[ban.network] = ban
        self._bans.move_to_end(ban.network)
        self._tables.setdefault(family, {})[number] = ban
        most = self._settings().most
        while len(self._bans) > most:
            self._drop(next(self._weakest()))

    def _weakest(self) -> Iterator[str]:
        """The oldest goes first; those made by hand last."""
        for network, ban in self._bans.items():
            if ban.by == "server":
                yield network
        yield next(iter(self._bans))

    def _drop(self, network: str) -> Ban | None:
        ban = self._bans.pop(network, None)
        if ban is None:
            return None
        family, number = _place(network)
        table = self._tables[family]
        table.pop(number, None)
        if not table:
            del self._tables[family]
        self._tell_later(network, None)
        return ban

    def _sweep(self) -> None:
        """Forget those that are over for so long that nobody repeats."""
        now = self._swept_at = self._world.clock.now()
        repeat_s = self._settings().repeat_s
        over = [
            network
            for network, ban in self._bans.items()
            if ban.until is not None and ban.until + repeat_s < now
        ]
        for network in over:
            self._drop(network)

    # The store

    def _tell_later(self, network: str, ban: Ban | None) -> None:
        if self._kept is None:
            return
        self._untold[network] = ban
        self._plan(0.0)

    def _plan(self, delay_s: float) -> None:
        if not self._telling:
            self._telling = True
            self._world.clock.call_later(delay_s, self._begin_telling)

    def _begin_telling(self) -> None:
        Deferred.fromCoroutine(self.tell())

    async def tell(self) -> None:
        """Tell the store what it was not told yet."""
        untold, self._untold = self._untold, {}
        kept = self._kept
        if kept is None or not untold:
            self._telling = False
            return
        changed = [ban for ban in untold.values() if ban is not None]
        removed = [name for name, ban in untold.items() if ban is None]
        delay_s = 0.0
        try:
            await kept.change(changed, removed)
        except MailError as error:
            # What has come meanwhile is newer.
            self._untold = {**untold, **self._untold}
            self._journal.record("ban.unstored", reason=error.private)
            delay_s = _AGAIN_S
        finally:
            self._telling = False
        if self._untold:
            self._plan(delay_s)

    async def stop(self) -> None:
        """Tell the rest, once."""
        await self.tell()


class _Harmless(Bans):
    """The bans of a rehearsal."""

    def noticed(self, client: Client, sign: Sign) -> None:
        """Nothing: nobody has done this."""


def network_of(address: str) -> str:
    """Give the network that is banned for an address."""
    version, number = address_number(address)
    bits = 32 if version == 4 else 64
    host = _WIDTH[version] - bits
    first: ipaddress.IPv4Address | ipaddress.IPv6Address
    if version == 4:
        first = ipaddress.IPv4Address(number)
    else:
        first = ipaddress.IPv6Address(number >> host << host)
    return f"{first}/{bits}"


def canonical(text: str) -> str:
    """
    Give a network its one form.

    Raises:
        ValueError: With words for the operator.
    """
    network = parse_network(text)
    width = _WIDTH[network.version]
    bits = width - (network.last - network.first).bit_length()
    kind = ipaddress.IPv4Address if width == 32 else ipaddress.IPv6Address
    return f"{kind(network.first)}/{bits}"


def _place(network: str) -> tuple[_Family, int]:
    """Give the table of a network, and its place there."""
    address, _, bits = network.partition("/")
    parsed = ipaddress.ip_address(address)
    width = _WIDTH[parsed.version]
    return (
        (parsed.version, int(bits)),
        int(parsed) >> (width - int(bits)),
    )
