"""
The way of a password through the portal where there is an LDAP directory.

First the local checker has its turn. An account that has a password here
signs in by that alone: the operator's own account works while the directory
is down. For everybody else the directory is asked: search, then bind as the
one that was found.

A refusal takes the same work whatever its reason: the local hash, a search, a
bind (to nobody, where nobody was found).
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import implementer

from imailpy.errors import LoginUnavailable
from imailpy.interfaces.directory import Account, IDirectory
from imailpy.mail import PasswordCredentials, Path
from imailpy.realm.app_passwords import is_mail
from imailpy.realm.checkers import (
    ONLY_APP_PASSWORDS,
    IPasswordShown,
    PasswordChecker,
    account_named,
    in_octets,
    needs_app_password,
    obstacle,
    silent,
)
from imailpy.realm.ldap.accounts import Accounts
from imailpy.realm.ldap.answers import LdapDown
from imailpy.realm.ldap.people import People, Person
from imailpy.realm.logins import Logins
from imailpy.realm.names import read_login_name
from imailpy.realm.passwords import prepare
from imailpy.realm.settings import LoginSettings

Say = Callable[[str, str], None]
# Stands for the kept hash in the memory of right passwords.
_KEPT = "ldap"


@implementer(ICredentialsChecker)
class DirectoryChecker:
    """
    Local accounts first, then the directory.

    Args:
        local: Checks what is kept here.
    """

    credentialInterfaces = (IPasswordShown,)

    def __init__(
        self,
        local: PasswordChecker,
        people: People,
        directory: IDirectory,
        logins: Logins,
        login: Callable[[], LoginSettings],
    ) -> None:
        self._local = local
        self._people = people
        self._directory = directory
        self._logins = logins
        self._login = login
        self._accounts = Accounts(directory, people)

    def requestAvatarId(
        self, credentials: IPasswordShown
    ) -> Deferred[bytes | tuple[()]]:
        def by(what: str) -> None:
            credentials.by = what  # type: ignore[attr-defined]

        return Deferred.fromCoroutine(
            in_octets(self.check(credentials.credentials, by=by))
        )

    async def check(
        self,
        credentials: PasswordCredentials,
        say: Say = silent,
        by: Callable[[str], None] = silent,
    ) -> str:
        """
        Give the account's id.

        Args:
            say: Hears each step and what came of it; no secrets.
            by: Hears which credential of the account it was.

        Raises:
            UnauthorizedLogin: With the reason.
            LoginUnavailable: It cannot be told.
        """
        if not self._people.settings.wanted:
            return await self._local.check(credentials, by)
        # An empty password never reaches a server that would take it for an
        # anonymous login [SECURITY B9.3].
        if prepare(credentials.password) is None:
            raise UnauthorizedLogin("not a password")
        login = self._login()
        account = await account_named(
            self._directory, credentials.authcid, login
        )
        # Who asks step by step wants to hear what the directory says now.
        if (
            say is silent
            and account is not None
            and await self._remembered(account, credentials)
        ):
            return account.id
        try:
            found = await self._local.check(credentials, by)
        except UnauthorizedLogin as error:
            local_error = error
        else:
            say("local", "the password is right")
            return found
        if await self._has_password(account):
            say("local", "the account has a password here, and this is wrong")
            await self._dummy(credentials)
            raise local_error
        return await self._ask(credentials, say)

    async def _remembered(
        self, account: Account, credentials: PasswordCredentials
    ) -> bool:
        return (
            self._logins.knows(account.id, _KEPT, credentials.password)
            and await self._obstacle(account, credentials) is None
        )

    async def _obstacle(
        self, account: Account, credentials: PasswordCredentials
    ) -> str | None:
        """Why a right password of the directory does not open an account."""
        why_not = obstacle(account, credentials, self._login())
        if why_not is not None:
            return why_not
        secrets = await self._directory.secrets(account.id)
        if secrets.password_hash is not None:
            return "the account has a password here"
        # The second factor is asked for here, wherever the password is kept.
        if is_mail(credentials.client) and await needs_app_password(
            self._directory, account.id, secrets
        ):
            return ONLY_APP_PASSWORDS
        return None

    async def _has_password(self, account: Account | None) -> bool:
        if account is None:
            return False
        secrets = await self._directory.secrets(account.id)
        return secrets.password_hash is not None

    async def _dummy(self, credentials: PasswordCredentials) -> None:
        """Do the work that an unknown name would make."""
        path = read_login_name(credentials.authcid, self._login())
        try:
            if path is not None:
                await self._people.by_login(path)
            await self._people.check(None, credentials.password)
        except LdapDown:
            # The answer is known without it.
            return

    async def _ask(self, credentials: PasswordCredentials, say: Say) -> str:
        path = read_login_name(credentials.authcid, self._login())
        person: Person | None = None
        try:
            if path is not None:
                person = await self._people.by_login(path)
            say("ldap", f"found {person.dn}" if person else "not found")
            right = await self._people.check(person, credentials.password)
        except LdapDown as error:
            say("ldap", f"cannot tell: {error.private}")
            raise LoginUnavailable(error.private) from error
        if path is None or person is None:
            raise UnauthorizedLogin("no such account, here or in LDAP")
        say("ldap", "the password is right" if right else "wrong password")
        if not right:
            raise UnauthorizedLogin("wrong password, says LDAP")
        if not person.enabled:
            say("ldap", "may not sign in")
            raise UnauthorizedLogin("disabled in LDAP")
        return await self._enter(person, path, credentials, say)

    async def _enter(
        self,
        person: Person,
        path: Path,
        credentials: PasswordCredentials,
        say: Say,
    ) -> str:
        account = await self._accounts.of(person, path)
        why_not: str | None = "there is no account here"
        if account is not None:
            why_not = await self._obstacle(account, credentials)
        if account is None or why_not is not None:
            say("account", why_not or "")
            raise UnauthorizedLogin(f"right in LDAP, but {why_not}")
        say("account", str(account.address))
        self._logins.remember(
            account.id, _KEPT, credentials.password, self._login().cache_s
        )
        return account.id
