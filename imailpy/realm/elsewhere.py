"""
What is known of users elsewhere: LDAP directories and token issuers.

The roof makes one `Elsewhere` and hands it to the realm, whose portal gets
its checkers. Without one there are local passwords alone.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.cred.error import LoginFailed

from imailpy.errors import MailError
from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.realm import IRecipients
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.mail import PasswordCredentials, TokenCredentials
from imailpy.realm.checkers import PasswordChecker
from imailpy.realm.http import Http
from imailpy.realm.ldap.check import DirectoryChecker
from imailpy.realm.ldap.people import People
from imailpy.realm.ldap.recipients import (
    DirectoryCheck,
    DirectoryRecipients,
)
from imailpy.realm.ldap.settings import LdapSettings
from imailpy.realm.logins import Logins
from imailpy.realm.settings import LoginSettings
from imailpy.realm.tokens.check import TokenChecker
from imailpy.realm.tokens.settings import TokenSettings


@frozen
class Checkers:
    """
    The checkers of one portal.

    Attributes:
        passwords: Instead of the local one.
        tokens: Besides.
    """

    passwords: DirectoryChecker
    tokens: TokenChecker

    async def rehearse(
        self, credentials: PasswordCredentials | TokenCredentials
    ) -> list[tuple[str, str]]:
        """
        Go through a login step by step; nobody is signed in.

        An account that the login would make is made.

        Returns:
            (step, what came of it), without secrets; the last one is
            `result`: `accepted`, `refused: ...` or `try again later: ...`.
        """
        steps: list[tuple[str, str]] = []

        def say(step: str, found: str) -> None:
            steps.append((step, found))

        try:
            if isinstance(credentials, TokenCredentials):
                await self.tokens.check(credentials, say)
            else:
                await self.passwords.check(credentials, say)
        except LoginFailed as error:
            say("result", f"refused: {error}")
        except MailError as error:
            say("result", f"try again later: {error.private}")
        else:
            say("result", "accepted")
        return steps


class Elsewhere:
    """
    The ways to what is not kept here.

    Args:
        tls: Verifies servers.
        resolver: Finds them.
    """

    def __init__(
        self,
        world: IWorld,
        tls: ITls | None,
        resolver: IResolver | None,
        directory: IDirectory,
        ldap: Provider[LdapSettings],
        tokens: Provider[TokenSettings],
    ) -> None:
        self._world = world
        self._directory = directory
        self._tokens = tokens
        self._http = Http(world, tls, resolver)
        self.people = People(world, tls, resolver, ldap)

    def checkers(
        self,
        local: PasswordChecker,
        logins: Logins,
        login: Callable[[], LoginSettings],
    ) -> Checkers:
        """Make the checkers of a portal."""
        return Checkers(
            DirectoryChecker(
                local, self.people, self._directory, logins, login
            ),
            TokenChecker(
                self._world,
                self._http,
                self._tokens,
                self._directory,
                login,
            ),
        )

    def recipients(self, local: IRecipients) -> DirectoryRecipients:
        """Give what tells of our recipients, the directory's included."""
        return DirectoryRecipients(
            local, self.people, self._directory, self._world.clock
        )

    def recipient_check(self) -> DirectoryCheck:
        """Give what tells of recipients of other people's domains."""
        return DirectoryCheck(self.people, self._world.clock)

    async def stop(self) -> None:
        """Hang up."""
        self.people.close()
