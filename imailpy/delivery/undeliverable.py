"""Why there is no way to a destination."""

from __future__ import annotations

from imailpy.mail import Reply


class Undeliverable(Exception):
    """
    Nothing can be delivered there, now or ever.

    Attributes:
        reply: In the form of an SMTP reply: 4xx for now, 5xx for good.
        host: Who said so; empty when it was us.
    """

    def __init__(self, reply: Reply, host: str = "") -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.host = host


def for_now(text: str, status: str = "4.4.1") -> Undeliverable:
    """Our own words for a trouble that may pass."""
    return Undeliverable(Reply(451, text, status))


def for_good(text: str, status: str) -> Undeliverable:
    """Our own words for one that will not."""
    return Undeliverable(Reply(550, text, status))
