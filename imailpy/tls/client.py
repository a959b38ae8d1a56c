"""Client contexts: with the host's name checked, or opportunistic."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import (
    DNS_ID,
    IPAddress_ID,
    verify_service_identity,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from imailpy.tls.server import CIPHERS_1_2, CIPHERS_1_3

_log = Logger()


def make_context(
    verify: bool, trust: Sequence[x509.Certificate] | None
) -> SSL.Context:
    """
    Make the context that all connections of one kind share.

    Reading the system's hundreds of certificates takes milliseconds, so it
    happens once a reload and not once a connection.

    Args:
        verify: Whether connections check whom they talk to.
        trust: Certificates to trust; None: the operating system's.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_tls13_ciphersuites(CIPHERS_1_3)
    if not verify:
        # Whatever both can do is better than plain text [RFC7435 3].
        return context
    context.set_cipher_list(CIPHERS_1_2)
    if trust is None:
        context.set_default_verify_paths()
        return context
    store: Any = context.get_cert_store()
    for certificate in trust:
        store.add_cert(X509.from_cryptography(certificate))
    return context


def _identity(host_name: str) -> DNS_ID | IPAddress_ID:
    try:
        ipaddress.ip_address(host_name)
    except ValueError:
        return DNS_ID(host_name)
    return IPAddress_ID(host_name)


@implementer(IOpenSSLClientConnectionCreator)
class ClientConnections:
    """
    What `startTLS` and `connect` want, for streams to one host.

    Args:
        host_name: A-label or IP address, without a trailing dot.
    """

    def __init__(
        self, context: SSL.Context, host_name: str, verify: bool
    ) -> None:
        self._context = context
        self._identity = _identity(host_name.rstrip("."))
        self._host_name = host_name.rstrip(".").encode("ascii")
        self._verify = verify

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        # An address is not a name in SNI [RFC6066 3].
        if isinstance(self._identity, DNS_ID):
            connection.set_tlsext_host_name(self._host_name)
        if self._verify:
            connection.set_verify(SSL.VERIFY_PEER, self._check)
        else:
            connection.set_verify(SSL.VERIFY_NONE, _no_check)
        return connection

    def _check(
        self,
        connection: SSL.Connection,
        certificate: Any,
        error: int,
        depth: int,
        ok: int,
    ) -> bool:
        # OpenSSL weighs the chain; the name is ours to weigh [RFC9525 6].
        if not ok or depth:
            return bool(ok)
        try:
            patterns = extract_patterns(certificate.to_cryptography())
            verify_service_identity(patterns, [self._identity], [])
        except VerificationError:
            return False
        except Exception:
            # One that leaves a callback of OpenSSL is lost.
            _log.failure("while checking a certificate")
            return False
        return True


def _no_check(*whatever: object) -> bool:
    return True
