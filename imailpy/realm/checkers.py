"""
Who is it? The checkers of the portal.

Each gives the id of an account, or `UnauthorizedLogin` with a reason that is
for the log alone: the peer is told the same words for every one of them,
after the same work.

A password is one of two things. Twenty letters may be an app password, which
is found by its digest, and is good where its owner said. Everything else is
the account's own password; where that alone does not do (the account has
one-time codes, or its operator wants app passwords), it opens no mail
service.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from attrs import define, evolve
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Attribute, implementer

from imailpy.interfaces.directory import (
    Account,
    AccountSecrets,
    AppPassword,
    IDirectory,
)
from imailpy.mail import (
    CertificateCredentials,
    PasswordCredentials,
    ProvenCredentials,
)
from imailpy.realm.app_passwords import AppPasswords, is_mail, out_of_scope
from imailpy.realm.logins import Logins
from imailpy.realm.names import read_login_name, same_name
from imailpy.realm.passwords import Passwords, needs_rehash, prepare
from imailpy.realm.settings import LoginSettings

_AvatarId = Deferred[bytes | tuple[()]]
# Hears by what somebody has signed in, for the log.
Say = Callable[[str], None]

ONLY_APP_PASSWORDS = "the account signs in here by app passwords only"


class Refusal(UnauthorizedLogin):
    """
    Not this time.

    Attributes:
        entry: What of the account decided.
    """

    def __init__(self, reason: str | None, entry: str = "") -> None:
        super().__init__(reason)
        self.entry = entry


class IPasswordShown(ICredentials):
    """A name and a password that has to be checked."""

    credentials: PasswordCredentials = Attribute("""As typed.""")


class IProofShown(ICredentials):
    """A name whose owner has proven itself to an engine."""

    credentials: ProvenCredentials = Attribute("""As typed.""")


@implementer(IPasswordShown)
@define
class PasswordShown:
    """
    Password credentials in the portal's clothes.

    Attributes:
        by: What they turned out to be, once they were right.
    """

    credentials: PasswordCredentials
    by: str = ""


@implementer(IProofShown)
@define
class ProofShown:
    """Proven credentials in the portal's clothes."""

    credentials: ProvenCredentials
    by: str = ""


async def account_named(
    directory: IDirectory, name: str, settings: LoginSettings
) -> Account | None:
    """Find the account of a login name; an alias is no login name."""
    path = read_login_name(name, settings)
    found = None if path is None else await directory.find(path)
    return found if isinstance(found, Account) else None


def obstacle(
    account: Account | None,
    credentials: PasswordCredentials
    | ProvenCredentials
    | CertificateCredentials,
    settings: LoginSettings,
    *,
    authcid: str | None = None,
) -> str | None:
    """
    Say why it cannot sign in whatever it shows, None if it can.

    Args:
        authcid: Whose credentials they are, where they do not say it.
    """
    if account is None:
        return "no such account"
    if not account.enabled:
        return "the account is disabled"
    # Nobody acts for others: an authorization identity is one's own name
    # or nothing [RFC4616 2].
    authzid, own = credentials.authzid, authcid or credentials.authcid
    if authzid and not same_name(authzid, own, settings):
        return "the authorization identity is another's"
    return None


async def needs_app_password(
    directory: IDirectory, account_id: str, secrets: AccountSecrets
) -> bool:
    """
    Whether an account's own password opens no mail service.

    Args:
        account_id: Empty for an account that is not there.
    """
    factor = await directory.second_factor(account_id)
    return secrets.app_passwords_only or (
        factor is not None and factor.confirmed
    )


async def in_octets(account_id: Awaitable[str]) -> bytes | tuple[()]:
    """Give an id as cred wants it."""
    return (await account_id).encode()


def silent(*_: str) -> None:
    """Nobody wants to hear it."""


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Compares a password with what is kept."""

    credentialInterfaces = (IPasswordShown,)

    def __init__(
        self,
        directory: IDirectory,
        passwords: Passwords,
        logins: Logins,
        settings: Callable[[], LoginSettings],
        app_passwords: AppPasswords,
        now: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._passwords = passwords
        self._logins = logins
        self._settings = settings
        self._app_passwords = app_passwords
        self._now = now

    def requestAvatarId(self, credentials: IPasswordShown) -> _AvatarId:
        def say(by: str) -> None:
            credentials.by = by  # type: ignore[attr-defined]

        return Deferred.fromCoroutine(
            in_octets(self.check(credentials.credentials, say))
        )

    async def check(
        self, credentials: PasswordCredentials, say: Say = silent
    ) -> str:
        """Give the account's id, or raise `UnauthorizedLogin`."""
        # An empty password never reaches a back end that may take it for
        # an anonymous login; this tells nothing about the account.
        if prepare(credentials.password) is None:
            raise Refusal("not a password")
        settings = self._settings()
        account = await account_named(
            self._directory, credentials.authcid, settings
        )
        # Who is not there is looked up all the same.
        account_id = "" if account is None else account.id
        secrets = await self._directory.secrets(account_id)
        why_not = obstacle(account, credentials, settings)
        entry = ""
        app = await self._app_passwords.find(account_id, credentials.password)
        if app is not None:
            why_not = why_not or out_of_scope(
                app, credentials.client, self._now()
            )
            entry = _entry(app)
            if why_not is None:
                self._app_passwords.used(account_id, app)
                say(entry)
                return account_id
        elif is_mail(credentials.client) and await needs_app_password(
            self._directory, account_id, secrets
        ):
            why_not = why_not or ONLY_APP_PASSWORDS
        if why_not is not None or secrets.password_hash is None:
            await self._refuse(credentials)
            raise Refusal(why_not or "the account has no password", entry)
        await self._own(account_id, secrets, credentials)
        return account_id

    async def _refuse(self, credentials: PasswordCredentials) -> None:
        """Do the work of a wrong password, every step of it."""
        self._logins.knows("", "", credentials.password)
        kinds = await self._directory.imported_kinds()
        await self._passwords.verify(None, credentials.password, kinds)

    async def _own(
        self,
        account_id: str,
        secrets: AccountSecrets,
        credentials: PasswordCredentials,
    ) -> None:
        """Check the account's own password; a wrong one raises."""
        kept, password = secrets.password_hash or "", credentials.password
        if self._logins.knows(account_id, kept, password):
            return
        kinds = await self._directory.imported_kinds()
        if not await self._passwords.verify(kept, password, kinds):
            raise Refusal("wrong password")
        if needs_rehash(kept):
            kept = await self._rehash(account_id, secrets, credentials)
        self._logins.remember(
            account_id, kept, password, self._settings().cache_s
        )

    async def _rehash(
        self,
        account_id: str,
        before: AccountSecrets,
        credentials: PasswordCredentials,
    ) -> str:
        """Keep the password as today's parameters want it."""
        anew = await self._passwords.hash(credentials.password)
        secrets = await self._directory.secrets(account_id)
        # It may have been changed while the hash was made.
        kept, found = before.password_hash or "", secrets.password_hash or ""
        if not hmac.compare_digest(kept.encode(), found.encode()):
            return kept
        await self._directory.set_secrets(
            account_id, evolve(secrets, password_hash=anew, imported="")
        )
        return anew


def _entry(app: AppPassword) -> str:
    note = f" ({app.note})" if app.note else ""
    return f"app password {app.id}{note}"


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
            in_octets(self.check(credentials.credentials))
        )

    async def check(self, credentials: ProvenCredentials) -> str:
        """Give the account's id, or raise `UnauthorizedLogin`."""
        directory, settings = self._directory, self._settings()
        account = await account_named(directory, credentials.authcid, settings)
        why_not = obstacle(account, credentials, settings)
        if account is None or why_not is not None:
            raise Refusal(why_not)
        secrets = await directory.secrets(account.id)
        # SCRAM proves the account's own password.
        if credentials.mechanism.startswith(
            "SCRAM"
        ) and await needs_app_password(directory, account.id, secrets):
            raise Refusal(ONLY_APP_PASSWORDS)
        return account.id
