"""
How a trouble of the house is told to an IMAP client [RFC9051 7.1] [RFC5530].

Never with the text of an exception: that is for the log.
"""

from __future__ import annotations

from imailpy.errors import (
    LoginRefused,
    LoginUnavailable,
    MailboxError,
    MailboxNotFound,
    MailError,
    MessageTooLarge,
    OverQuota,
    StorageFull,
)


class TooManyMessages(MailError):
    """More messages in one APPEND than we take."""

    temporary = False
    public = "Too many messages in one command"


class TryCreate(MailboxNotFound):
    """The mailbox that something was to go into is not there."""

    response_code = "TRYCREATE"


# The first that fits tells the code; what fits none gets UNAVAILABLE when it
# is temporary and CANNOT when it is not.
_CODES: tuple[tuple[type[MailError], bytes], ...] = (
    (OverQuota, b"OVERQUOTA"),
    (MessageTooLarge, b"TOOBIG"),
    (TooManyMessages, b"LIMIT"),
    # A disk without room is no limit of this user.
    (StorageFull, b"UNAVAILABLE"),
    (LoginRefused, b"AUTHENTICATIONFAILED"),
    (LoginUnavailable, b"UNAVAILABLE"),
)


def refusal_for(error: MailError) -> tuple[str, str, bytes | None]:
    """Give status, text and response code."""
    if isinstance(error, MailboxError):
        code = error.response_code
        return "NO", error.public, code.encode("ascii") if code else None
    for kind, octets in _CODES:
        if isinstance(error, kind):
            return "NO", error.public, octets
    return "NO", error.public, b"UNAVAILABLE" if error.temporary else b"CANNOT"
