"""Which mechanisms there are, and who may use them when."""

from __future__ import annotations

from imailpy.protocol.sasl.bearer import (
    BEARER_NAMES,
    OAuthBearer,
    XOAuth2,
)
from imailpy.protocol.sasl.external import NAME as EXTERNAL
from imailpy.protocol.sasl.external import External
from imailpy.protocol.sasl.password import Login, Plain
from imailpy.protocol.sasl.scram import PLAIN_NAME, PLUS_NAME
from imailpy.protocol.sasl.scram_server import Scram
from imailpy.protocol.sasl.steps import Exchange


def offered(
    tls: bool,
    plaintext_auth: bool,
    scram: bool,
    binding: bool,
    tokens: bool = False,
    *,
    external: bool = False,
) -> tuple[str, ...]:
    """
    Name the mechanisms of a connection, the strongest first.

    Without TLS nothing is offered unless `plaintext_auth` allows it, SCRAM
    no more than PLAIN: who listens to SCRAM can try passwords at home.

    Args:
        tls: The connection is protected.
        plaintext_auth: Signing in without TLS is allowed here.
        scram: The accounts have secrets for it.
        binding: The connection has a channel to bind to (TLS 1.3).
        external: The client has shown a certificate that was verified.
        tokens: Bearer tokens can be checked.
    """
    if not (tls or plaintext_auth):
        return ()
    names = []
    if external and tls:
        names.append(EXTERNAL)
    if scram and tls and binding:
        names.append(PLUS_NAME)
    if scram:
        names.append(PLAIN_NAME)
    if tokens:
        # They come before PLAIN: whoever has a token wants to show that.
        names.extend(BEARER_NAMES)
    return (*names, "PLAIN", "LOGIN")


def server(
    mechanism: str, *, nonce: bytes = b"", binding: bytes | None = None
) -> Exchange:
    """
    Begin our side of an exchange.

    Args:
        mechanism: In capitals, one of those that were offered.
        nonce: For SCRAM: at least 18 random octets, fresh ones each time.
        binding: `ITls.exporter`'s octets when -PLUS was offered, else None.

    Raises:
        ValueError: No such mechanism: the caller did not compare with what
            it had offered.
    """
    if mechanism == "PLAIN":
        return Plain()
    if mechanism == "LOGIN":
        return Login()
    if mechanism == EXTERNAL:
        return External()
    if mechanism == "OAUTHBEARER":
        return OAuthBearer()
    if mechanism == "XOAUTH2":
        return XOAuth2()
    if mechanism in (PLAIN_NAME, PLUS_NAME):
        return Scram(nonce, binding, mechanism == PLUS_NAME)
    raise ValueError(f"unknown mechanism {mechanism}")
