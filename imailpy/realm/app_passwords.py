"""
App passwords: one for each program, made by us.

Twenty letters drawn by the server are 94 bits: nobody guesses them, however
fast the hash. So they are kept as HMAC-SHA256 with a key of the server and
the account's id, and finding the right one of many takes microseconds and no
thread. A slow hash is for what people think up.

Each may be bound to services and networks, and may expire. It never opens
the web pages: who could change the account with it could do everything.
"""

from __future__ import annotations

import hmac
import re
from string import ascii_lowercase

from twisted.internet.defer import Deferred

from imailpy.errors import MailError
from imailpy.interfaces.directory import AppPassword, IDirectory
from imailpy.interfaces.world import IRandom, IWorld
from imailpy.mail import Client, Secret
from imailpy.policy.networks import Networks

# What an app password may be bound to.
SCOPES = ("smtp", "imap", "pop3", "managesieve")
# Service -> scope. Other services take no app passwords.
_SCOPE_OF = {
    "smtp": "smtp",
    "submission": "smtp",
    "imap": "imap",
    "pop3": "pop3",
    "managesieve": "managesieve",
}
MOST_OF_ONE = 100
SERVER_KEY = "app-passwords"
# How exactly it is known when one was used.
HOUR_S = 3600.0

_LETTERS, _GROUP, _ID_LETTERS = 20, 5, 6
_FORM = re.compile(rb"[a-z]{%d}" % _LETTERS)


def is_mail(client: Client | None) -> bool:
    """Whether an app password could be good at this door."""
    return client is None or client.service in _SCOPE_OF


def draw_letters(random: IRandom, count: int) -> str:
    """Draw letters, each as likely as the others."""
    letters: list[str] = []
    # The octets above would make the first letters likelier.
    most = 256 - 256 % len(ascii_lowercase)
    while len(letters) < count:
        letters += [
            ascii_lowercase[octet % len(ascii_lowercase)]
            for octet in random.octets(count)
            if octet < most
        ]
    return "".join(letters[:count])


def spelt(letters: str) -> str:
    """Spell one as it is shown: `abcde-fghij-klmno-pqrst`."""
    groups = range(0, len(letters), _GROUP)
    return "-".join(letters[at : at + _GROUP] for at in groups)


def read_letters(password: Secret) -> bytes | None:
    """Read one as typed, with hyphens, blanks, capitals or without."""
    octets = password.reveal()
    if len(octets) > 2 * _LETTERS:
        return None
    letters = octets.translate(None, b" -").lower()
    return letters if _FORM.fullmatch(letters) else None


def out_of_scope(
    kept: AppPassword, client: Client | None, now: float
) -> str | None:
    """Say why one that is right is not good here and now, None if it is."""
    name = f"app password {kept.id}"
    if kept.expires_at is not None and now >= kept.expires_at:
        return f"{name} has expired"
    if client is None:
        return None
    scope = _SCOPE_OF.get(client.service)
    if scope is None or (kept.services and scope not in kept.services):
        good_for = ", ".join(sorted(kept.services)) or "mail services"
        return f"{name} is for {good_for}, not for {client.service}"
    if kept.networks and not _inside(kept.networks, client.address):
        return f"{name} is not for clients at {client.address}"
    return None


def _inside(networks: tuple[str, ...], address: str) -> bool:
    if not address:
        return False
    return Networks.parse(networks).find(address) is not None


class AppPasswords:
    """Makes app passwords, and finds them again."""

    def __init__(self, world: IWorld, directory: IDirectory) -> None:
        self._world = world
        self._directory = directory
        # (account, id) of those whose use is being written down.
        self._noting: set[tuple[str, str]] = set()

    async def make(
        self,
        account_id: str,
        *,
        note: str = "",
        services: frozenset[str] = frozenset(),
        networks: tuple[str, ...] = (),
        expires_at: float | None = None,
    ) -> tuple[AppPassword, str]:
        """
        Make one and keep it.

        Returns:
            What is kept, and the password: nobody can tell it again.

        Raises:
            ObjectNotFound: No such account.
        """
        random = self._world.random
        letters = draw_letters(random, _LETTERS)
        made = AppPassword(
            draw_letters(random, _ID_LETTERS),
            await self._digest(account_id, letters.encode()),
            note,
            services,
            networks,
            self._world.clock.now(),
            expires_at,
        )
        await self._directory.add_app_password(account_id, made)
        return made, spelt(letters)

    async def find(
        self, account_id: str, password: Secret
    ) -> AppPassword | None:
        """
        Find the one that somebody shows.

        Args:
            account_id: Empty for an account that is not there.
        """
        letters = read_letters(password)
        if letters is None:
            return None
        shown = (await self._digest(account_id, letters)).reveal()
        found = None
        for each in await self._directory.app_passwords(account_id):
            if hmac.compare_digest(each.digest.reveal(), shown):
                found = each
        return found

    def used(self, account_id: str, kept: AppPassword) -> None:
        """Note the hour; whoever signs in does not wait for that."""
        now = self._world.clock.now()
        name = account_id, kept.id
        lately = kept.used_at is not None and now - kept.used_at < HOUR_S
        if lately or name in self._noting:
            return
        self._noting.add(name)
        Deferred.fromCoroutine(self._note(name, now - now % HOUR_S))

    async def _note(self, name: tuple[str, str], hour: float) -> None:
        try:
            await self._directory.touch_app_password(*name, hour)
        except MailError:
            # A full disk keeps nobody from reading mail; the next login
            # tries again.
            return
        finally:
            self._noting.discard(name)

    async def _digest(self, account_id: str, letters: bytes) -> Secret:
        key = await self._directory.server_key(SERVER_KEY)
        message = b"%b:%b" % (account_id.encode(), letters)
        return Secret(hmac.digest(key, message, "sha256"))
