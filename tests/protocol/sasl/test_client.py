"""The client's side: what it says, and what it believes."""

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramMechanism
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Secret
from imailpy.protocol.sasl import ServerRefused, best, client
from imailpy.protocol.sasl.client import ScramClient

PASSWORD = Secret(b"pencil")
NONCE = bytes(range(24))


class PasswordTests(SynchronousTestCase):
    """PLAIN and LOGIN."""

    def test_plain(self) -> None:
        """One message, as initial response or as an answer."""
        exchange = client("PLAIN", "kurt", PASSWORD, authzid="ursel")
        self.assertEqual(exchange.start(), b"ursel\0kurt\0pencil")
        self.assertTrue(exchange.finished)
        self.assertRaises(ServerRefused, exchange.step, b"")
        exchange = client("PLAIN", "kurt", PASSWORD)
        self.assertEqual(exchange.step(b""), b"\0kurt\0pencil")
        self.assertRaises(ValueError, client, "PLAIN", "a\0b", PASSWORD)

    def test_login(self) -> None:
        """Two answers, then nothing."""
        exchange = client("LOGIN", "kurt", PASSWORD)
        self.assertIsNone(exchange.start())
        self.assertEqual(exchange.step(b"Username:"), b"kurt")
        self.assertFalse(exchange.finished)
        self.assertEqual(exchange.step(b"Password:"), b"pencil")
        self.assertTrue(exchange.finished)
        self.assertRaises(ServerRefused, exchange.step, b"And your PIN?")


class ChoiceTests(SynchronousTestCase):
    """Which mechanism is taken."""

    def test_strongest_first(self) -> None:
        """The strongest of those offered; no password without TLS."""
        everything = ["LOGIN", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]
        bound = {"tls": True, "binding": bytes(32)}
        unbound = {"tls": True, "binding": None}
        bare = {"tls": False, "binding": None}
        self.assertEqual(best(everything, **bound), "SCRAM-SHA-256-PLUS")
        self.assertEqual(best(everything, **unbound), "SCRAM-SHA-256")
        self.assertEqual(best(everything, **bare), "SCRAM-SHA-256")
        self.assertEqual(best(["LOGIN", "PLAIN"], **unbound), "PLAIN")
        self.assertEqual(best(["LOGIN"], **unbound), "LOGIN")
        self.assertIsNone(best(["LOGIN", "PLAIN"], **bare))
        self.assertIsNone(best(["XOAUTH2"], **bound))
        self.assertRaises(ValueError, client, "XOAUTH2", "u", PASSWORD)


class ScramTests(SynchronousTestCase):
    """A server is not believed before it has proven itself."""

    def _client(self) -> ScramClient:
        return ScramClient("user", PASSWORD, "", NONCE, None, False)

    def test_example_of_the_standard(self) -> None:
        """RFC 7677 section 3 from the client's side."""
        exchange = self._client()
        exchange._nonce = b"rOprNGfwEbeRWgbNEkqO"
        exchange._bare = b"n=user,r=rOprNGfwEbeRWgbNEkqO"
        self.assertEqual(exchange.start(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        self.assertEqual(
            exchange.step(
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
            ),
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        )
        self.assertFalse(exchange.finished)
        self.assertEqual(
            exchange.step(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            b"",
        )
        self.assertTrue(exchange.finished)

    def test_scramp_server(self) -> None:
        """scramp's server believes us, and we believe it."""
        mechanism = ScramMechanism("SCRAM-SHA-256")
        found = mechanism.make_auth_info("pencil", iteration_count=5000)
        theirs = mechanism.make_server(lambda user: found)
        ours = self._client()
        theirs.set_client_first(ours.start().decode())
        final = ours.step(theirs.get_server_first().encode())
        theirs.set_client_final(final.decode())
        ours.step(theirs.get_server_final().encode())
        self.assertTrue(ours.finished)

    def test_B9_6_iterations(self) -> None:
        """One iteration, or 10^9, is refused before any work."""
        nonce = base64.b64encode(NONCE) + b"x"
        for count in (b"1", b"4095", b"1000001", b"1000000000", b"-1", b"x"):
            exchange = self._client()
            self.assertRaises(
                ServerRefused,
                exchange.step,
                b"r=%b,s=AAAA,i=%b" % (nonce, count),
            )

    def test_lying_servers(self) -> None:
        """A server with another nonce, no salt, or no proof is refused."""
        nonce = base64.b64encode(NONCE)
        for octets in (
            b"",
            b"r=other,s=AAAA,i=4096",
            b"r=%b,s=AAAA,i=4096" % nonce,
            b"r=%bx,s=,i=4096" % nonce,
            b"r=%bx,s=!,i=4096" % nonce,
            b"r=%b\x01,s=AAAA,i=4096" % nonce,
            b"m=1,r=%bx,s=AAAA,i=4096" % nonce,
        ):
            self.assertRaises(ServerRefused, self._client().step, octets)
        for octets in (b"e=other-error", b"v=AAAA", b"v", b""):
            exchange = self._client()
            exchange.step(b"r=%bx,s=AAAA,i=4096" % nonce)
            self.assertRaises(ServerRefused, exchange.step, octets)
            self.assertFalse(exchange.finished)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=60))
    def test_any_octets(self, octets: bytes) -> None:
        """Whatever a server says, nothing breaks but the exchange."""
        self.assertRaises(ServerRefused, self._client().step, octets)
