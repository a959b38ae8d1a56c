"""PLAIN and LOGIN, server's side."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import PasswordCredentials, ScramSecret, Secret
from imailpy.protocol.sasl import Challenge, CheckPassword, Failed, server


def plain(octets: bytes) -> object:
    return server("PLAIN").start(octets)


def login(name: bytes, password: bytes) -> object:
    exchange = server("LOGIN")
    exchange.start(None)
    exchange.respond(name)
    return exchange.respond(password)


class PlainTests(SynchronousTestCase):
    """One message says it all."""

    def test_example_of_the_standard(self) -> None:
        """RFC 4616's Tim signs in, with and without an initial response."""
        expected = CheckPassword(
            PasswordCredentials("tim", Secret(b"tanstaaftanstaaf"))
        )
        self.assertEqual(plain(b"\0tim\0tanstaaftanstaaf"), expected)
        exchange = server("PLAIN")
        self.assertEqual(exchange.start(None), Challenge(b""))
        self.assertEqual(
            exchange.respond(b"\0tim\0tanstaaftanstaaf"), expected
        )

    def test_authzid_goes_to_the_realm(self) -> None:
        """Whom to act as is told to the realm, oneself is nobody else."""
        step = plain(b"Ursel\0Kurt\0xipj3plmq")
        assert isinstance(step, CheckPassword)
        self.assertEqual(step.credentials.authzid, "Ursel")
        self.assertEqual(step.credentials.authcid, "Kurt")
        step = plain(b"Kurt\0Kurt\0xipj3plmq")
        assert isinstance(step, CheckPassword)
        self.assertEqual(step.credentials.authzid, "")

    def test_B9_2_malformed(self) -> None:
        """Too many or too few NULs, 64 KB, and bad UTF-8 are refused."""
        for octets in (
            b"",
            b"a",
            b"\0a",
            b"\0a\0b\0c",
            b"\0\0\0",
            b"\0\0pw",
            b"\0u\0" + b"x" * 65536,
            b"\0\xff\0pw",
            b"\xff\0u\0pw",
            b"\0u\0\xff",
        ):
            step = plain(octets)
            assert isinstance(step, Failed), octets
            self.assertTrue(step.malformed)

    def test_B9_3_empty_password(self) -> None:
        """An empty password never reaches a back end."""
        for step in (plain(b"\0u\0"), login(b"u", b"")):
            assert isinstance(step, Failed)
            self.assertFalse(step.malformed)

    def test_over_is_over(self) -> None:
        """After its end an exchange only fails."""
        exchange = server("PLAIN")
        exchange.start(b"\0u\0pw")
        self.assertIsInstance(exchange.respond(b"\0v\0pw"), Failed)
        self.assertIsInstance(exchange.start(b"\0v\0pw"), Failed)
        self.assertRaises(
            ValueError,
            exchange.secret,
            ScramSecret(b"", 1, Secret(b""), Secret(b"")),
        )

    def test_password_is_not_printed(self) -> None:
        """Printing what an exchange gave shows no password."""
        self.assertNotIn("hush", repr(plain(b"\0u\0hush")))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=40))
    def test_any_octets(self, octets: bytes) -> None:
        """Whatever comes gives credentials or a refusal."""
        self.assertIsInstance(plain(octets), CheckPassword | Failed)


class LoginTests(SynchronousTestCase):
    """Two questions."""

    def test_questions(self) -> None:
        """Name and password are asked for in the words all clients know."""
        exchange = server("LOGIN")
        self.assertEqual(exchange.start(None), Challenge(b"Username:"))
        self.assertEqual(exchange.respond(b"tim"), Challenge(b"Password:"))
        self.assertEqual(
            exchange.respond(b"pw"),
            CheckPassword(
                PasswordCredentials("tim", Secret(b"pw"), mechanism="LOGIN")
            ),
        )
        self.assertIsInstance(exchange.respond(b"again"), Failed)

    def test_name_first(self) -> None:
        """A client may send the name with the command."""
        exchange = server("LOGIN")
        self.assertEqual(exchange.start(b"tim"), Challenge(b"Password:"))
        self.assertIsInstance(exchange.respond(b"pw"), CheckPassword)

    def test_bad_names(self) -> None:
        """Empty, over-long and broken names are refused."""
        for name, password in (
            (b"", b"pw"),
            (b"a\0b", b"pw"),
            (b"\xff", b"pw"),
            (b"u", b"p\0w"),
            (b"u", b"x" * 65536),
        ):
            self.assertIsInstance(login(name, password), Failed)
