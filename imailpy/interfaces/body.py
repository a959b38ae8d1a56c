"""Messages in flight and at rest: octets that nobody changes."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator

from zope.interface import Attribute, Interface

from imailpy.message.rendition import Rendition


class IBody(Interface):
    """
    The octets of one message, complete, CRLF line ends, kept byte for byte.

    A body of the spool lives until `release`; one of a mailbox until the
    reader lets go of it.
    """

    size_octets: int = Attribute("""Length.""")
    sha256: bytes = Attribute("""32 octets over all of it.""")
    rendition: Rendition | None = Attribute(
        """
        What the scanner found while it arrived; None for a body that comes
        from a mailbox or the queue.
        """
    )

    def chunks(start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Octets from `start` to `end`, in pieces of 256 KB at most."""

    def release() -> None:
        """It is no longer needed: a temporary file goes away."""


class IIncomingBody(Interface):
    """A body that is still arriving; in a file of the spool past 64 KB."""

    size_octets: int = Attribute("""What has arrived so far.""")

    def write(octets: bytes) -> None:
        """
        Take a chunk.

        Raises:
            StorageFull: The spool's budget or the disk has no room. What was
                written is discarded; later writes are ignored.
        """

    def finish() -> IBody:
        """All is there. Raises `StorageFull` if a write had failed."""

    def discard() -> None:
        """Forget it. Harmless after `finish` or `discard`."""


class ISpool(Interface):
    """Where bodies in flight are kept, within a budget of octets."""

    def incoming(size_hint_octets: int | None = None) -> IIncomingBody:
        """
        Begin a body.

        Raises:
            StorageFull: Budget or free space guard leave no room.
        """
