"""ENVELOPE, BODY and BODYSTRUCTURE as clients read them."""

from typing import Any

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.envelope import envelope_of
from tests.message.imap_reader import check_body, check_envelope, read_imap
from tests.message.samples import crlf, scan, vectors
from tests.message.test_scanner import MESSAGES, NESTED


def envelope(text: str) -> Any:
    """Give the ENVELOPE of a message."""
    return read_imap(scan(crlf(text)).envelope)


def body(octets: bytes) -> Any:
    """Give the BODYSTRUCTURE of a message."""
    return read_imap(scan(octets).bodystructure)


class EnvelopeTests(SynchronousTestCase):
    """[RFC9051 7.5.2]"""

    def test_fields_in_order(self) -> None:
        """Date, subject, six address lists, in-reply-to, message-id."""
        self.assertEqual(
            scan(
                crlf("""\
Message-ID: <msg@id>
In-Reply-To: <reply@to.id>
Date: Thu, 15 Feb 2007 01:02:03 +0200
Subject: subject header
From: From Real <fromuser@fromdomain.org>
To: To Real <touser@todomain.org>
Cc: Cc Real <ccuser@ccdomain.org>
Bcc: Bcc Real <bccuser@bccdomain.org>
Sender: Sender Real <senderuser@senderdomain.org>
Reply-To: ReplyTo Real <replytouser@replytodomain.org>

body
""")
            ).envelope,
            b'("Thu, 15 Feb 2007 01:02:03 +0200" "subject header"'
            b' (("From Real" NIL "fromuser" "fromdomain.org"))'
            b' (("Sender Real" NIL "senderuser" "senderdomain.org"))'
            b' (("ReplyTo Real" NIL "replytouser" "replytodomain.org"))'
            b' (("To Real" NIL "touser" "todomain.org"))'
            b' (("Cc Real" NIL "ccuser" "ccdomain.org"))'
            b' (("Bcc Real" NIL "bccuser" "bccdomain.org"))'
            b' "<reply@to.id>" "<msg@id>")',
        )

    def test_groups_routes_comments(self) -> None:
        """Groups have NIL hosts, routes their place, comments are names."""
        found = envelope("""\
From: user@domain (Real Name)
Sender:
Reply-To: <@route:user@domain>
To: group: g1@d1.org, g2@d2.org;, group2: g3@d3.org;
Cc: group:;, group2: (foo) ;

""")
        self.assertEqual(found[2], [[b"Real Name", None, b"user", b"domain"]])
        self.assertEqual(found[3], found[2])
        self.assertEqual(found[4], [[None, b"@route", b"user", b"domain"]])
        end = [None, None, None, None]
        self.assertEqual(
            found[5],
            [
                [None, None, b"group", None],
                [None, None, b"g1", b"d1.org"],
                [None, None, b"g2", b"d2.org"],
                end,
                [None, None, b"group2", None],
                [None, None, b"g3", b"d3.org"],
                end,
            ],
        )
        self.assertEqual(
            found[6],
            [
                [None, None, b"group", None],
                end,
                [None, None, b"group2", None],
                end,
            ],
        )

    def test_nothing_there(self) -> None:
        """Absent fields are NIL, empty ones empty."""
        self.assertEqual(envelope("X: y\n\n"), [None] * 10)
        self.assertEqual(envelope("Subject:\n\n")[1], b"")

    def test_strings_that_need_care(self) -> None:
        """Quotes are escaped, 8-bit is a literal, NUL is gone."""
        octets = b'Subject: a "b" \\c\r\n\r\n'
        self.assertIn(b'"a \\"b\\" \\\\c"', scan(octets).envelope)
        octets = b"Subject: caf\xc3\xa9\0\r\n\r\n"
        self.assertIn(b"{5}\r\ncaf\xc3\xa9 ", scan(octets).envelope)

    def test_two_fields_hide_nobody(self) -> None:
        """Of two From fields both authors are shown."""
        found = envelope("From: a@b\nFrom: c@d\n\n")
        self.assertEqual(len(found[2]), 2)

    def test_address_without_domain(self) -> None:
        """Half an address is never taken for a group."""
        found = envelope("To: nobody, <@>\n\n")
        self.assertTrue(all(one[2] and one[3] for one in found[5]))

    def test_envelope_of_section(self) -> None:
        """A section alone gives the same ENVELOPE as the message."""
        self.assertEqual(envelope_of(NESTED), scan(NESTED).envelope)


class BodyTests(SynchronousTestCase):
    """[RFC9051 7.5.2, 9]"""

    def test_plain_defaults(self) -> None:
        """A message that says nothing of itself is text in US-ASCII."""
        found = scan(b"Subject: x\r\n\r\nline\r\nline\r\n")
        self.assertEqual(
            found.body,
            b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 12 2)',
        )
        self.assertEqual(
            found.bodystructure,
            found.body[:-1] + b" NIL NIL NIL NIL)",
        )

    def test_folded_boundary(self) -> None:
        """A boundary that is folded in the field still parts the body."""
        found = scan(
            crlf("""\
Content-Type: multipart/mixed; boundary="foo
 bar"

--foo bar
Content-Type: text/x-myown; charset=us-ascii

hello

--foo bar--
""")
        )
        self.assertEqual(
            found.body,
            b'(("TEXT" "X-MYOWN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 7 1)'
            b' "MIXED")',
        )

    def test_extension_data(self) -> None:
        """Disposition, language, location, MD5, id and description."""
        found = body(
            crlf("""\
Content-Type: image/png; name*0=a; name*1=b.png
Content-ID: <id@x>
Content-Description: what it is
Content-Transfer-Encoding: Base64 (a comment)
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Disposition: attachment; filename*=iso-8859-1'en'caf%e9.png
Content-Language: en, de-AT (Austria)
Content-Location: http://x.example/a.png

QUJD
""")
        )
        self.assertEqual(
            found,
            [
                b"IMAGE",
                b"PNG",
                [b"NAME", b"ab.png"],
                b"<id@x>",
                b"what it is",
                b"BASE64",
                6,
                b"Q2hlY2sgSW50ZWdyaXR5IQ==",
                [
                    b"ATTACHMENT",
                    [b"FILENAME*", b"utf-8'en'caf%C3%A9.png"],
                ],
                [b"en", b"de-AT"],
                b"http://x.example/a.png",
            ],
        )

    def test_message_inside(self) -> None:
        """A message part shows its envelope, body and lines."""
        found = body(NESTED)
        check_body(found, True)
        message = found[1]
        self.assertEqual(message[:2], [b"MESSAGE", b"RFC822"])
        self.assertEqual(message[7][1], b"inside")
        self.assertEqual(message[8][0], b"TEXT")

    def test_digest(self) -> None:
        """Parts of a digest are messages unless they say otherwise."""
        found = body(
            b"Content-Type: multipart/digest; boundary=a\r\n\r\n"
            b"--a\r\n\r\nSubject: in\r\n\r\nx\r\n--a--\r\n"
        )
        self.assertEqual(found[0][:2], [b"MESSAGE", b"RFC822"])
        self.assertEqual(found[0][7][1], b"in")

    def test_multipart_without_parts_is_text(self) -> None:
        """Where nothing parts it, its text is shown."""
        for octets in (
            b"Content-Type: multipart/mixed\r\n\r\nx\r\n",
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\nx\r\n",
            b'Content-Type: multipart/mixed; boundary="  "\r\n\r\n--\r\n',
        ):
            self.assertEqual(body(octets)[:2], [b"TEXT", b"PLAIN"])

    def test_encoded_message_is_opaque(self) -> None:
        """A message under base64 is shown as octets to be fetched."""
        found = body(
            b"Content-Type: message/global\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n"
        )
        self.assertEqual(found[:2], [b"APPLICATION", b"OCTET-STREAM"])

    def test_grammar_on_real_messages(self) -> None:
        """What real messages render to is IMAP, by its own grammar."""
        for name, octets in vectors():
            found = scan(octets)
            try:
                check_body(read_imap(found.body), False)
                check_body(read_imap(found.bodystructure), True)
                check_envelope(read_imap(found.envelope))
            except ValueError as error:
                self.fail(f"{name}: {error}")

    @settings(max_examples=150, deadline=None)
    @given(MESSAGES)
    def test_grammar_on_any_octets(self, octets: bytes) -> None:
        """What any octets render to is IMAP."""
        found = scan(octets)
        check_body(read_imap(found.body), False)
        check_body(read_imap(found.bodystructure), True)
        check_envelope(read_imap(found.envelope))
