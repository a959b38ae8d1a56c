"""
Server contexts: one for each certificate and service, all made at a reload.

What a client may make us do is bounded by that: a name in SNI chooses among
contexts that exist, it never makes one [SECURITY B2.13].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from imailpy.tls.certificates import Certificate, CertificateUnusable

SERVICES = ("smtp", "imap", "pop3", "managesieve")

# Forward secrecy and authenticated encryption only [RFC9325 4.2].
CIPHERS_1_2 = b"ECDHE+AESGCM:ECDHE+CHACHA20"
CIPHERS_LEGACY = b"ALL:!aNULL:!eNULL:!EXPORT:!RC4:!3DES:@SECLEVEL=0"
CIPHERS_1_3 = (
    b"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    b":TLS_AES_128_GCM_SHA256"
)

# Tickets and sessions are off: a ticket would carry a client from one
# service of ours to another, and a mail session lives long enough for its
# handshake not to matter [SECURITY B2.14].
_OPTIONS = (
    SSL.OP_NO_COMPRESSION
    | SSL.OP_NO_RENEGOTIATION
    | SSL.OP_NO_TICKET
    | SSL.OP_CIPHER_SERVER_PREFERENCE
)


class ForeignProtocol(SSL.Error):
    """
    The client means to speak something else [RFC7301 3.2].

    A kind of `SSL.Error`, so that Twisted takes it for what it is: a failed
    handshake. Raising it in the callback is what sends the alert
    no_application_protocol; pyOpenSSL's NO_OVERLAPPING_PROTOCOLS would let
    the handshake go on [SECURITY B2.9].
    """


def _select(service: str) -> Callable[[SSL.Connection, list[bytes]], bytes]:
    ours = service.encode("ascii")

    def select(connection: SSL.Connection, offered: list[bytes]) -> bytes:
        if ours in offered:
            return ours
        # Twisted unpacks OpenSSL's queue of errors: it wants to look so.
        raise ForeignProtocol(
            [("SSL routines", "alpn select", "no application protocol")]
        )

    return select


def make_context(
    certificate: Certificate,
    service: str,
    legacy: bool,
    authorities: Sequence[x509.Certificate] = (),
) -> SSL.Context:
    """
    Make the context of one certificate for one service.

    Args:
        authorities: Of the certificates that clients are asked for; empty:
            they are asked for none.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_options(_OPTIONS)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(f"imailpy {service}".encode("ascii"))
    if legacy and service == "smtp":
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_cipher_list(CIPHERS_LEGACY)
    else:
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(CIPHERS_1_2)
    context.set_tls13_ciphersuites(CIPHERS_1_3)
    try:
        context.use_certificate(certificate.chain[0])
        context.use_privatekey(certificate.key)
        for signer in certificate.chain[1:]:
            context.add_extra_chain_cert(signer)
        context.check_privatekey()
    except (SSL.Error, TypeError) as error:
        path = certificate.files.chain_file
        raise CertificateUnusable(
            f"{path}: refused by the TLS library: {error}"
        ) from error
    context.set_alpn_select_callback(_select(service))
    if authorities:
        _ask_client(context, authorities)
    return context


def _ask_client(
    context: SSL.Context, authorities: Sequence[x509.Certificate]
) -> None:
    """Ask for a certificate: none is fine, a bad one ends the handshake."""
    store = context.get_cert_store()
    for authority in authorities:
        known = X509.from_cryptography(authority)
        if store is not None:
            store.add_cert(known)
        # Its name goes to the client, which chooses by it.
        context.add_client_ca(known)
    context.set_verify(SSL.VERIFY_PEER)


class Contexts:
    """
    The contexts of one service, chosen by name.

    Args:
        certificates: At least one; the first is for every other name.
    """

    def __init__(
        self,
        certificates: Sequence[Certificate],
        service: str,
        legacy: bool,
        authorities: Sequence[x509.Certificate] = (),
    ) -> None:
        # All have the same authorities: SNI changes none of that.
        made = [
            make_context(one, service, legacy, authorities)
            for one in certificates
        ]
        self.default = made[0]
        self.by_name: dict[bytes, SSL.Context] = {}
        for certificate, context in zip(certificates, made, strict=True):
            for name in certificate.names:
                self.by_name.setdefault(name.encode("ascii"), context)
        self.default.set_tlsext_servername_callback(self._named)

    def choose(self, name: bytes | None) -> SSL.Context:
        """Give the context for a name as the client spelt it."""
        if name is None:
            return self.default
        name = name.lower().rstrip(b".")
        found = self.by_name.get(name)
        if found is None:
            # "*" stands for one label [RFC9525 6.3].
            _, dot, rest = name.partition(b".")
            found = self.by_name.get(b"*." + rest) if dot else None
        return found or self.default

    def _named(self, connection: SSL.Connection) -> None:
        context = self.choose(connection.get_servername())
        if context is not self.default:
            connection.set_context(context)


@implementer(IOpenSSLServerConnectionCreator)
class ServerConnections:
    """
    What `startTLS` and `listen` want; asks for the contexts of the moment
    at every connection, so that a reload reaches listeners that are open.
    """

    def __init__(self, current: Callable[[], Contexts]) -> None:
        self._current = current

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        return SSL.Connection(self._current().default, None)
