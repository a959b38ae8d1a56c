"""The provider of `ITls`."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from OpenSSL import SSL
from zope.interface import implementer

from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.mail import ClientCertificate
from imailpy.tls import client
from imailpy.tls.certificates import (
    Certificate,
    CertificateUnusable,
    described,
    load,
    load_trust,
)
from imailpy.tls.server import SERVICES, Contexts, ServerConnections
from imailpy.tls.settings import TlsSettings

_LABEL = b"EXPORTER-Channel-Binding"


@frozen
class _Loaded:
    """What one reload made: all of it, or it never became this."""

    certificates: tuple[Certificate, ...]
    services: dict[tuple[str, str], Contexts]
    verifying: SSL.Context
    opportunistic: SSL.Context


def _load(world: IWorld, settings: TlsSettings) -> _Loaded:
    certificates = tuple(load(world, one) for one in settings.certificates)
    services = {}
    if certificates:
        # Service and file of the client's authorities -> its contexts.
        authorities = {"": ()} | {
            path: load_trust(world, path) for path in settings.client_ca_files
        }
        services = {
            (name, path): Contexts(certificates, name, settings.legacy, known)
            for name in SERVICES
            for path, known in authorities.items()
        }
    trust = None
    if settings.trust_file is not None:
        trust = load_trust(world, settings.trust_file)
    return _Loaded(
        certificates=certificates,
        services=services,
        verifying=client.make_context(True, trust),
        opportunistic=client.make_context(False, None),
    )


@implementer(ITls)
class Tls:
    """
    Contexts out of certificate files.

    Args:
        world: Its disk is where the files are.
        settings: Read at every `reload`.
    """

    def __init__(self, world: IWorld, settings: Provider[TlsSettings]) -> None:
        self._world = world
        self._settings = settings
        self._loaded: _Loaded | None = None

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Those in use: for the operator who asks when they expire."""
        return self._current().certificates

    def reload(self) -> None:
        # The new ones replace the old ones only once all of them stand.
        self._loaded = _load(self._world, self._settings.current)

    def server(self, alpn: str, client_ca: str = "") -> ServerConnections:
        if alpn not in SERVICES:
            raise ValueError(f"unknown service {alpn}")
        return ServerConnections(lambda: self._contexts(alpn, client_ca))

    def asking(self, client_ca: str) -> AskingTls:
        return AskingTls(self, client_ca)

    def client(
        self, host_name: str, *, verify: bool
    ) -> client.ClientConnections:
        loaded = self._current()
        context = loaded.verifying if verify else loaded.opportunistic
        return client.ClientConnections(context, host_name, verify)

    def exporter(self, transport: Any) -> bytes | None:
        connection = _connection(transport)
        # Before TLS 1.3 two connections may have the same keys, and pyOpenSSL
        # cannot tell whether these do [RFC9266 4.2].
        if (
            connection is None
            or connection.get_protocol_version_name() != "TLSv1.3"
        ):
            return None
        try:
            return connection.export_keying_material(_LABEL, 32, b"")
        except SSL.Error:
            # The handshake is not over.
            return None

    def client_certificate(self, transport: Any) -> ClientCertificate | None:
        connection = _connection(transport)
        # Without VERIFY_PEER none was asked for, and with it OpenSSL has
        # let none pass that is not good.
        found = (
            None
            if connection is None
            else connection.get_peer_certificate(as_cryptography=True)
        )
        return None if found is None else described(found)

    def description(self, transport: Any) -> str:
        connection = _connection(transport)
        if connection is None:
            return ""
        cipher = connection.get_cipher_name()
        if cipher is None:
            return ""
        return f"{connection.get_protocol_version_name()} {cipher}"

    def _current(self) -> _Loaded:
        if self._loaded is None:
            self.reload()
        loaded = self._loaded
        if loaded is None:
            raise CertificateUnusable("TLS was not loaded")
        return loaded

    def _contexts(self, alpn: str, client_ca: str = "") -> Contexts:
        found = self._current().services.get((alpn, client_ca))
        if found is None:
            raise CertificateUnusable("no certificate is configured")
        return found


@implementer(ITls)
class AskingTls:
    """`Tls` for a listener that asks its clients for certificates."""

    def __init__(self, tls: Tls, client_ca: str) -> None:
        self._tls = tls
        self._client_ca = client_ca

    def server(self, alpn: str) -> ServerConnections:
        return self._tls.server(alpn, self._client_ca)

    def asking(self, client_ca: str) -> AskingTls:
        return self._tls.asking(client_ca)

    def client(
        self, host_name: str, *, verify: bool
    ) -> client.ClientConnections:
        return self._tls.client(host_name, verify=verify)

    def exporter(self, transport: Any) -> bytes | None:
        return self._tls.exporter(transport)

    def client_certificate(self, transport: Any) -> ClientCertificate | None:
        return self._tls.client_certificate(transport)

    def description(self, transport: Any) -> str:
        return self._tls.description(transport)

    def reload(self) -> None:
        self._tls.reload()


def _connection(transport: Any) -> SSL.Connection | None:
    """Give the TLS connection of a transport; None in plain text."""
    handle = getattr(transport, "getHandle", lambda: None)()
    return handle if isinstance(handle, SSL.Connection) else None
