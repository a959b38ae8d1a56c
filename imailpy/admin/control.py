"""
The control socket: the operations of a running server.

One JSON object a line: `{"do": NAME, "with": {...}}` is answered by
`{"ok": VALUE}` or `{"error": TEXT, "temporary": BOOL}`. The socket lies in
the data directory with mode 0600: whoever may open it owns the store anyway.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver

from imailpy.admin.operations import Operations, complaint_of
from imailpy.errors import MailError

SOCKET_NAME = "control"
MOST_OCTETS = 1 << 20


class Control(LineOnlyReceiver):
    """One operator's connection."""

    delimiter = b"\n"
    MAX_LENGTH = MOST_OCTETS
    log = Logger()

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._last: Deferred[None] | None = None

    def lineReceived(self, line: bytes) -> None:
        """Perform one request; answers leave in the order of requests."""
        before, self._last = self._last, None
        self._last = Deferred.fromCoroutine(self._serve(line, before))

    async def _serve(self, line: bytes, before: Deferred[None] | None) -> None:
        answer = await self._answer(line)
        if before is not None:
            await before
        self.transport.write(json.dumps(answer).encode() + b"\n")  # type: ignore[union-attr]

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            name, arguments = request["do"], request.get("with", {})
            if not isinstance(name, str) or not isinstance(arguments, dict):
                raise TypeError("do is text, with an object")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return {"error": f"bad request: {error}", "temporary": False}
        try:
            return {"ok": await self._operations.perform(name, arguments)}
        except MailError as error:
            return {
                "error": complaint_of(error),
                "temporary": error.temporary,
            }
        except Exception:
            self.log.failure("operation {name} failed", name=name)
            return {"error": "internal error, see the log", "temporary": True}


class ControlFactory(Factory):
    """Makes a `Control` a connection."""

    noisy = False

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def buildProtocol(self, addr: Any) -> Control:
        protocol = Control(self._operations)
        protocol.factory = self
        return protocol
