"""Submission mending and downgrades."""

import email

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import PeerError
from imailpy.mail import Path
from imailpy.message.downgrade import NOBODY, downgrade_section
from imailpy.message.header import HeaderSection, section_end
from imailpy.message.mend import Mended, mend_section
from tests.message.samples import crlf
from tests.message.test_header import SECTIONS


def mend(octets: bytes) -> Mended:
    """Mend as a server named mx.example.test would."""
    return mend_section(
        octets,
        now=1171494123.0,
        message_id="new@mx.example.test",
        authserv_ids=("mx.example.test", "bücher.example"),
    )


class MendTests(SynchronousTestCase):
    """[RFC6409 8]"""

    def refused(self, octets: bytes, why: str) -> None:
        error = self.assertRaises(PeerError, mend, octets)
        self.assertEqual(error.reply.code, 550)
        self.assertEqual(error.reply.enhanced_status, "5.6.0")
        self.assertIn(why, error.reply.text)

    def test_good_header_stays(self) -> None:
        """A header section in order goes out byte for byte."""
        octets = crlf("""\
From: Ann <ann@a.example>
Sender: sec@a.example
Date: Thu, 15 Feb 2007 01:02:03 +0200
Message-ID: <m@a.example>
Subject: a
 folded one
Authentication-Results: other.example; spf=pass

""")
        mended = mend(octets)
        self.assertEqual(mended.octets, octets)
        self.assertEqual(mended.author, Path("ann", "a.example"))
        self.assertEqual(mended.sender, Path("sec", "a.example"))
        self.assertEqual(mended.added, ())

    def test_missing_fields_are_added(self) -> None:
        """Date and Message-ID are added where there is none."""
        mended = mend(b"From: ann@a.example\r\n\r\n")
        self.assertEqual(mended.added, ("Date", "Message-ID"))
        self.assertEqual(
            mended.octets,
            b"From: ann@a.example\r\n"
            b"Date: Wed, 14 Feb 2007 23:02:03 +0000\r\n"
            b"Message-ID: <new@mx.example.test>\r\n\r\n",
        )

    def test_bcc_goes(self) -> None:
        """Nobody sees who got a blind copy, however the field is spelt."""
        mended = mend(
            b"From: a@b\r\nBCC: x@y,\r\n z@y\r\nbcc : q@y\r\n"
            b"Resent-Bcc: r@y\r\nReturn-Path: <s@y>\r\nTo: t@y\r\n\r\n"
        )
        for gone in (b"x@y", b"z@y", b"q@y", b"r@y", b"s@y"):
            self.assertNotIn(gone, mended.octets)
        self.assertIn(b"To: t@y", mended.octets)

    def test_own_results_go(self) -> None:
        """Results that bear our name are stripped, however written."""
        for value in (
            b"mx.example.test; spf=pass",
            b"MX.Example.TEST ; spf=pass",
            b"mx.example.test 1; spf=pass",
            b"mx.example.test/1; spf=pass",
            b"\r\n mx.example.test;\r\n spf=pass",
            b"(a (nested) \\) comment) mx.example.test; none",
            b'"mx.example.test"; none',
            b'"mx.exam\\ple.test"; none',
            b"mx.example.test. ; none",
            b"mx.example.test",
            "bücher.example; none".encode(),
            b"xn--bcher-kva.example; none",
            b"; nobody",
            b"(never ends mx.example.test; none",
        ):
            for name in (
                b"Authentication-Results:",
                b"AUTHENTICATION-results :",
            ):
                octets = b"From: a@b\r\n" + name + value + b"\r\n\r\n"
                self.assertNotIn(b"esults", mend(octets).octets, (name, value))
        for value in (b"mx.example.test.evil.example; none", b"other; none"):
            octets = b"From: a@b\r\nAuthentication-Results: " + value
            self.assertIn(value, mend(octets).octets)

    def test_B5_7_from(self) -> None:
        """Submission wants one From with one mailbox that is one."""
        for octets, why in (
            (b"Subject: x\r\n\r\n", "no From"),
            (b"", "no From"),
            (b"From: a@b\r\nFrom: c@d\r\n\r\n", "more than one From"),
            (b"From: a@b\r\nFROM : c@d\r\n\r\n", "more than one From"),
            (b"From: a@good.test, e@evil.test\r\n\r\n", "more than one"),
            (b"From: <a@good.test> <e@evil.test>\r\n\r\n", "more than one"),
            (b"From: <a@good.test> e@evil.test\r\n\r\n", "malformed"),
            (b"From: a\0@b\r\n\r\n", "NUL"),
            (b"From: team: a@b;\r\n\r\n", "group"),
            (b"From:\r\n\r\n", "malformed"),
            (b"From: nobody\r\n\r\n", "malformed"),
            (b"From: a@b (\r\n\r\n", "malformed"),
            (b"From: a@b\r\nSender: x\r\n\r\n", "malformed Sender"),
            (b"From: a@b\r\nSender: x@y\r\nSender: x@y\r\n\r\n", "Sender"),
            (b"From: a@b\r\nDate: never\r\n\r\n", "malformed Date"),
            (b"From: a@b\r\nDate: 1 Jan 2001\r\nDate: 2 Jan 2001\r\n", "Date"),
            (b"From: a@b\r\n" + b"X: y\r\n" * 1000 + b"\r\n", "too large"),
        ):
            self.refused(octets, why)

    def test_section_that_ends_early(self) -> None:
        """A line that is no field begins the body, behind an empty line."""
        mended = mend(b"From: a@b\r\nno field\r\nBcc: x@y\r\n\r\n")
        self.assertNotIn(b"no field", mended.octets)
        self.assertTrue(mended.octets.endswith(b"\r\n\r\n"))


class DowngradeTests(SynchronousTestCase):
    """[RFC6858]"""

    def test_ascii_stays(self) -> None:
        """What is ASCII is the same octets."""
        octets = b"Subject: x\r\n y\r\n\r\n"
        self.assertIs(downgrade_section(octets), octets)

    def test_addresses(self) -> None:
        """An address beyond ASCII belongs to nobody and says whose it was."""
        message = email.message_from_bytes(
            downgrade_section(
                "From: Jürgen <jürgen@b.example>\r\n"
                "To: team: a@b, Ü <c@bücher.example>;, d@e\r\n"
                "Cc: x@y\r\n"
                "Return-Path: <jürgen@b.example>\r\n\r\n".encode()
            )
        )
        self.assertIn(f"<{NOBODY}>", message["From"])
        shown = email.header.make_header(
            email.header.decode_header(message["From"])
        )
        self.assertIn("jürgen@b.example", str(shown))
        self.assertIn("<c@xn--bcher-kva.example>;, d@e", message["To"])
        self.assertEqual(message["Cc"], "x@y")
        self.assertEqual(message["Return-Path"], f"<{NOBODY}>")

    def test_subject_parameters_others(self) -> None:
        """Subject is encoded, parameters and other fields are left out."""
        octets = downgrade_section(
            "Subject: Blåbær\r\nX-Other: ø\r\nX-Ascii: o\r\n"
            "Content-Type: text/plain; charset=utf-8; name=ø.txt\r\n"
            "Content-Disposition: attachment; filename=ø\r\n\r\n".encode()
        )
        self.assertEqual(
            octets,
            b"Subject: =?utf-8?B?QmzDpWLDpnI=?=\r\nX-Ascii: o\r\n"
            b'Content-Type: text/plain; charset="utf-8"\r\n'
            b"Content-Disposition: attachment\r\n\r\n",
        )

    @settings(max_examples=200, deadline=None)
    @given(SECTIONS)
    def test_any_section(self, octets: bytes) -> None:
        """Whatever comes in, ASCII fields come out, and no field is new."""
        for start in (b"", "Subject: ø\r\n".encode()):
            section = start + octets
            section = section[: section_end(section)]
            found = downgrade_section(section)
            if not section.isascii():
                self.assertTrue(found.isascii())
            self.assertLessEqual(
                len(HeaderSection(found).fields),
                len(HeaderSection(section).fields),
            )
