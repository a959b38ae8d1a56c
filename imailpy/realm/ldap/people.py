"""Users as the directory tells them."""

from __future__ import annotations

from attrs import frozen

from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.mail import Path, Secret
from imailpy.realm.ldap.answers import Entry, LdapDown
from imailpy.realm.ldap.filters import fill
from imailpy.realm.ldap.servers import Servers
from imailpy.realm.ldap.settings import LdapSettings

# More addresses of one user are not looked at.
MOST_ADDRESSES = 100
_YES = frozenset({"true", "yes", "1", "on", "active", "enabled"})


@frozen
class Person:
    """
    One user.

    Attributes:
        dn: Its name in the directory.
        addresses: Values of the attribute with its address.
        aliases: Its other addresses.
        quota_octets: None where the directory says nothing.
        enabled: It may sign in.
    """

    dn: str
    addresses: tuple[Path, ...] = ()
    aliases: tuple[Path, ...] = ()
    quota_octets: int | None = None
    enabled: bool = True


class People:
    """
    Finds users and checks their passwords.

    Args:
        settings: As of now; others than before make new connections.
    """

    def __init__(
        self,
        world: IWorld,
        tls: ITls | None,
        resolver: IResolver | None,
        settings: Provider[LdapSettings],
    ) -> None:
        self._world = world
        self._tls = tls
        self._resolver = resolver
        self._provider = settings
        self._made: tuple[LdapSettings, Servers] | None = None

    @property
    def settings(self) -> LdapSettings:
        """As of now."""
        return self._provider.current

    async def by_login(self, path: Path) -> Person | None:
        """
        Find who signs in by a name.

        Raises:
            LdapDown: It cannot be told, or several are found.
        """
        return await self._find(self.settings.user_filter, path)

    async def by_address(self, path: Path) -> Person | None:
        """Find who has an address; as `by_login`."""
        return await self._find(self.settings.recipient_filter, path)

    async def check(self, person: Person | None, password: Secret) -> bool:
        """
        Whether a password is right; for nobody, False after the same work.

        Raises:
            LdapDown: It cannot be told.
        """
        dn = self._nobody() if person is None else person.dn
        right = await self._servers().check(dn, password)
        return right and person is not None

    def close(self) -> None:
        """Hang up."""
        if self._made is not None:
            self._made[1].close()
            self._made = None

    def _nobody(self) -> str:
        """The name of somebody who is not there."""
        name = f"cn=nobody-{self._world.random.octets(8).hex()}"
        return f"{name},{self.settings.base}".rstrip(",")

    def _servers(self) -> Servers:
        settings = self.settings
        if self._made is None or self._made[0] != settings:
            self.close()
            servers = Servers(self._world, self._tls, self._resolver, settings)
            self._made = settings, servers
        return self._made[1]

    async def _find(self, template: str, path: Path) -> Person | None:
        found = await self._servers().search(fill(template, path), 2)
        if len(found) > 1:
            # Which of them is meant is nobody's to guess.
            raise LdapDown(f"the filter finds several for {path}")
        return _person(found[0], self.settings) if found else None


def _person(entry: Entry, settings: LdapSettings) -> Person:
    def texts(name: str) -> list[str]:
        values = entry.attributes.get(name.lower(), ()) if name else ()
        return [
            value.decode(errors="replace").strip()
            for value in values[:MOST_ADDRESSES]
        ]

    quota = next(iter(texts(settings.quota)), "")
    enabled = texts(settings.enabled)
    return Person(
        entry.dn,
        tuple(_paths(texts(settings.address))),
        tuple(_paths(texts(settings.aliases))),
        int(quota) if quota.isascii() and quota.isdigit() else None,
        all(value.lower() in _YES for value in enabled),
    )


def _paths(texts: list[str]) -> list[Path]:
    """Read addresses; what is none is left out."""
    found = []
    for text in texts:
        try:
            path = Path.parse(text)
        except ValueError:
            continue
        if not path.is_literal:
            found.append(path)
    return found
