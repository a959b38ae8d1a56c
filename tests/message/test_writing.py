"""Header fields and reports of our own making."""

import email
import email.policy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import NULL_PATH, Path, Reply
from imailpy.message.address import parse_addresses
from imailpy.message.build import (
    Mailbox,
    header_field,
    phrase,
    received_field,
    return_path_field,
)
from imailpy.message.dsn import (
    Action,
    Report,
    ReportedRecipient,
    returns_all,
    write_report,
)
from imailpy.message.encoded_word import decode_words
from imailpy.message.header import HeaderSection, raw_fields, unfold
from tests.message.imap_reader import check_body, read_imap
from tests.message.samples import scan

_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=200
)


class FieldTests(SynchronousTestCase):
    """The one serializer."""

    def test_B5_4_no_second_field(self) -> None:
        """A value with CR, LF, NUL or another control is refused."""
        for text in (
            "x\r\nBcc: v@x",
            "x\nBcc: v@x",
            "x\rBcc: v@x",
            "x\0",
            "x\x0b",
            "x\x85y",
            "x\u2028y",
            "\ud800",
        ):
            self.assertRaises(ValueError, header_field, "Subject", text)
            self.assertRaises(
                ValueError, header_field, "Subject", text, utf8=True
            )
            self.assertRaises(
                ValueError,
                received_field,
                helo="a",
                client_address="192.0.2.1",
                by=text,
                protocol="SMTP",
                delivery_id="x",
                now=0,
            )
        for name in ("", "a b", "a:", "a\r\nb", "ä"):
            self.assertRaises(ValueError, header_field, name, "x")
        self.assertRaises(ValueError, phrase, "a\r\nb")

    @settings(max_examples=200, deadline=None)
    @given(_TEXT)
    def test_one_field_comes_back(self, text: str) -> None:
        """Any text is one field in ASCII, and reads back as it was."""
        octets = header_field("Subject", text)
        ((raw, name, value),) = raw_fields(octets)
        self.assertEqual((raw, name), (octets, b"Subject"))
        self.assertTrue(octets.isascii())
        lines = octets.split(b"\r\n")
        self.assertTrue(all(len(line) <= 998 for line in lines))
        self.assertTrue(all(line.strip() for line in lines[1:-1]))
        self.assertEqual(decode_words(unfold(value)).split(), text.split())

    def test_folds_at_78(self) -> None:
        """Lines are folded at blanks, and a word too long is encoded."""
        lines = header_field("Subject", "word " * 60).split(b"\r\n")
        self.assertTrue(all(len(line) <= 78 for line in lines))
        lines = header_field("Subject", "ä" * 300).split(b"\r\n")
        self.assertTrue(all(len(line) <= 78 for line in lines))
        octets = header_field("Subject", "x" * 2000)
        self.assertTrue(all(len(x) <= 998 for x in octets.split(b"\r\n")))
        self.assertEqual(
            decode_words(unfold(octets.partition(b":")[2])), "x" * 2000
        )

    @settings(max_examples=200, deadline=None)
    @given(_TEXT)
    def test_display_name_is_no_address(self, name: str) -> None:
        """Whatever a display name holds, the address stays the address."""
        text = Mailbox(Path("a", "b.example"), name).text()
        found = parse_addresses(header_field("From", text)[5:])
        self.assertEqual(
            [one.path for one in found.mailboxes], [Path("a", "b.example")]
        )

    def test_return_path(self) -> None:
        """The reverse-path stands in angle brackets, the null one too."""
        self.assertEqual(return_path_field(NULL_PATH), b"Return-Path: <>\r\n")
        self.assertEqual(
            return_path_field(Path("a b", "c")), b'Return-Path: <"a b"@c>\r\n'
        )

    def test_received(self) -> None:
        """The trace names client, us, protocol, id, recipient and time."""
        self.assertEqual(
            received_field(
                helo="client.example",
                client_address="192.0.2.1",
                client_name="host.example",
                by="mx.example.test",
                protocol="ESMTPS",
                delivery_id="abc",
                now=1171494123,
                tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
                recipient=Path("bob", "example.test"),
                zone_minutes=120,
            ),
            b"Received: from client.example (host.example [192.0.2.1])\r\n"
            b"\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
            b"\tby mx.example.test with ESMTPS id abc\r\n"
            b"\tfor <bob@example.test>;\r\n"
            b"\tThu, 15 Feb 2007 01:02:03 +0200\r\n",
        )

    def test_B5_6_hostile_helo(self) -> None:
        """A name of 5,000 octets or with controls is cut and escaped."""
        for helo in ("x" * 5000, "a\r\nBcc: v", "a) (b", "ä", "", "a\0b"):
            octets = received_field(
                helo=helo,
                client_address="2001:db8::1",
                by="mx",
                protocol="ESMTP",
                delivery_id="i",
                now=0,
            )
            (field,) = HeaderSection(octets).fields
            self.assertEqual(field.name, b"Received")
            self.assertIn(b"([IPv6:2001:db8::1])", octets)
            self.assertTrue(octets.isascii())
            self.assertTrue(all(len(x) < 300 for x in octets.split(b"\r\n")))


ORIGINAL = (
    b"From: Ann <ann@a.example>\r\nBcc: secret@a.example\r\n"
    b"Message-ID: <m@a.example>\r\nSubject: hello\r\n\r\n"
)
BOB = ReportedRecipient(
    Path("bob", "b.example"),
    Action.FAILED,
    "5.1.1",
    Reply(550, "No such\nuser", "5.1.1"),
    "mx.b.example",
    "rfc822;Bob@b.example",
    1171494000.0,
)


def report(**changes: Any) -> Report:
    """Give a report that differs as told."""
    usual: dict[str, Any] = {
        "reporting_mta": "mx.example.test",
        "sender": Path("MAILER-DAEMON", "mx.example.test"),
        "to": Path("ann", "a.example"),
        "recipients": (BOB,),
        "now": 1171494123.0,
        "arrived_at": 1171494000.0,
        "message_id": "r1@mx.example.test",
        "boundary": "abcdefghijklmnop",
    }
    return Report(**(usual | changes))


def written(about: Report, *body: bytes, header: bytes = ORIGINAL) -> bytes:
    """Write a report."""
    return b"".join(write_report(about, header=header, body=body))


class ReportTests(SynchronousTestCase):
    """[RFC3464, RFC6522, RFC6533]"""

    def test_failure(self) -> None:
        """Python reads the report as one, with every field in its place."""
        message = email.message_from_bytes(written(report()))
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "delivery-status")
        self.assertEqual(message["To"], "ann@a.example")
        self.assertEqual(message["In-Reply-To"], "<m@a.example>")
        self.assertEqual(message["Auto-Submitted"], "auto-replied")
        text, status, header = message.get_payload()
        self.assertIn("<bob@b.example>", text.get_payload())
        self.assertIn("550 5.1.1 No such user", text.get_payload())
        whole, bob = status.get_payload()
        self.assertEqual(whole["Reporting-MTA"], "dns; mx.example.test")
        self.assertEqual(bob["Original-Recipient"], "rfc822; Bob@b.example")
        self.assertEqual(bob["Final-Recipient"], "rfc822; bob@b.example")
        self.assertEqual(bob["Action"], "failed")
        self.assertEqual(bob["Status"], "5.1.1")
        self.assertEqual(bob["Remote-MTA"], "dns; mx.b.example")
        self.assertEqual(
            bob["Diagnostic-Code"], "smtp; 550 5.1.1 No such user"
        )
        self.assertEqual(
            bob["Last-Attempt-Date"], "Wed, 14 Feb 2007 23:00:00 +0000"
        )
        self.assertEqual(header.get_content_type(), "text/rfc822-headers")
        self.assertIn("Subject: hello", header.get_payload())
        self.assertNotIn("secret", str(message))

    def test_full_return(self) -> None:
        """RET=FULL and a failure return the message byte for byte."""
        octets = written(
            report(full=True, has_8bit=True, envid="e-1"), b"bo", b"dy\xe9\r\n"
        )
        found = scan(octets)
        check_body(read_imap(found.bodystructure), True)
        message = email.message_from_bytes(octets)
        self.assertEqual(message["Content-Transfer-Encoding"], "8bit")
        inner = message.get_payload()[2].get_payload()[0]
        self.assertEqual(inner.get_payload(decode=True), b"body\xe9\r\n")
        status = message.get_payload()[1].get_payload()[0]
        self.assertEqual(status["Original-Envelope-Id"], "e-1")

    def test_delay_and_success(self) -> None:
        """Every action has its words, and a delay says how long."""
        delayed = ReportedRecipient(
            Path("eve", "b.example"),
            Action.DELAYED,
            "4.4.1",
            Reply(451, "Connection timed out", "4.4.1"),
            will_retry_until=1171580523.0,
        )
        message = email.message_from_bytes(
            written(report(recipients=(delayed,)))
        )
        self.assertEqual(message["Subject"], "Your message is delayed")
        fields = message.get_payload()[1].get_payload()[1]
        self.assertEqual(
            fields["Will-Retry-Until"], "Thu, 15 Feb 2007 23:02:03 +0000"
        )
        self.assertTrue(fields["Diagnostic-Code"].startswith("x-imailpy; "))
        for action in Action:
            one = ReportedRecipient(Path("a", "b"), action, "2.0.0")
            octets = written(report(recipients=(one,)))
            self.assertIn(b"Action: " + action.value.encode(), octets)

    def test_internationalized(self) -> None:
        """A report on an internationalized message has its own types."""
        recipient = ReportedRecipient(
            Path("jürgen", "b.example"), Action.FAILED, "5.6.7",
            original="utf-8;jürgen@b.example",
        )  # fmt: skip
        octets = written(
            report(recipients=(recipient,), utf8=True, full=True),
            header="Subject: ü\r\n\r\n".encode(),
        )
        self.assertIn(b"message/global-delivery-status", octets)
        self.assertIn(b"Content-Type: message/global\r\n", octets)
        self.assertIn("Final-Recipient: utf-8; jürgen@".encode(), octets)
        octets = written(report(recipients=(recipient,)))
        self.assertTrue(octets.isascii())
        self.assertIn(b"Final-Recipient: utf-8; j\\x{FC}rgen@", octets)
        text = email.message_from_bytes(octets).get_payload()[0]
        self.assertIn("jürgen", text.get_payload(decode=True).decode())

    def test_hostile_words(self) -> None:
        """Replies, host names and ids of others cannot add a field."""
        recipient = ReportedRecipient(
            Path("a", "b"), Action.FAILED, "5.0.0",
            Reply(550, "x\r\nAction: delivered\r\n\r\n--abc" + "y" * 5000),
            "h\r\nStatus: 2.0.0", "rfc822;\r\nStatus: 2.0.0",
        )  # fmt: skip
        octets = written(report(recipients=(recipient,), envid="e\r\nX: y"))
        status = email.message_from_bytes(octets).get_payload()[1]
        fields = status.get_payload()[1]
        self.assertEqual(fields.get_all("Action"), ["failed"])
        self.assertEqual(fields.get_all("Status"), ["5.0.0"])
        self.assertTrue(all(len(x) <= 998 for x in octets.split(b"\r\n")))

    def test_lines_are_whole(self) -> None:
        """Every line ends with CRLF, whatever the body's last line is."""
        octets = written(report(full=True), b"no end")
        self.assertEqual(octets.count(b"\n"), octets.count(b"\r\n"))
        self.assertTrue(octets.endswith(b"\r\n--abcdefghijklmnop--\r\n"))

    def test_returns_all(self) -> None:
        """Only a failure, and RET=FULL, return all of it."""
        self.assertTrue(returns_all("FULL", [Action.FAILED]))
        self.assertFalse(returns_all("FULL", [Action.DELAYED]))
        self.assertFalse(returns_all("HDRS", [Action.FAILED]))
        self.assertFalse(returns_all(None, [Action.FAILED]))
