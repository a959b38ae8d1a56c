"""What somebody shows to sign in."""

from __future__ import annotations

import hmac

from attrs import frozen

from imailpy.mail.facts import Client


class Secret:
    """
    Octets that must not be seen: printing or logging one shows `***`.

    Comparing takes the same time whatever differs.
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def reveal(self) -> bytes:
        """Give the octets to the one function that needs them."""
        return self._octets

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        return hash(self._octets)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


@frozen
class PasswordCredentials:
    """
    A name and a password, to be checked.

    Attributes:
        authcid: Whose password it is, as typed.
        password: UTF-8 octets, as typed.
        authzid: Whom to act as; empty means the owner of the password.
        mechanism: `PLAIN`, `LOGIN`, or `USER` for IMAP LOGIN and POP3 USER.
        client: Who shows them, and at which door: some passwords are good
            for one service or network only. The gate fills it in.
    """

    authcid: str
    password: Secret
    authzid: str = ""
    mechanism: str = "PLAIN"
    client: Client | None = None


@frozen
class ProvenCredentials:
    """A name whose owner has already proven itself to the SASL engine."""

    authcid: str
    authzid: str = ""
    mechanism: str = "SCRAM-SHA-256"


@frozen
class ClientCertificate:
    """
    What a client has shown in its TLS handshake, and was found to be signed
    by one of the authorities that the listener asks for.

    Attributes:
        fingerprint: SHA-256 of all of it, lower-case hex.
        addresses: Each rfc822Name among its subject's other names, as spelt
            there [RFC5280 4.2.1.6].
        subject: Its distinguished name, for the log.
    """

    fingerprint: str
    addresses: tuple[str, ...] = ()
    subject: str = ""


@frozen
class CertificateCredentials:
    """
    What was established below SASL: EXTERNAL [RFC4422 A].

    Attributes:
        certificate: Of this connection.
        authzid: Whom to act as; empty: whom the certificate names.
    """

    certificate: ClientCertificate
    authzid: str = ""
    mechanism: str = "EXTERNAL"

    @property
    def authcid(self) -> str:
        """A name for the log."""
        named = self.certificate.addresses
        return self.authzid or (named[0] if named else "")


@frozen
class TokenCredentials:
    """
    A bearer token, to be checked.

    Attributes:
        authcid: Whose mail it is for, as typed; empty: the token says it.
        token: As it came: ASCII of [RFC6750 2.1].
        authzid: Always empty: a token speaks for its owner alone.
        mechanism: `OAUTHBEARER` or `XOAUTH2`.
    """

    authcid: str
    token: Secret
    authzid: str = ""
    mechanism: str = "OAUTHBEARER"


# Whatever a gate may be shown.
Credentials = (
    PasswordCredentials
    | ProvenCredentials
    | CertificateCredentials
    | TokenCredentials
)


@frozen
class ScramSecret:
    """
    What a server keeps for SCRAM [RFC5802 3].

    Attributes:
        salt: Octets.
        iterations: At least 4,096 [RFC7677 4].
        stored_key: H(ClientKey).
        server_key: HMAC(SaltedPassword, "Server Key").
    """

    salt: bytes
    iterations: int
    stored_key: Secret
    server_key: Secret
