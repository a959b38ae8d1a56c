"""One command line, one value or one refusal."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import PeerError
from imailpy.mail import NULL_PATH, MailParameters, Path, Recipient
from imailpy.protocol.smtp.commands import Auth, Bdat, Simple
from imailpy.protocol.smtp.events import Hello, Mail, Rcpt, Verify
from imailpy.protocol.smtp.grammar import (
    looks_like_http,
    parse_command,
    split_verb,
)
from tests.protocol.smtp.driving import codes, greeted


def read(line: str | bytes):
    """Read a line as the session does."""
    if isinstance(line, str):
        line = line.encode()
    return parse_command(*split_verb(line))


class ValueTests(SynchronousTestCase):
    """What is read."""

    def test_values(self) -> None:
        """Each command is read as what it says."""
        path = Path("a", "x.test")
        for line, value in (
            ("EHLO [192.0.2.1]", Hello("EHLO", "[192.0.2.1]")),
            ("helo client.test ", Hello("HELO", "client.test")),
            ("MAIL FROM:<a@x.test>", Mail(path, MailParameters())),
            ("mail from: <a@X.Test.>", Mail(path, MailParameters())),
            ("MAIL FROM:<>", Mail(NULL_PATH, MailParameters())),
            (
                "MAIL FROM:<a@x.test> SIZE=7 BODY=8bitmime RET=hdrs"
                " ENVID=a+2Bb AUTH=<>",
                Mail(
                    path,
                    MailParameters(
                        7, "8BITMIME", ret="HDRS", envid="a+b", auth="<>"
                    ),
                ),
            ),
            (
                "MAIL FROM:<ä@x.test> SMTPUTF8",
                Mail(Path("ä", "x.test"), MailParameters(smtputf8=True)),
            ),
            (
                "MAIL FROM:<a@bücher.test> smtputf8",
                Mail(
                    Path("a", "xn--bcher-kva.test"),
                    MailParameters(smtputf8=True),
                ),
            ),
            ("RCPT TO:<a@x.test>", Rcpt(Recipient(path))),
            ("RCPT TO:<@r.test:a@x.test>", Rcpt(Recipient(path))),
            (
                "RCPT TO:<@r.test,@[IPv6:::1],@s.test:a@x.test>",
                Rcpt(Recipient(path)),
            ),
            ("RCPT TO:<PostMaster>", Rcpt(Recipient(Path("postmaster", "")))),
            (
                'RCPT TO:<"a>b c\\"d"@x.test>',
                Rcpt(Recipient(Path('a>b c"d', "x.test"))),
            ),
            (
                "RCPT TO:<a@[IPv6:::ffff:192.0.2.1]>",
                Rcpt(Recipient(Path("a", "[192.0.2.1]"))),
            ),
            (
                "RCPT TO:<a@x.test> NOTIFY=success,DELAY"
                " ORCPT=rfc822;b+40y.test",
                Rcpt(
                    Recipient(
                        path,
                        frozenset({"SUCCESS", "DELAY"}),
                        "rfc822;b@y.test",
                    )
                ),
            ),
            (
                "RCPT TO:<a@x.test> NOTIFY=NEVER"
                " ORCPT=utf-8;\\x{E4}@y.test",
                Rcpt(
                    Recipient(path, frozenset({"NEVER"}), "utf-8;ä@y.test")
                ),
            ),
            ("BDAT 86 LAST", Bdat(86, True)),
            ("bdat 0", Bdat(0, False)),
            ("AUTH plain AGEAYg==", Auth("PLAIN", "AGEAYg==")),
            ("AUTH SCRAM-SHA-256", Auth("SCRAM-SHA-256", None)),
            ("VRFY  bob", Verify(" bob")),
            ("VRFY bob SMTPUTF8", Verify("bob")),
            ("NOOP what ever", Simple("NOOP")),
            ("rset", Simple("RSET")),
        ):  # fmt: skip
            self.assertEqual(read(line), value, line)

    def test_refusals(self) -> None:
        """What is wrong is told by the right code."""
        for line, code in (
            ("EHLO", 501),
            ("EHLO two words", 501),
            ("EHLO bücher.test", 501),
            ("MAIL FROM:a@x.test", 501),
            ("MAIL FROM <a@x.test>", 501),
            ("MAIL FROM:<a@x.test", 501),
            ("MAIL FROM:<a@x.test>>", 501),
            ("MAIL FROM:<a@x.test>SIZE=1", 501),
            ("MAIL FROM:<a>", 501),
            ("MAIL FROM:<postmaster>", 501),
            ("MAIL FROM:<ä@x.test>", 553),
            ("MAIL FROM:<a@bücher.test>", 553),
            ("MAIL FROM:<a@x.test> SMTPUTF8=1", 501),
            ("MAIL FROM:<a@x.test> BODY=BINARYMIME", 504),
            ("MAIL FROM:<a@x.test> BODY=9BIT", 501),
            ("MAIL FROM:<a@x.test> BODY", 501),
            ("MAIL FROM:<a@x.test> RET=ALL", 501),
            ("MAIL FROM:<a@x.test> ENVID=+0D+0A", 501),
            ("MAIL FROM:<a@x.test> ENVID=+4", 501),
            ("MAIL FROM:<a@x.test> ENVID=" + "x" * 101, 501),
            ("MAIL FROM:<a@x.test> NOTIFY=NEVER", 555),
            ("RCPT TO:<>", 501),
            ("RCPT TO:<a@x.test> SIZE=1", 555),
            ("RCPT TO:<a@x.test> NOTIFY=NEVER,DELAY", 501),
            ("RCPT TO:<a@x.test> NOTIFY=", 501),
            ("RCPT TO:<a@x.test> NOTIFY=DELAY,DELAY", 501),
            ("RCPT TO:<a@x.test> ORCPT=a@x.test", 501),
            ("RCPT TO:<a@x.test> ORCPT=rfc822;+0A", 501),
            ("RCPT TO:<a@x.test> ORCPT=utf-8;\\x{0A}", 501),
            ("RCPT TO:<a@x.test> ORCPT=utf-8;\\x{D800}", 501),
            ("RCPT TO:<a@x.test> ORCPT=utf-8;\\x{FFFFFF}", 501),
            ("DATA now", 501),
            ("RSET x", 501),
            ("AUTH", 501),
            ("VRFY", 501),
            ("XCLIENT", 501),
            ("XCLIENT ADDR=no", 501),
            ("XCLIENT ADDR=IPV6:127.0.0.1", 501),
            ("XCLIENT PORT=65536", 501),
            ("XCLIENT PROTO=LMTP", 501),
            ("XCLIENT NAME=a NAME=b", 501),
            ("XCLIENT SOURCE=a", 501),
            ("XCLIENT LOGIN=+0A", 501),
            ("XCLIENT LOGIN=a+20b", 501),
            ("", 500),
            (b"M\xc3\x84IL", 500),
            (b"MAIL FROM:<\xff@x.test>", 501),
            (b"MAIL FROM:<a@x\x00.test>", 501),
            (b"MAIL FROM:<\xc2\x80@x.test> SMTPUTF8", 501),
        ):  # fmt: skip
            with self.assertRaises(PeerError) as raised:
                read(line)
            self.assertEqual(raised.exception.reply.code, code, line)

    def test_relay_spellings(self) -> None:
        """B4.2 to B4.6: no spelling means another domain than it shows."""
        for text, expected in (
            ("x%other.test@local.test", Path("x%other.test", "local.test")),
            ("@local.test:x@other.test", Path("x", "other.test")),
            ("@local.test,@b:x@other.test", Path("x", "other.test")),
            ("@other.test:u@local.test", Path("u", "local.test")),
            ("other.test!x@local.test", Path("other.test!x", "local.test")),
            ('"x@other.test"@local.test', Path("x@other.test", "local.test")),
            ("x@OTHER.TEST.", Path("x", "other.test")),
            ("other.test!x", None),
            ('"x@other.test"', None),
            ("x@other.test@local.test", None),
            ("@local.test@b:x@other.test", None),
            ("x@other.test..", None),
        ):
            line = f"RCPT TO:<{text}>"
            if expected is None:
                with self.assertRaises(PeerError) as raised:
                    read(line)
                self.assertEqual(raised.exception.reply.code, 501)
            else:
                self.assertEqual(
                    read(line).recipient.forward_path, expected, text
                )

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(
            [b"MAIL FROM:<", b"RCPT TO:<", b"EHLO ", b"BDAT ", b"AUTH ", b""]
        ),
        st.binary(max_size=60)
        | st.text('<>@:,."\\[]=;+{}x éA0 ', max_size=60).map(str.encode),
    )
    def test_any_line(self, start, rest) -> None:
        """Any octets are a command or a refusal."""
        try:
            read(start + rest)
        except PeerError as error:
            self.assertGreaterEqual(error.reply.code, 500)


class HostileTests(SynchronousTestCase):
    """SECURITY.md B5 and B2.8, as far as a line goes."""

    def test_B5_1_parameters(self) -> None:
        """Parameters that are wrong, unknown, twice or absurd are refused."""
        for parameters, allowed in (
            (b"BODY=8BITMIME\r SIZE=1", (501,)),
            (b"NOSUCH", (501, 504, 555)),
            (b"SIZE=1 SIZE=1", (501,)),
            (b"SIZE=-1", (501,)),
            (b"SIZE=99999999999999999999", (552,)),
            (b"SIZE=999999999999999999999", (501,)),
            (b"SIZE=1_0", (501,)),
            (b"SIZE=\xd9\xa3", (501, 553)),
        ):
            driver = greeted()
            said = driver.feed(b"MAIL FROM:<a@x.test> " + parameters + b"\r\n")
            self.assertIn(codes(said)[0], allowed, parameters)
            said = driver.feed(b"RCPT TO:<u@local.test>\r\n")
            self.assertEqual(codes(said), [503])

    def test_B5_2_lengths(self) -> None:
        """Addresses longer than the standard lets them be are refused."""
        label = "d" * 60
        for address, good in (
            ("a" * 64 + "@x.test", True),
            ("a" * 65 + "@x.test", False),
            ("a@" + ".".join([label] * 4) + ".test", True),
            ("a@" + ".".join([label] * 5), False),
            ("a@" + "d" * 64 + ".test", False),
        ):
            line = f"RCPT TO:<{address}>"
            if good:
                read(line)
            else:
                with self.assertRaises(PeerError) as raised:
                    read(line)
                self.assertEqual(str(raised.exception.reply)[:9], "501 5.1.3")

    def test_B5_3_empty_and_quoted(self) -> None:
        """Odd quoting is refused or is a name nobody has; nothing breaks."""
        for text in ('"">@', '""@local.test', '"\\"@local.test'):
            with self.assertRaises(PeerError) as raised:
                read(f"RCPT TO:<{text}>")
            self.assertEqual(raised.exception.reply.code, 501)
        self.assertEqual(
            read('RCPT TO:<" "@local.test>').recipient.forward_path,
            Path(" ", "local.test"),
        )

    def test_B5_6_hello_name(self) -> None:
        """A name of 5,000 octets, or with controls, is refused."""
        for name in (b"x" * 256, b"x\x01", b"x\x7f", b"a\tb"):
            driver = greeted(hello=b"")
            said = driver.feed(b"EHLO " + name + b"\r\n")
            self.assertEqual(codes(said), [501], name[:9])
        driver = greeted(hello=b"")
        self.assertEqual(
            codes(driver.feed(b"EHLO " + b"x" * 5000 + b"\r\n")), [500]
        )

    def test_B2_8_http(self) -> None:
        """A browser is sent away at its first line, and nothing echoed."""
        for line in (
            b"POST / HTTP/1.1", b"GET /secret HTTP/1.0", b"Host: secret",
            b"CONNECT secret:25 HTTP/1.1", b"OPTIONS * HTTP/1.1",
            b"Subject: secret", b"X-A:",
        ):  # fmt: skip
            driver = greeted(hello=b"")
            said = driver.feed(line + b"\r\nHost: h\r\n\r\nEHLO x\r\n")
            self.assertEqual(codes(said), [421])
            self.assertTrue(driver.session.closing)
            self.assertNotIn(b"secret", said)
            self.assertEqual(driver.offences, ["http"])
        self.assertFalse(looks_like_http("MAIL FROM:<a@x.test>"))

    def test_smtputf8_recipient(self) -> None:
        """A recipient beyond ASCII needs a MAIL with SMTPUTF8."""
        for parameter, code in ((b"", 553), (b" SMTPUTF8", 250)):
            for address in ("ü@x.test", "u@bücher.test"):
                driver = greeted()
                driver.feed(b"MAIL FROM:<a@x.test>" + parameter + b"\r\n")
                said = driver.feed(f"RCPT TO:<{address}>\r\n".encode())
                self.assertEqual(codes(said), [code])

    def test_linear(self) -> None:
        """A path of many quotes or routes is read in one pass."""
        for text in ('"' * 2000, '"\\' * 1000, "@a," * 600, '""' * 900):
            with self.assertRaises(PeerError):
                read(f"RCPT TO:<{text}")
