"""What looks at a body while it arrives, or later."""

from __future__ import annotations

from imailpy.interfaces.body import IBody
from imailpy.message.rendition import Rendition
from imailpy.message.scanner import Scanner


def scanned(body: IBody) -> Rendition:
    """Give the rendition of a body: its own, or one made now."""
    if body.rendition is not None:
        return body.rendition
    scanner = Scanner()
    for chunk in body.chunks():
        scanner.feed(chunk)
    return scanner.finish()
