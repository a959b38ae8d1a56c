"""
Where does this address lead?

An address that is ours leads to an account, or by aliases to accounts and to
addresses outside. What stands in the directory wins; then `user+box`; then
the postmaster that every domain has; then the domain's catch-all.
"""

from __future__ import annotations

from attrs import define, field, frozen
from zope.interface import implementer

from imailpy.delivery.boxes import INBOX, mailbox_of, splits
from imailpy.delivery.settings import DeliverySettings
from imailpy.interfaces.directory import Account, Alias, IDirectory
from imailpy.interfaces.realm import IRecipients, Standing
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IStore
from imailpy.mail import Path
from imailpy.mail.path import fold_local_part

_POSTMASTER = "postmaster"

_ANY_ROOM = Standing(True, True)

# So many routes are kept; then it starts over.
_MOST_ROUTES = 8_192


@frozen
class LocalPlace:
    """A mailbox that an address leads to."""

    account: Account
    mailbox: str


@frozen
class Route:
    """
    Where one address leads.

    Attributes:
        local: Its domain is ours.
        places: Mailboxes, each once.
        outward: Addresses of others, each once.
        discards: It leads (also) to a box that throws mail away.
        aliases: `Path.folded` of the aliases passed on the way.
        too_deep: Addresses were left out because a bound was reached.
    """

    local: bool
    places: tuple[LocalPlace, ...] = ()
    outward: tuple[Path, ...] = ()
    discards: bool = False
    aliases: tuple[str, ...] = ()
    too_deep: bool = False

    @property
    def exists(self) -> bool:
        """Whether mail for it can go anywhere."""
        return bool(self.places or self.outward or self.discards)


@define
class _Walk:
    """What was found so far on the way of one address."""

    places: dict[tuple[str, str], LocalPlace] = field(factory=dict)
    outward: dict[str, Path] = field(factory=dict)
    seen: set[tuple[str, str | None]] = field(factory=set)
    aliases: list[str] = field(factory=list)
    discards: bool = False
    too_deep: bool = False


@implementer(IRecipients)
class Router:
    """Finds where addresses lead, and tells the realm what they are to us."""

    def __init__(
        self, settings: Provider[DeliverySettings], store: IStore
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory: IDirectory = store.directory
        # Each address is asked for at RCPT and again when the message has
        # come: ways that lead somewhere, and what they were found with.
        self._routes: dict[tuple[str, str], Route] = {}
        self._found_with: tuple[int, object] = (0, None)

    async def standing(self, path: Path) -> Standing:
        route = self._at_hand(path) or await self.resolve(path)
        if not route.local or not route.places:
            return Standing(route.local, route.local and route.exists)
        if all(place.account.quota_octets is None for place in route.places):
            return _ANY_ROOM
        rooms = [await self._room(place.account) for place in route.places]
        limited = [room for room in rooms if room is not None]
        # Full only if nobody behind the address has room; the most that
        # anybody has is what may be sent.
        if len(limited) < len(rooms) or route.outward or route.discards:
            return _ANY_ROOM
        room = max(limited)
        return Standing(True, True, room <= 0, max(room, 0))

    async def resolve(self, path: Path) -> Route:
        """
        Follow an address to its ends.

        Returns:
            A route; for an address of others one that leads outward, for one
            of ours that is unknown one that does not exist.

        Raises:
            DirectoryUnavailable: It cannot be told just now.
        """
        route = self._at_hand(path)
        if route is None:
            found_with = self._found_with
            route = await self._resolved(path)
            if route.local and route.exists:
                key = path.local_part, path.domain
                self._keep(key, route, found_with)
        return route

    def _at_hand(self, path: Path) -> Route | None:
        """Give a route that was found before; None: it has to be found."""
        found_with = self._directory.version, self._settings.current
        if found_with != self._found_with:
            self._routes.clear()
            self._found_with = found_with
            return None
        return self._routes.get((path.local_part, path.domain))

    def _keep(
        self, key: tuple[str, str], route: Route, found_with: object
    ) -> None:
        """Keep a route unless something changed while it was looked for."""
        if found_with != (self._directory.version, self._settings.current):
            return
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        self._routes[key] = route

    async def _resolved(self, path: Path) -> Route:
        path = await self._localised(path)
        if not path.domain:
            # A bare name while we have no domain that it could belong to.
            return Route(True)
        if await self._directory.domain(path.domain) is None:
            return Route(False, outward=(path,))
        walk = _Walk()
        await self._follow(path, None, 0, walk)
        return Route(
            True,
            tuple(walk.places.values()),
            tuple(walk.outward.values()),
            walk.discards,
            tuple(walk.aliases),
            walk.too_deep,
        )

    # Following

    async def _follow(
        self, path: Path, box: str | None, depth: int, walk: _Walk
    ) -> None:
        settings = self._settings.current
        key = (path.folded, box)
        if key in walk.seen:
            return
        if depth > settings.alias_depth or (
            len(walk.seen) > settings.alias_targets
        ):
            walk.too_deep = True
            return
        walk.seen.add(key)
        domain = await self._directory.domain(path.domain)
        if domain is None:
            walk.outward.setdefault(path.folded, path)
            return
        found, own_box = await self._find(path)
        box = own_box if own_box is not None else box
        if isinstance(found, Account):
            self._place(found, box, walk)
        elif isinstance(found, Alias):
            walk.aliases.append(found.address.folded)
            for target in found.targets:
                local = await self._localised(target)
                await self._follow(local, box, depth + 1, walk)
        elif fold_local_part(path.local_part) == _POSTMASTER:
            await self._postmaster(path.domain, depth, walk)
        elif domain.catch_all is not None:
            await self._follow(domain.catch_all, None, depth + 1, walk)

    async def _find(
        self, path: Path
    ) -> tuple[Account | Alias | None, str | None]:
        """What stands at an address, and the box that it names."""
        found = await self._directory.find(path)
        if found is not None:
            return found, None
        separators = self._settings.current.separators
        for user, box in splits(path.local_part, separators):
            found = await self._directory.find(Path(user, path.domain))
            if found is not None:
                return found, box
        return None, None

    def _place(self, account: Account, box: str | None, walk: _Walk) -> None:
        mailbox = INBOX if box is None else mailbox_of(box)
        if mailbox is None:
            walk.discards = True
            return
        place = LocalPlace(account, mailbox)
        walk.places.setdefault((account.id, mailbox), place)

    async def _postmaster(self, domain: str, depth: int, walk: _Walk) -> None:
        """Somebody reads what the postmaster gets [RFC5321 4.5.1]."""
        chosen = self._settings.current.postmaster
        if chosen is not None:
            before = len(walk.places) + len(walk.outward)
            await self._follow(chosen, None, depth + 1, walk)
            if len(walk.places) + len(walk.outward) > before:
                return
        accounts = await self._directory.accounts(domain)
        if not accounts:
            accounts = await self._directory.accounts()
        if accounts:
            self._place(accounts[0], None, walk)

    async def postmaster(self, host_name: str) -> Path:
        """
        Give the address that our own messages come from: a person's, who
        answers.

        Args:
            host_name: Whose postmaster it is while we have no domain.
        """
        path = await self._localised(Path(_POSTMASTER, ""))
        return path if path.domain else Path(_POSTMASTER, host_name)

    async def _localised(self, path: Path) -> Path:
        """
        Give an address literal of ours, and the bare postmaster, the domain
        they belong to [RFC5321 4.1.1.3] [RFC5321 4.1.3].
        """
        settings = self._settings.current
        if path.is_literal:
            literal = path.domain[1:-1].removeprefix("IPv6:")
            if literal not in settings.own_addresses:
                return path
        elif path.domain or not path.local_part:
            return path
        name = settings.literal_domain
        if name is None:
            domains = await self._directory.domains()
            if not domains:
                return path
            name = domains[0].name
        return Path(path.local_part, name)

    async def _room(self, account: Account) -> int | None:
        """Octets that an account's quota still takes; None: no limit."""
        if account.quota_octets is None:
            return None
        used = await self._store.account(account.id).used_octets()
        return account.quota_octets - used
