"""Ports: bound while the process is still privileged, opened at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from imailpy.config.listeners import Listener
from imailpy.config.schema import ListenerTls, Service
from imailpy.errors import MailError
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.listeners.entrance import Entrance

# What a client's ALPN must name on a port of this service.
ALPN = {
    Service.SMTP: "smtp",
    Service.SUBMISSION: "smtp",
    Service.LMTP: "smtp",
    Service.IMAP: "imap",
    Service.POP3: "pop3",
}


class CannotBind(MailError):
    """
    A port cannot be had.

    Attributes:
        exit_code: With which the process ends: 69 taken, 77 not allowed.
    """

    exit_code = 69


def asked(tls: Any, listener: Listener) -> Any:
    """Give the TLS of a listener, which may ask for certificates."""
    if not listener.tls_client_ca:
        return tls
    return tls.asking(listener.tls_client_ca)


class Ports:
    """
    The listening ports of a server, by their listener's name.

    Args:
        wanted: The listeners that are switched on.
    """

    log = Logger()

    def __init__(
        self, world: IWorld, tls: ITls, wanted: Sequence[Listener]
    ) -> None:
        self._world = world
        self._tls = tls
        self.wanted = tuple(wanted)
        self._entrances: dict[str, Entrance] = {}
        self._listening: dict[str, Any] = {}

    def bind(self) -> None:
        """
        Bind all; nothing is accepted yet.

        Raises:
            CannotBind: One of them cannot be had.
        """
        for listener in self.wanted:
            try:
                self._bind(listener)
            except CannotBind as error:
                if not listener.optional:
                    raise
                self.log.warn("left out: {why}", why=error.private)

    def _bind(self, listener: Listener) -> None:
        entrance = Entrance()
        tls = None
        # Behind a proxy its header comes first, then TLS.
        if listener.tls is ListenerTls.IMPLICIT and not listener.proxy:
            tls = asked(self._tls, listener).server(ALPN[listener.service])
        try:
            port = self._world.network.listen(
                listener.address, listener.port, entrance, tls=tls
            )
        except CannotListenError as error:
            where = f"{listener.address or '*'}:{listener.port}"
            refused = CannotBind(
                f"listener {listener.name}: {where}: {error.socketError}"
            )
            if isinstance(error.socketError, PermissionError):
                refused.exit_code = 77
            raise refused from error
        self._listening[listener.name] = port
        self._entrances[listener.name] = entrance
        entrance.bound(port)

    def open(self, make: Callable[[Listener], Any]) -> None:
        """Let clients in; `make` gives the factory of a listener."""
        for listener in self.wanted:
            if listener.name in self._entrances:
                self._entrances[listener.name].open(make(listener))

    async def close(self) -> None:
        """Take no more connections."""
        listening, self._listening = self._listening, {}
        for port in listening.values():
            await maybeDeferred(port.stopListening)

    def found(self) -> Mapping[str, int]:
        """Listener -> port that it has."""
        return {
            name: port.getHost().port for name, port in self._listening.items()
        }


async def in_order(*steps: Callable[[], Awaitable[Any]]) -> None:
    """Take steps one behind the other; a failing one stops none of them."""
    failed: BaseException | None = None
    for step in steps:
        try:
            await step()
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise failed
