"""
Who is it? The checkers of the portal.

Each gives the id of an account, or `UnauthorizedLogin` with a reason that is
for the log alone: the peer is told the same words for every one of them,
after the same work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Attribute, implementer

from imailpy.interfaces.directory import Account, AccountSecrets, IDirectory
from imailpy.mail import PasswordCredentials, ProvenCredentials
from imailpy.realm.logins import Logins
from imailpy.realm.names import read_login_name, same_name
from imailpy.realm.passwords import Passwords, needs_rehash, prepare
from imailpy.realm.settings import LoginSettings

_AvatarId = Deferred[bytes | tuple[()]]


class IPasswordShown(ICredentials):
    """A name and a password that has to be checked."""

    credentials: PasswordCredentials = Attribute("""As typed.""")


class IProofShown(ICredentials):
    """A name whose owner has proven itself to an engine."""

    credentials: ProvenCredentials = Attribute("""As typed.""")


@implementer(IPasswordShown)
@frozen
class PasswordShown:
    """Password credentials in the portal's clothes."""

    credentials: PasswordCredentials


@implementer(IProofShown)
@frozen
class ProofShown:
    """Proven credentials in the portal's clothes."""

    credentials: ProvenCredentials


async def account_named(
    directory: IDirectory, name: str, settings: LoginSettings
) -> Account | None:
    """Find the account of a login name; an alias is no login name."""
    path = read_login_name(name, settings)
    found = None if path is None else await directory.find(path)
    return found if isinstance(found, Account) else None


def obstacle(
    account: Account | None,
    credentials: PasswordCredentials | ProvenCredentials,
    settings: LoginSettings,
) -> str | None:
    """Say why it cannot sign in whatever it shows, None if it can."""
    if account is None:
        return "no such account"
    if not account.enabled:
        return "the account is disabled"
    # Nobody acts for others: an authorization identity is one's own name
    # or nothing [RFC4616 2].
    authzid = credentials.authzid
    if authzid and not same_name(authzid, credentials.authcid, settings):
        return "the authorization identity is another's"
    return None


async def _in_octets(account_id: Awaitable[str]) -> bytes | tuple[()]:
    """Give an id as cred wants it."""
    return (await account_id).encode()


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Compares a password with the kept hash."""

    credentialInterfaces = (IPasswordShown,)

    def __init__(
        self,
        directory: IDirectory,
        passwords: Passwords,
        logins: Logins,
        settings: Callable[[], LoginSettings],
    ) -> None:
        self._directory = directory
        self._passwords = passwords
        self._logins = logins
        self._settings = settings

    def requestAvatarId(self, credentials: IPasswordShown) -> _AvatarId:
        return Deferred.fromCoroutine(
            _in_octets(self.check(credentials.credentials))
        )

    async def check(self, credentials: PasswordCredentials) -> str:
        """Give the account's id, or raise `UnauthorizedLogin`."""
        # An empty password never reaches a back end that may take it for
        # an anonymous login; this tells nothing about the account.
        if prepare(credentials.password) is None:
            raise UnauthorizedLogin("not a password")
        settings = self._settings()
        directory = self._directory
        account = await account_named(directory, credentials.authcid, settings)
        secrets = (
            AccountSecrets()
            if account is None
            else await directory.secrets(account.id)
        )
        kept = secrets.password_hash
        why_not = obstacle(account, credentials, settings)
        if account is None or why_not is not None or kept is None:
            await self._passwords.verify(None, credentials.password)
            raise UnauthorizedLogin(why_not or "the account has no password")
        if self._logins.knows(account.id, kept, credentials.password):
            return account.id
        if not await self._passwords.verify(kept, credentials.password):
            raise UnauthorizedLogin("wrong password")
        if needs_rehash(kept):
            kept = await self._rehash(account.id, kept, credentials)
        self._logins.remember(
            account.id, kept, credentials.password, settings.cache_s
        )
        return account.id

    async def _rehash(
        self, account_id: str, kept: str, credentials: PasswordCredentials
    ) -> str:
        """Keep the password as today's parameters want it."""
        anew = await self._passwords.hash(credentials.password)
        secrets = await self._directory.secrets(account_id)
        # It may have been changed while the hash was made.
        if secrets.password_hash != kept:
            return kept
        await self._directory.set_secrets(
            account_id, AccountSecrets(anew, secrets.scram)
        )
        return anew


@implementer(ICredentialsChecker)
class ProofChecker:
    """Takes an engine's word, and looks whether the account may sign in."""

    credentialInterfaces = (IProofShown,)

    def __init__(
        self, directory: IDirectory, settings: Callable[[], LoginSettings]
    ) -> None:
        self._directory = directory
        self._settings = settings

    def requestAvatarId(self, credentials: IProofShown) -> _AvatarId:
        return Deferred.fromCoroutine(
            _in_octets(self.check(credentials.credentials))
        )

    async def check(self, credentials: ProvenCredentials) -> str:
        """Give the account's id, or raise `UnauthorizedLogin`."""
        settings = self._settings()
        account = await account_named(
            self._directory, credentials.authcid, settings
        )
        why_not = obstacle(account, credentials, settings)
        if account is None or why_not is not None:
            raise UnauthorizedLogin(why_not)
        return account.id
