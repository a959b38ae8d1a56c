"""EXTERNAL: whoever TLS says it is [RFC4422 A]."""

from __future__ import annotations

from imailpy.protocol.sasl.one_message import OneMessage
from imailpy.protocol.sasl.steps import CheckExternal, Step

NAME = "EXTERNAL"


class External(OneMessage):
    """The client says whom it wants to act as, or nothing."""

    mechanism = NAME

    def _read(self, octets: bytes) -> Step:
        if b"\0" in octets:
            raise ValueError("NUL in a name")
        return CheckExternal(octets.decode())
