"""
Signing in on one connection: portal, failure windows, delay.

A refusal is the same for every reason, in words and in time; what it was is
in the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.cred.credentials import ICredentials
from twisted.cred.error import LoginFailed

from imailpy.errors import (
    DirectoryUnavailable,
    LoginRefused,
    LoginUnavailable,
)
from imailpy.interfaces.realm import IAvatar
from imailpy.mail import (
    CertificateCredentials,
    Client,
    Credentials,
    Decision,
    PasswordCredentials,
    ProvenCredentials,
    ScramSecret,
    Sign,
    TokenCredentials,
    Verdict,
)
from imailpy.realm.certificates import CertificateShown
from imailpy.realm.checkers import PasswordShown, ProofShown
from imailpy.realm.pauses import Pauses
from imailpy.realm.record import Record
from imailpy.realm.scram import scram_secret
from imailpy.realm.tokens.check import TokenShown

if TYPE_CHECKING:
    from imailpy.realm.realm import Realm


# Rule -> the setting behind it; for others it is the account.
_SETTINGS = {
    "login.throttled": "login.failure_windows",
    "login.busy": "login.hash_threads",
    "login.unavailable": "storage.directory",
}
# Of a name that somebody typed, in the log.
_MOST_SHOWN = 80


class Signin:
    """How one connection signs in."""

    def __init__(self, realm: Realm, client: Client, record: Record) -> None:
        self._realm = realm
        self._client = client
        self._record = record
        self._pauses = Pauses(realm.world.clock)

    async def login(self, credentials: Credentials) -> IAvatar:
        """As `IGate.login`."""
        self._refuse_flood(credentials.authcid)
        if isinstance(credentials, PasswordCredentials):
            # A proof has waited before it got its salt.
            await self._slow_down(credentials.authcid)
        shown = self._shown(credentials)
        try:
            avatar = await self._enter(shown)
        except LoginFailed as error:
            entry = getattr(error, "entry", "")
            await self._failed(credentials, str(error), entry)
            raise LoginRefused(str(error)) from None
        except DirectoryUnavailable as error:
            self._tell(
                Verdict.DEFER,
                "login.unavailable",
                error.private,
                credentials.authcid,
            )
            raise LoginUnavailable(error.private) from error
        except LoginUnavailable as error:
            self._tell(
                Verdict.DEFER,
                "login.busy",
                error.private,
                credentials.authcid,
            )
            raise
        self._tell(
            Verdict.ACCEPT,
            "login.accepted",
            f"{credentials.mechanism} for {avatar.account.address}"
            + (f", {shown.by}" if shown.by else ""),
            credentials.authcid,
            shown.by,
        )
        realm = self._realm
        realm.slowing.entered(
            credentials.authcid,
            self._client.address,
            realm.settings.current.login,
        )
        return avatar

    async def scram_secret(self, authcid: str) -> ScramSecret:
        """As `IGate.scram_secret`."""
        self._refuse_flood(authcid)
        await self._slow_down(authcid)
        realm = self._realm
        try:
            return await scram_secret(
                realm.directory, authcid, realm.settings.current.login
            )
        except DirectoryUnavailable as error:
            raise LoginUnavailable(error.private) from error

    async def proof_failed(self, mechanism: str, authcid: str) -> None:
        """As `IGate.login_failed`."""
        credentials = ProvenCredentials(authcid, mechanism=mechanism)
        await self._failed(credentials, "the proof does not hold")

    def closed(self) -> None:
        """Nobody waits any longer."""
        self._pauses.let_go()

    async def _slow_down(self, authcid: str) -> None:
        """An account under attack keeps strangers waiting."""
        realm = self._realm
        await self._pauses.pause(
            realm.slowing.delay_s(
                authcid, self._client.address, realm.settings.current.login
            )
        )

    def _shown(
        self, credentials: Credentials
    ) -> PasswordShown | ProofShown | CertificateShown | TokenShown:
        """Dress credentials for the portal."""
        if isinstance(credentials, PasswordCredentials):
            return PasswordShown(evolve(credentials, client=self._client))
        if isinstance(credentials, CertificateCredentials):
            return CertificateShown(credentials)
        if isinstance(credentials, TokenCredentials):
            return TokenShown(credentials)
        return ProofShown(credentials)

    async def _enter(self, shown: ICredentials) -> IAvatar:
        # Both of our parts of the portal give Deferreds; what is at hand is
        # there when they return.
        entrance: Any = await self._realm.portal.login(shown, None, IAvatar)
        avatar: IAvatar = entrance[1]
        return avatar

    def _refuse_flood(self, authcid: str) -> None:
        """Check nothing for a network that has failed too often."""
        windows = self._realm.settings.current.login.windows
        why = self._realm.failures.over(self._client.address, windows)
        if why is None:
            return
        self._tell(Verdict.DEFER, "login.throttled", why, authcid)
        raise LoginUnavailable(why)

    async def _failed(
        self,
        credentials: Credentials,
        reason: str,
        entry: str = "",
    ) -> None:
        """Count it, tell it, and let time pass."""
        settings = self._realm.settings.current.login
        self._realm.failures.add(self._client.address, settings.windows)
        self._realm.slowing.failed(credentials.authcid, settings)
        self._realm.bans.noticed(self._client, Sign.FAILED_LOGIN)
        self._tell(
            Verdict.REJECT,
            "login.refused",
            f"{credentials.mechanism}: {reason}",
            credentials.authcid,
            entry,
        )
        await self._pauses.pause(settings.failure_delay_s)

    def _tell(
        self,
        verdict: Verdict,
        rule: str,
        reason: str,
        authcid: str,
        entry: str = "",
    ) -> None:
        settings = self._realm.settings
        if verdict is not Verdict.ACCEPT and not entry:
            setting = _SETTINGS.get(rule)
            entry = (
                f"account {authcid[:_MOST_SHOWN]}"
                if setting is None
                else settings.current.policy.entry(setting)
            )
        self._record.add(
            "auth",
            authcid[:_MOST_SHOWN],
            Decision(
                verdict,
                rule,
                reason,
                entry=entry or None,
                snapshot=settings.number,
            ),
        )
