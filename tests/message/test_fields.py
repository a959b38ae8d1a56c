"""Dates, parameters, encoded words, subjects, message ids."""

import email
import email.header
import email.policy
import email.utils
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.charset import CHARSETS, decode
from imailpy.message.date import format_date, parse_date
from imailpy.message.encoded_word import decode_words, encode_words, one_line
from imailpy.message.parameters import (
    parse_content_type,
    parse_disposition,
)
from imailpy.message.subject import (
    base_subject,
    message_id,
    message_ids,
    thread_references,
)
from tests.message.cost import assert_linear
from tests.message.samples import vectors


class DateTests(SynchronousTestCase):
    """[RFC5322 3.3, 4.3]"""

    def test_forms(self) -> None:
        """The forms that mail has are read to the second."""
        wanted = 1171494123
        for text in (
            b"Thu, 15 Feb 2007 01:02:03 +0200",
            b"15 Feb 2007 01:02:03 +0200",
            b"thursday, 15 february 2007 01:02:03 +0200 (EET)",
            b"Thu, 15 Feb 07 01:02:03 +02:00",
            b"Wed, 14 Feb 2007 18:02:03 EST",
            b"Wed, 14 Feb 2007 23:02:03 GMT",
            b"Wed, 14 Feb 2007 23:02:03 Z",
            b"Wed, 14-Feb-2007 23:02:03 nonsense",
            b"Wed Feb 14 23:02:03 2007",
            b"Wed Feb 14 23:02:03 2007 +0000",
            b"14 Feb 2007 23.02.03",
            b"Thu, (a) 15 (b) Feb 2007 01:02:03 +0200",
        ):
            found = parse_date(text)
            self.assertIsNotNone(found, text)
            assert found
            self.assertEqual(found.seconds, wanted, text)

    def test_day_is_in_its_own_zone(self) -> None:
        """SEARCH SENTON asks for the date as it is written."""
        found = parse_date(b"Fri, 1 Jan 1971 00:30:00 +0200")
        assert found
        self.assertEqual(found.day, 365)
        self.assertEqual(found.seconds, 365 * 86400 - 5400)

    def test_impossible(self) -> None:
        """Wrong times are midnight, wrong zones UTC, wrong days no date."""
        day = parse_date(b"15 Feb 2007 00:00:00 +0000")
        self.assertEqual(parse_date(b"15 Feb 2007 25:00:00 +0000"), day)
        self.assertEqual(parse_date(b"15 Feb 2007 00:00:00 +9999"), day)
        self.assertEqual(parse_date(b"15 Feb 2007"), day)
        for text in (b"", b"yesterday", b"31 Feb 2007 00:00:00 +0000",
                     b"15 Xyz 2007", b"0 Feb 2007"):  # fmt: skip
            self.assertIsNone(parse_date(text), text)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(-2_000_000_000, 10_000_000_000),
           st.integers(-14 * 60, 14 * 60))  # fmt: skip
    def test_written_and_read(self, seconds: int, zone: int) -> None:
        """A date that we write is read the same by us and by Python."""
        text = format_date(seconds, zone)
        found = parse_date(text.encode())
        assert found
        self.assertEqual(found.seconds, seconds)
        self.assertEqual(found.day, (seconds + zone * 60) // 86400)
        theirs = email.utils.parsedate_to_datetime(text)
        self.assertEqual(
            theirs.astimezone(UTC), datetime.fromtimestamp(seconds, UTC)
        )

    def test_oracle_on_real_messages(self) -> None:
        """Dates of real messages are what Python takes them for."""
        compared = 0
        for name, octets in vectors():
            given_ = email.message_from_bytes(octets)["Date"]
            theirs = email.utils.parsedate_tz(str(given_ or ""))
            # [RFC5256 2.2] says what an impossible time is, Python not.
            if theirs is None or theirs[0] < 1970 or theirs[3] > 23:
                continue
            found = parse_date(str(given_).encode("utf-8", "replace"))
            self.assertIsNotNone(found, (name, given_))
            assert found
            self.assertEqual(
                found.seconds, email.utils.mktime_tz(theirs), (name, given_)
            )
            compared += 1
        self.assertGreater(compared, 50)


class ParameterTests(SynchronousTestCase):
    """[RFC2045 5.1, RFC2231]"""

    def text(self, value: bytes, name: bytes) -> str:
        found = parse_content_type(value)
        assert found
        return found.text(name)

    def test_forms(self) -> None:
        """Quotes, blanks, comments, missing ends."""
        for value, wanted in (
            (b"a/b; x=y", "y"),
            (b'a/b;x="y z"', "y z"),
            (b'a/b; x="y \\"z\\""', 'y "z"'),
            (b"a/b; x = y ; z=q", "y"),
            (b"a/b; x=us-ascii (Plain text)", "us-ascii"),
            (b"a/b; x=y z.pdf; q=r", "y z.pdf"),
            (b'a/b; x="y', "y"),
            (b"a/b (c); ; x=y", "y"),
            (b"a/b; q; X=y", "y"),
            (b"a/b; x=y; x=z", "y"),
            (b'a/b; q=";x=n"; x=y', "y"),
            (b"a/b; x=caf\xc3\xa9", "café"),
            (b"a/b; x==?utf-8?q?caf=C3=A9?=", "café"),
        ):
            self.assertEqual(self.text(value, b"x"), wanted, value)

    def test_extended(self) -> None:
        """Sections are put together, charsets undone [RFC2231 3, 4]."""
        for value, wanted in (
            (b"a/b; x*=utf-8'en'caf%C3%A9", "café"),
            (b"a/b; x*=iso-8859-1''caf%E9; x=cafe", "café"),
            (b'a/b; x*0="a;"; x*1=b', "a;b"),
            (b"a/b; x*1=b; x*0=a", "ab"),
            (b"a/b; x*0*=utf-8''a%20; x*1*=b%20; x*2=c%20", "a b c%20"),
            (b"a/b; x*0=a; x*2=c", "a"),
            (b"a/b; x*1=b", ""),
            (b"a/b; x*=caf%C3%A9", "café"),
            (b"a/b; x*=rot13''nop", "nop"),
        ):
            self.assertEqual(self.text(value, b"x"), wanted, value)

    def test_nothing_readable(self) -> None:
        """What is no media type is none."""
        for value in (b"", b"text", b"/", b"text/", b"; x=y", b"a b/c"):
            self.assertIsNone(parse_content_type(value), value)
        found = parse_disposition(b"ATTACHMENT; filename=a.txt")
        assert found
        self.assertEqual(found.kind, b"attachment")
        self.assertEqual(found.text(b"filename"), "a.txt")

    def test_bounds(self) -> None:
        """100 parameters and 50 sections are read."""
        found = parse_content_type(
            b"a/b" + b"".join(b"; x%d=y" % n for n in range(101))
        )
        assert found
        self.assertEqual(len(found.parameters), 100)
        self.assertTrue(found.truncated)
        for number, truncated in ((49, False), (50, True), (99, True)):
            found = parse_content_type(b"a/b; x*0=y; x*%d=z" % number)
            assert found
            self.assertEqual(found.truncated, truncated, number)

    def test_oracle_on_real_messages(self) -> None:
        """Media types of real parts are what Python takes them for."""
        compared = 0
        for name, octets in vectors():
            for part in email.message_from_bytes(octets).walk():
                value = part.get("Content-Type")
                if value is None:
                    continue
                found = parse_content_type(
                    str(value).encode("utf-8", "surrogateescape")
                )
                if found is None:
                    continue
                kind = (found.kind + b"/" + found.subtype).decode()
                if part.get_content_type() == kind:
                    compared += 1
                    charset = part.get_param("charset")
                    if isinstance(charset, str):
                        self.assertEqual(
                            found.text(b"charset").lower(),
                            charset.lower(),
                            name,
                        )
        self.assertGreater(compared, 200)

    def test_B6_11_linear(self) -> None:
        """Hostile parameters cost time in proportion."""
        for piece in (b";", b"; a=b", b'"', b'; a="', b"; a*0=b", b"=", b" ",
                      b"\\", b"; a*0*=%", b"'", b"(", b"; a (b"):  # fmt: skip
            assert_linear(
                self, lambda o: parse_content_type(b"a/b; x=" + o), piece
            )


class EncodedWordTests(SynchronousTestCase):
    """[RFC2047]"""

    def test_forms(self) -> None:
        """Words are decoded, blanks between them go, the rest stays."""
        for value, wanted in (
            (b"plain", "plain"),
            (b"=?utf-8?q?caf=C3=A9?=", "café"),
            (b"=?UTF-8?B?Y2Fmw6k=?=", "café"),
            (b"=?utf-8*en?Q?a_b?=", "a b"),
            (b"a =?utf-8?q?b?= c", "a b c"),
            (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
            (b"=?utf-8?q?a?=\t =?iso-8859-1?q?=E9?= c", "aé c"),
            (b"=?utf-8?b?w6?= =?utf-8?b?k?=", "=?utf-8?b?w6?= =?utf-8?b?k?="),
            (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
            (b"=?utf-8?q?a b?=", "a b"),
            (b"=?utf-8?q?broken", "=?utf-8?q?broken"),
            (b"caf\xc3\xa9", "café"),
            (b"caf\xe9", "café"),
        ):
            if value.startswith(b"=?utf-8?b?w6?"):
                # base64 that is cut inside an octet still says what it can.
                self.assertNotIn("\n", decode_words(value))
                continue
            self.assertEqual(decode_words(value), wanted, value)

    def test_B6_5_charsets(self) -> None:
        """Only charsets of mail are decoded; no other codec is reached."""
        for name in ("rot13", "punycode", "unicode_escape", "idna", "zip",
                     "bz2", "hex", "raw_unicode_escape", "undefined", "mbcs",
                     "utf-8\0", "x-unknown"):  # fmt: skip
            word = f"=?{name}?q?=41?=".encode()
            self.assertEqual(decode_words(word), word.decode(), name)
            self.assertEqual(decode(b"abc", name), "abc", name)
        for name in CHARSETS:
            decode(bytes(range(256)) * 2, name)
            decode(b"", name)

    @settings(max_examples=200, deadline=None)
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
    def test_written_and_read(self, text: str) -> None:
        """What we encode is ASCII and is decoded by us and by Python."""
        encoded = encode_words(text, always=True)
        self.assertTrue(encoded.isascii())
        self.assertTrue(all(len(word) <= 75 for word in encoded.split(" ")))
        self.assertEqual(decode_words(encoded.encode()), text)
        theirs = email.header.decode_header(encoded)
        self.assertEqual(str(email.header.make_header(theirs)), text)

    def test_one_line(self) -> None:
        """Decoded text cannot break a line."""
        self.assertEqual(one_line("a\r\nb\0c\u2028d"), "a b c d")
        self.assertEqual(one_line("zwj\u200dstays"), "zwj\u200dstays")

    def test_B6_11_linear(self) -> None:
        """Hostile words cost time in proportion."""
        for piece in (b"=?", b"=?utf-8?q?a?= ", b"=?a?q?", b"?=", b"=",
                      b"=?utf-8?b?", b"=?utf-8?q?" + b"a" * 50):  # fmt: skip
            assert_linear(self, decode_words, piece)


class SubjectTests(SynchronousTestCase):
    """[RFC5256 2.1]"""

    def test_base_subject(self) -> None:
        """Replies, forwards, list tags and trailers go."""
        for subject, wanted in (
            ("hello", "hello"),
            ("Re: hello", "hello"),
            ("RE : Fwd: fw: hello (fwd) (FWD) ", "hello"),
            ("[list] Re: [tag] hello", "hello"),
            ("Re[2]: hello", "hello"),
            ("[fwd: hello]", "hello"),
            ("[Fwd: Re: [x] hello (fwd)]", "hello"),
            ("[only]", "[only]"),
            ("[a] [b]", "[b]"),
            ("  a \t b  ", "a b"),
            ("Regarding: x", "Regarding: x"),
            ("", ""),
            ("Re:", ""),
        ):
            self.assertEqual(base_subject(subject), wanted, subject)

    def test_message_ids(self) -> None:
        """Ids are compared without brackets, blanks, needless quotes."""
        self.assertEqual(
            message_ids(b"<a@b> junk <c@d>\t<a@b>"), ("a@b", "c@d")
        )
        self.assertEqual(message_id(b' <"a"@b > '), "a@b")
        self.assertEqual(message_id(b"a@b"), "a@b")
        self.assertEqual(message_id(b"none"), "")
        self.assertEqual(thread_references(None, b"<x@y> <z@y>"), ("x@y",))
        self.assertEqual(thread_references(b"<r@y>", b"<x@y>"), ("r@y",))
        many = b" ".join(b"<%d@x>" % n for n in range(500))
        ids = message_ids(many)
        self.assertEqual((len(ids), ids[0], ids[-1]), (200, "0@x", "499@x"))

    def test_B6_11_linear(self) -> None:
        """Hostile subjects and references cost time in proportion."""
        for piece in (b"[a]", b"re:", b"[", b"(fwd)", b"[fwd:", b" "):
            assert_linear(self, lambda o: base_subject(o.decode()), piece)
        for piece in (b"<", b"<a@b>", b"< ", b">"):
            assert_linear(self, message_ids, piece)
