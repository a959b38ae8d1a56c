"""
Client certificates: SASL EXTERNAL [RFC4422 A].

The listener has asked for a certificate that one of its authorities signed,
and the handshake has proven that the client has its key. Whom it stands for:

    1. the account that its fingerprint is registered to; else
    2. the account whose own address is an rfc822Name of the certificate.

An alias is nobody's login name, here as elsewhere. A certificate that names
several accounts says nothing until the client tells which is meant.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.internet.defer import Deferred
from zope.interface import Attribute, implementer

from imailpy.interfaces.directory import Account, IDirectory
from imailpy.mail import CertificateCredentials, ClientCertificate, Path
from imailpy.realm.checkers import Refusal, in_octets, obstacle
from imailpy.realm.names import read_login_name
from imailpy.realm.settings import LoginSettings

# Nobody has more addresses in one certificate.
MOST_ADDRESSES = 20


class ICertificateShown(ICredentials):
    """A certificate that TLS has verified."""

    credentials: CertificateCredentials = Attribute("""As shown.""")


@implementer(ICertificateShown)
@define
class CertificateShown:
    """A certificate in the portal's clothes."""

    credentials: CertificateCredentials
    by: str = ""


@implementer(ICredentialsChecker)
class CertificateChecker:
    """Finds whom a certificate stands for."""

    credentialInterfaces = (ICertificateShown,)

    def __init__(
        self, directory: IDirectory, settings: Callable[[], LoginSettings]
    ) -> None:
        self._directory = directory
        self._settings = settings

    def requestAvatarId(
        self, credentials: ICertificateShown
    ) -> Deferred[bytes | tuple[()]]:
        def say(by: str) -> None:
            credentials.by = by  # type: ignore[attr-defined]

        return Deferred.fromCoroutine(
            in_octets(self.check(credentials.credentials, say))
        )

    async def check(
        self,
        credentials: CertificateCredentials,
        say: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Give the account's id, or raise `UnauthorizedLogin`."""
        settings = self._settings()
        certificate = credentials.certificate
        about = f"certificate {certificate.fingerprint[:16]}"
        account, why = await self._account(credentials, settings)
        if account is None:
            raise Refusal(f"{about} ({certificate.subject}): {why}", about)
        asked = CertificateCredentials(certificate, credentials.authzid)
        why_not = obstacle(
            account, asked, settings, authcid=str(account.address)
        )
        if why_not is not None:
            raise Refusal(f"{about}: {why_not}", about)
        say(f"{about}, {why}")
        return account.id

    async def _account(
        self, credentials: CertificateCredentials, settings: LoginSettings
    ) -> tuple[Account | None, str]:
        """Give the account, and why it is this or none."""
        certificate = credentials.certificate
        owner = await self._directory.certificate_owner(
            certificate.fingerprint
        )
        if owner is not None:
            account = await self._directory.account(owner)
            return account, "registered to the account"
        found = await self._named(certificate)
        if credentials.authzid:
            path = read_login_name(credentials.authzid, settings)
            folded = "" if path is None else path.folded
            found = [each for each in found if each.address.folded == folded]
        if len(found) > 1:
            return None, "it names several accounts, and the client none"
        if not found:
            return None, "it names no account that is meant"
        return found[0], "by its address"

    async def _named(self, certificate: ClientCertificate) -> list[Account]:
        found: dict[str, Account] = {}
        for text in certificate.addresses[:MOST_ADDRESSES]:
            try:
                path = Path.parse(text)
            except ValueError:
                continue
            account = await self._directory.find(path)
            if isinstance(account, Account):
                found[account.id] = account
        return list(found.values())
