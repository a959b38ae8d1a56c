"""
Delivery status notifications [RFC3464], as multipart/report [RFC6522].

    report = Report(reporting_mta="mx.example.test", ...)
    chunks = write_report(report, header=..., body=...)

Three parts: words for a person, fields for a program, and the message or its
header section. A report on an internationalized message uses the types of
[RFC6533] and itself needs SMTPUTF8 (`report.utf8`).
"""

from __future__ import annotations

import binascii
import re
import textwrap
from collections.abc import Iterable, Iterator
from enum import Enum

from attrs import frozen

from imailpy.mail import Path, Reply
from imailpy.message.build import Mailbox, header_field
from imailpy.message.date import format_date
from imailpy.message.header import HeaderSection, select_fields
from imailpy.message.subject import message_id

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_BEYOND = re.compile(r"[^!-*,-<>-\[\]-~]")
# Octets of a reply that are worth sending on: they fit on a line.
_LONGEST_REPLY = 900


class Action(Enum):
    """What became of a recipient [RFC3464 2.3.3]."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@frozen
class ReportedRecipient:
    """
    What a report says of one recipient.

    Attributes:
        forward_path: As it was last tried.
        action: What became of it.
        status: [RFC3463] code such as `5.1.1`.
        reply: The words that decided it, the other side's or our own.
        remote_mta: Host that said them; "" when it was us.
        original: Original recipient as `addr-type;address`, decoded.
        last_attempt: Seconds since 1970, None for unknown.
        will_retry_until: Likewise; of a delay.
    """

    forward_path: Path
    action: Action
    status: str
    reply: Reply | None = None
    remote_mta: str = ""
    original: str | None = None
    last_attempt: float | None = None
    will_retry_until: float | None = None


@frozen
class Report:
    """
    A delivery status notification.

    Attributes:
        reporting_mta: Our host name.
        sender: From; the envelope has the null reverse-path.
        to: The reverse-path of the message that is reported.
        recipients: At least one.
        now: Seconds since 1970.
        arrived_at: When the message came to us, seconds since 1970.
        message_id: Of the report, without angle brackets.
        boundary: Unpredictable text of `[a-z0-9]`, so that nothing in the
            message can be taken for a delimiter.
        envid: Envelope id that came with MAIL, decoded.
        full: Return all of the message: RET=FULL and something failed.
        utf8: The message is internationalized, or an address here is.
        has_8bit: Of the message that is returned.
        zone_minutes: East of UTC, for dates.
    """

    reporting_mta: str
    sender: Path
    to: Path
    recipients: tuple[ReportedRecipient, ...]
    now: float
    arrived_at: float
    message_id: str
    boundary: str
    envid: str | None = None
    full: bool = False
    utf8: bool = False
    has_8bit: bool = False
    zone_minutes: int = 0


def returns_all(ret: str | None, recipients: Iterable[Action]) -> bool:
    """
    Tell whether a report returns all of the message [RFC3461 4.3]: where
    the sender asked for it and something failed.
    """
    return ret == "FULL" and Action.FAILED in recipients


def write_report(
    report: Report, *, header: bytes, body: Iterable[bytes] = ()
) -> Iterator[bytes]:
    """
    Write a report in pieces.

    Args:
        header: Header section of the message that is reported; a Bcc in it
            is left out.
        body: Pieces of what follows it, used only for `full`.
    """
    kind = "message/rfc822" if report.full else "text/rfc822-headers"
    if report.utf8:
        kind = "message/global" if report.full else "message/global-headers"
    kept = select_fields(header, frozenset((b"bcc",)), others=True)
    has_8bit = report.has_8bit if report.full else not kept.isascii()
    yield _head(report, header, report.utf8 or has_8bit)
    yield _explanation(report)
    yield _status(report)
    yield _part(report, kind, "8bit" if has_8bit else "7bit")
    yield kept
    if report.full:
        yield b"\r\n"
        last = b"\n"
        for piece in body:
            if piece:
                last = piece[-1:]
                yield piece
        if last != b"\n":
            yield b"\r\n"
    yield f"\r\n--{report.boundary}--\r\n".encode()


def _part(report: Report, kind: str, encoding: str = "7bit") -> bytes:
    return (
        f"\r\n--{report.boundary}\r\nContent-Type: {kind}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode()


def _head(report: Report, header: bytes, has_8bit: bool) -> bytes:
    utf8 = report.utf8
    name = "Mail Delivery System"
    fields = [
        ("From", Mailbox(report.sender, name).text(utf8=utf8)),
        ("To", Mailbox(report.to).text(utf8=utf8)),
        ("Subject", _subject(report)),
        ("Date", format_date(report.now, report.zone_minutes)),
        ("Message-ID", f"<{report.message_id}>"),
    ]
    original = HeaderSection(header).first(b"message-id")
    about = message_id(original.value) if original else ""
    if about and about.isascii() and about.isprintable():
        fields += [("In-Reply-To", f"<{about}>"), ("References", f"<{about}>")]
    content = f'report-type=delivery-status; boundary="{report.boundary}"'
    fields += [
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f"multipart/report; {content}"),
        ("Content-Transfer-Encoding", "8bit" if has_8bit else "7bit"),
    ]
    written = [header_field(name, text, utf8=utf8) for name, text in fields]
    return b"".join(written) + b"\r\n"


def _actions(report: Report) -> set[Action]:
    return {recipient.action for recipient in report.recipients}


def _subject(report: Report) -> str:
    actions = _actions(report)
    if Action.FAILED in actions:
        return "Your message could not be delivered"
    if Action.DELAYED in actions:
        return "Your message is delayed"
    return "Your message was delivered"


_EXPLAINED = {
    Action.FAILED: (
        "could not be delivered to the following recipients, and will not"
        " be tried again:"
    ),
    Action.DELAYED: (
        "could not be delivered yet to the following recipients. You need"
        " not send it\r\nagain: we go on trying."
    ),
    Action.DELIVERED: "was delivered to the following recipients:",
    Action.RELAYED: (
        "was handed on for the following recipients, to a system that will"
        " not tell what\r\nbecomes of it:"
    ),
    Action.EXPANDED: "was sent on to the members of the following lists:",
}


def _explanation(report: Report) -> bytes:
    arrived = format_date(report.arrived_at, report.zone_minutes)
    lines = [
        f"This is the mail system at {report.reporting_mta}.",
        "",
        f"Your message, which reached us on {arrived},",
    ]
    for action, words in _EXPLAINED.items():
        concerned = [r for r in report.recipients if r.action is action]
        if concerned:
            lines += [words, ""]
            for recipient in concerned:
                lines += _told(report, recipient)
    text = "\r\n".join(lines)
    if text.isascii():
        return _part(report, "text/plain; charset=us-ascii") + text.encode()
    part = _part(report, "text/plain; charset=utf-8", "quoted-printable")
    return part + binascii.b2a_qp(text.encode())


def _told(report: Report, recipient: ReportedRecipient) -> list[str]:
    lines = [f"  <{recipient.forward_path}>"]
    if recipient.reply is not None:
        said = _reply_text(recipient.reply)
        who = _clean(recipient.remote_mta)
        lines += textwrap.wrap(
            f"{who} said: {said}" if who else said,
            width=74,
            initial_indent="    ",
            subsequent_indent="    ",
        )
    if recipient.will_retry_until is not None:
        until = format_date(recipient.will_retry_until, report.zone_minutes)
        lines.append(f"    We give up on {until}.")
    return [*lines, ""]


def _status(report: Report) -> bytes:
    utf8 = report.utf8
    groups = [[("Reporting-MTA", f"dns; {report.reporting_mta}")]]
    if report.envid:
        groups[0].append(("Original-Envelope-Id", _clean(report.envid)))
    arrived = format_date(report.arrived_at, report.zone_minutes)
    groups[0].append(("Arrival-Date", arrived))
    groups += [_recipient(report, one) for one in report.recipients]
    kind = "message/delivery-status"
    if utf8:
        kind = "message/global-delivery-status"
    return _part(report, kind, "8bit" if utf8 else "7bit") + b"\r\n".join(
        b"".join(
            header_field(name, _fit(text, utf8), utf8=utf8)
            for name, text in group
        )
        for group in groups
    )


def _recipient(
    report: Report, recipient: ReportedRecipient
) -> list[tuple[str, str]]:
    """Give the fields of one recipient [RFC3464 2.3]."""
    fields = []
    if recipient.original:
        kind, _, address = recipient.original.partition(";")
        shown = _typed_address(_clean(kind.strip()), address, report.utf8)
        fields.append(("Original-Recipient", shown))
    path = str(recipient.forward_path)
    kind = "utf-8" if recipient.forward_path.needs_smtputf8 else "rfc822"
    fields += [
        ("Final-Recipient", _typed_address(kind, path, report.utf8)),
        ("Action", recipient.action.value),
        ("Status", recipient.status),
    ]
    if recipient.remote_mta:
        fields.append(("Remote-MTA", f"dns; {_clean(recipient.remote_mta)}"))
    if recipient.reply is not None:
        # Our own words are no SMTP reply of anybody.
        kind = "smtp" if recipient.remote_mta else "x-imailpy"
        said = _reply_text(recipient.reply)
        fields.append(("Diagnostic-Code", f"{kind}; {said}"))
    for name, moment in (
        ("Last-Attempt-Date", recipient.last_attempt),
        ("Will-Retry-Until", recipient.will_retry_until),
    ):
        if moment is not None:
            fields.append((name, format_date(moment, report.zone_minutes)))
    return fields


def _typed_address(kind: str, address: str, utf8: bool) -> str:
    """Write an address with its type; in unitext where it must be ASCII."""
    address = _clean(address)
    if kind.lower() == "utf-8" and not utf8:
        address = _BEYOND.sub(lambda m: f"\\x{{{ord(m[0]):02X}}}", address)
    return f"{kind}; {address}"


def _reply_text(reply: Reply) -> str:
    """Give a reply on one line."""
    octets = _clean(str(reply)).encode()[:_LONGEST_REPLY]
    return octets.decode("utf-8", "ignore")


def _clean(text: str) -> str:
    """Put strange text on one line."""
    return _CONTROLS.sub(" ", text).strip()


def _fit(text: str, utf8: bool) -> str:
    """Fields of a status are no place for encoded words."""
    return text if utf8 else text.encode("ascii", "replace").decode("ascii")
