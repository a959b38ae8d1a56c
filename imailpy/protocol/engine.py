"""
What every engine has in common.

An engine is one side of one connection without the connection: octets in,
events out; answers in, octets out. It has one open event at a time, so a
slow store or policy just answers later, and what the client pipelined waits
in the engine. It knows no socket, no clock and no Twisted.
"""

from __future__ import annotations

from typing import Any, Protocol


class Engine(Protocol):
    """The side that a listener sees; each engine adds its own `answer`."""

    # Whether the connection is to be closed once `octets_to_send` is sent.
    closing: bool

    def receive(self, octets: bytes) -> None:
        """Take what came from the peer, cut anywhere."""
        ...

    def end_of_input(self) -> None:
        """The peer will send no more."""
        ...

    def next_event(self) -> Any | None:
        """
        Give the next event, or None when there is none yet.

        None also while the last event waits for its answer.
        """
        ...

    def octets_to_send(self) -> bytes:
        """Give what is to be sent, and forget it."""
        ...

    def want_input(self) -> bool:
        """Whether more input is welcome: False asks to stop reading."""
        ...
