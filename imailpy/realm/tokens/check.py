"""
Whose token is this? The portal's checker for `TokenCredentials`.

Not knowing, because the issuer cannot be asked, is a temporary failure; it is
never "wrong".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Attribute, implementer

from imailpy.errors import LoginUnavailable
from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IWorld
from imailpy.mail import TokenCredentials
from imailpy.realm.checkers import account_named, in_octets, silent
from imailpy.realm.http import Http, NoAnswer
from imailpy.realm.names import same_name
from imailpy.realm.settings import LoginSettings
from imailpy.realm.tokens.claims import Claims, TokenRefused, address_of
from imailpy.realm.tokens.introspection import Introspector
from imailpy.realm.tokens.settings import TokenSettings

if TYPE_CHECKING:
    from imailpy.realm.tokens.keys import Keys

# Hears a step and what came of it.
Say = Callable[[str, str], None]


class ITokenShown(ICredentials):
    """A bearer token that has to be checked."""

    credentials: TokenCredentials = Attribute("""As it came.""")


@implementer(ITokenShown)
@define
class TokenShown:
    """A bearer token in the portal's clothes."""

    credentials: TokenCredentials
    by: str = ""


@implementer(ICredentialsChecker)
class TokenChecker:
    """
    Has tokens read or asked about, and finds their account.

    Args:
        settings: As of now; others than before make everything anew.
    """

    credentialInterfaces = (ITokenShown,)

    def __init__(
        self,
        world: IWorld,
        http: Http,
        settings: Provider[TokenSettings],
        directory: IDirectory,
        login: Callable[[], LoginSettings],
    ) -> None:
        self._world = world
        self._http = http
        self._provider = settings
        self._directory = directory
        self._login = login
        self._made_for: TokenSettings | None = None
        self._asker: Introspector | None = None
        self._keys: Keys | None = None

    def requestAvatarId(
        self, credentials: ITokenShown
    ) -> Deferred[bytes | tuple[()]]:
        return Deferred.fromCoroutine(
            in_octets(self.check(credentials.credentials))
        )

    async def check(
        self, credentials: TokenCredentials, say: Say = silent
    ) -> str:
        """
        Give the account's id.

        Args:
            say: Hears each step and what came of it; no secrets.

        Raises:
            UnauthorizedLogin: With the reason.
            LoginUnavailable: It cannot be told.
        """
        settings = self._provider.current
        if not settings.wanted:
            raise UnauthorizedLogin("no tokens are taken here")
        try:
            claims = await self._claims(credentials, settings)
            say("token", f"good, of {settings.issuer}")
            name = address_of(claims, settings)
        except TokenRefused as error:
            say("token", f"refused: {error}")
            raise UnauthorizedLogin(f"the token: {error}") from None
        except NoAnswer as error:
            say("token", f"cannot be checked: {error.private}")
            raise LoginUnavailable(error.private) from error
        say("name", f"{settings.claim} = {name[:320]}")
        return await self._account(name, credentials, say)

    async def _account(
        self, name: str, credentials: TokenCredentials, say: Say
    ) -> str:
        login = self._login()
        # A token speaks for its owner, and for nobody else.
        if credentials.authcid and not same_name(
            credentials.authcid, name, login
        ):
            raise UnauthorizedLogin("the token is another's")
        account = await account_named(self._directory, name, login)
        if account is None:
            say("account", "there is none of that name")
            raise UnauthorizedLogin("no such account")
        say("account", str(account.address))
        if not account.enabled:
            say("account", "disabled")
            raise UnauthorizedLogin("the account is disabled")
        return account.id

    async def _claims(
        self, credentials: TokenCredentials, settings: TokenSettings
    ) -> Claims:
        if self._made_for != settings:
            self._made_for = settings
            self._asker = self._keys = None
        if settings.introspects:
            if self._asker is None:
                self._asker = Introspector(self._http, self._world, settings)
            return await self._asker.claims(credentials.token)
        return await self._read(credentials.token.reveal(), settings)

    async def _read(self, token: bytes, settings: TokenSettings) -> Claims:
        # Only who reads tokens needs the library that the extra `oidc`
        # brings.
        from imailpy.realm.tokens.jwt import UnknownKey, read_token
        from imailpy.realm.tokens.keys import Keys

        if self._keys is None:
            self._keys = Keys(self._http, self._world.clock, settings)
        keys, now = self._keys, self._world.clock.now()
        try:
            return read_token(token, await keys.current(), settings, now)
        except UnknownKey:
            newer = await keys.newer()
            if newer is None:
                raise
            return read_token(token, newer, settings, now)
