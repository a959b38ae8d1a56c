"""What an operator may set about bearer tokens."""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import Secret

# Signatures that prove who made them. HS* would take the issuer's public key
# for a shared secret, and `none` takes anything [SECURITY B9.7].
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)


@frozen
class Introspection:
    """
    Attributes:
        url: Where the issuer is asked about a token; empty: it is not.
        client_id: Who asks.
        client_secret: Shown with it.
        cache_s: A good answer is known at most so long, never past `exp`.
    """

    url: str = ""
    client_id: str = ""
    client_secret: Secret = Secret(b"")
    cache_s: float = 60.0


@frozen
class TokenSettings:
    """
    Attributes:
        issuer: Equals the claim `iss`; empty: no tokens are taken.
        audiences: One of them is in the claim `aud`.
        scopes: All of them are in `scope` or `scp`.
        claim: Holds the address of the account.
        verified: The claim `email_verified` must be true.
        algorithms: Of signatures; of `ALGORITHMS`.
        skew_s: How much our clock and the issuer's may differ.
        jwks: Keys at hand, JSON of [RFC7517 5]; empty: fetch them.
        jwks_url: Where they are; empty: as the issuer's discovery says.
        refresh_s: Fetched keys are used so long before new ones are asked
            for; they serve on while none can be had.
        timeout_s: Of one question to the issuer.
        introspection: Asking about each token instead of reading it.
    """

    issuer: str = ""
    audiences: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claim: str = "email"
    verified: bool = True
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    skew_s: float = 60.0
    jwks: bytes = b""
    jwks_url: str = ""
    refresh_s: float = 3600.0
    timeout_s: float = 10.0
    introspection: Introspection = Introspection()

    @property
    def wanted(self) -> bool:
        """Whether tokens are taken at all."""
        return bool(self.issuer)

    @property
    def introspects(self) -> bool:
        """Whether the issuer is asked about each token."""
        return bool(self.introspection.url)
