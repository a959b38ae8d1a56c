"""The provider of `ITls`."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from OpenSSL import SSL
from zope.interface import implementer

from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.tls import client
from imailpy.tls.certificates import (
    Certificate,
    CertificateUnusable,
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
    services: dict[str, Contexts]
    verifying: SSL.Context
    opportunistic: SSL.Context


def _load(world: IWorld, settings: TlsSettings) -> _Loaded:
    certificates = tuple(load(world, one) for one in settings.certificates)
    services = {}
    if certificates:
        services = {
            name: Contexts(certificates, name, settings.legacy)
            for name in SERVICES
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

    def server(self, alpn: str) -> ServerConnections:
        if alpn not in SERVICES:
            raise ValueError(f"unknown service {alpn}")
        return ServerConnections(lambda: self._contexts(alpn))

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

    def _contexts(self, alpn: str) -> Contexts:
        found = self._current().services.get(alpn)
        if found is None:
            raise CertificateUnusable("no certificate is configured")
        return found


def _connection(transport: Any) -> SSL.Connection | None:
    """Give the TLS connection of a transport; None in plain text."""
    handle = getattr(transport, "getHandle", lambda: None)()
    return handle if isinstance(handle, SSL.Connection) else None
