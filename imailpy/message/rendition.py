"""
What one pass over a message finds, ready for those who ask.

It is made while the octets arrive and is stored beside the message, so that
no listing ever opens a body.
"""

from __future__ import annotations

from attrs import frozen

# Grows with every change that makes a rendition look different; older ones
# in the store are then made anew when they are asked for.
RENDERER_VERSION = 1

# The fields that clients list; kept raw in `Rendition.listed_fields`.
LISTED_FIELDS = (
    b"date",
    b"from",
    b"sender",
    b"reply-to",
    b"to",
    b"cc",
    b"bcc",
    b"subject",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"content-type",
    b"content-transfer-encoding",
    b"mime-version",
    b"importance",
    b"x-priority",
    b"priority",
    b"list-id",
    b"list-post",
    b"newsgroups",
    b"disposition-notification-to",
)


# Without slots: attrs then fills twenty attributes in half the time.
@frozen(slots=False)
class Rendition:
    """
    What one pass over a message finds.

    Attributes:
        envelope: IMAP ENVELOPE, complete with its parentheses [RFC9051 7.5.2].
        body: IMAP BODY, without extension data.
        bodystructure: IMAP BODYSTRUCTURE.
        structure: Offsets of parts, packed; `Structure.unpack` reads it.
        header_octets: Where the header section ends, its blank line included.
        listed_fields: The raw fields of `LISTED_FIELDS`, in message order,
            each with its CRLF; no blank line behind.
        header_complete: Whether `listed_fields` holds them all: False past
            the bounds of the indexed header section.
        sent_date: Date as seconds since 1970 UTC, None when unreadable.
        sent_day: Days since 1970 of Date in its own zone, None likewise.
        subject: Decoded, one line.
        base_subject: For SORT and THREAD [RFC5256 2.1].
        message_id: Normalised, "" when there is none.
        references: Message ids, oldest first.
        preview: At most 200 characters of text [RFC8970].
        hops: Received fields in the header section.
        truncated: Bounds were reached; deeper structure is one opaque part.
        has_8bit: Octets over 0x7f in the body.
        has_8bit_header: Octets over 0x7f in the header section.
        has_nul: NUL somewhere.
        longest_line: Octets of the longest line, without CRLF, when that is
            over 998 [RFC5322 2.1.1]; 0 when no line is.
    """

    envelope: bytes
    body: bytes
    bodystructure: bytes
    structure: bytes
    header_octets: int
    listed_fields: bytes
    header_complete: bool = True
    sent_date: int | None = None
    sent_day: int | None = None
    subject: str = ""
    base_subject: str = ""
    message_id: str = ""
    references: tuple[str, ...] = ()
    preview: str = ""
    hops: int = 0
    truncated: bool = False
    has_8bit: bool = False
    has_8bit_header: bool = False
    has_nul: bool = False
    longest_line: int = 0
