"""
A port that is bound before there is anybody behind it.

Ports below 1024 are bound while the process is still privileged; the store
and the threads come after that. Until the entrance is opened nothing is
accepted: clients wait in the kernel's queue.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory


class Entrance(Factory):
    """The factory of a port whose real factory comes later."""

    noisy = False

    def __init__(self) -> None:
        self._inside: Any = None
        self._port: Any = None

    def bound(self, port: Any) -> None:
        """The port listens: have it wait."""
        self._port = port
        if self._inside is None and hasattr(port, "stopReading"):
            port.stopReading()

    def open(self, inside: Any) -> None:
        """From now on `inside` makes the protocols."""
        self._inside = inside
        if self._port is not None and hasattr(self._port, "startReading"):
            self._port.startReading()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self._inside is None:
            return None
        return self._inside.buildProtocol(addr)
