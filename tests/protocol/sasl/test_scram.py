"""SCRAM-SHA-256 and -PLUS, server's side, against vectors and scramp."""

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramClient as TheirClient
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import ProvenCredentials, ScramSecret, Secret
from imailpy.protocol.sasl import (
    Challenge,
    Failed,
    FindSecret,
    Proven,
    client,
    make_secret,
    server,
)
from imailpy.protocol.sasl.scram import PLUS_NAME
from imailpy.protocol.sasl.scram_server import Scram

SALT = base64.b64decode(b"W22ZaJ0SNY7soEsUEjb6gQ==")
SECRET = make_secret(b"pencil", SALT, 4096)
NONCE = bytes(range(24))
BINDING = bytes(range(32))
CLIENT_NONCE = bytes(range(24, 48))


def vector_server(text: bytes) -> Scram:
    """A server with the nonce of RFC 7677."""
    exchange = Scram(NONCE, None, False)
    exchange._nonce = text
    return exchange


def run(ours: object, theirs: object, secret: ScramSecret = SECRET) -> object:
    """Let a client of ours talk to a server of ours."""
    step = ours.start(theirs.start())
    while True:
        if isinstance(step, FindSecret):
            step = ours.secret(secret)
        elif isinstance(step, Challenge):
            step = ours.respond(theirs.step(step.octets))
        else:
            return step


class VectorTests(SynchronousTestCase):
    """RFC 7677 section 3, octet for octet."""

    def test_example_of_the_standard(self) -> None:
        """The example's user is proven and the server's answer is theirs."""
        exchange = vector_server(b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
        step = exchange.start(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        self.assertEqual(step, FindSecret("user"))
        step = exchange.secret(SECRET)
        self.assertEqual(
            step,
            Challenge(
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
            ),
        )
        step = exchange.respond(
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        )
        self.assertEqual(
            step,
            Proven(
                ProvenCredentials("user"),
                b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
        )


class InteropTests(SynchronousTestCase):
    """Clients of other makes."""

    def _scramp(self, password: str, secret: ScramSecret) -> object:
        theirs = TheirClient(["SCRAM-SHA-256"], "us,er", password)
        ours = server("SCRAM-SHA-256", nonce=NONCE)
        step = ours.start(theirs.get_client_first().encode())
        self.assertEqual(step, FindSecret("us,er"))
        step = ours.secret(secret)
        assert isinstance(step, Challenge)
        theirs.set_server_first(step.octets.decode())
        step = ours.respond(theirs.get_client_final().encode())
        if isinstance(step, Proven):
            theirs.set_server_final(step.final.decode())
        return step

    def test_scramp(self) -> None:
        """scramp's client signs in and believes the server."""
        self.assertIsInstance(self._scramp("pencil", SECRET), Proven)
        accented = make_secret("e\u0301".encode(), SALT, 4096)
        self.assertIsInstance(self._scramp("\u00e9", accented), Proven)

    def test_scramp_wrong_password(self) -> None:
        """A wrong password is a wrong proof, named for the count."""
        step = self._scramp("crayon", SECRET)
        assert isinstance(step, Failed)
        self.assertFalse(step.malformed)
        self.assertEqual(step.authcid, "us,er")


class ExchangeTests(SynchronousTestCase):
    """Rules of the exchange."""

    def _client(self, mechanism: str = PLUS_NAME, **how: object) -> object:
        how.setdefault("binding", BINDING)
        return client(
            mechanism,
            "user",
            Secret(b"pencil"),
            nonce=CLIENT_NONCE,
            **how,
        )

    def test_plus(self) -> None:
        """Both ends of one TLS channel prove it to each other."""
        theirs = self._client()
        ours = server(PLUS_NAME, nonce=NONCE, binding=BINDING)
        step = run(ours, theirs)
        assert isinstance(step, Proven)
        self.assertEqual(step.credentials.mechanism, PLUS_NAME)
        self.assertEqual(theirs.step(step.final), b"")
        self.assertTrue(theirs.finished)

    def test_another_channel(self) -> None:
        """Somebody in the middle has another TLS channel and is refused."""
        ours = server(PLUS_NAME, nonce=NONCE, binding=bytes(32))
        step = run(ours, self._client())
        assert isinstance(step, Failed)
        self.assertFalse(step.malformed)

    def test_B9_6_downgrade(self) -> None:
        """A client that was told there is no -PLUS, while there is."""
        ours = server("SCRAM-SHA-256", nonce=NONCE, binding=BINDING)
        step = run(ours, self._client("SCRAM-SHA-256"))
        self.assertEqual(step.reason, "channel-binding downgrade")

    def test_y_where_there_is_no_plus(self) -> None:
        """A client that could bind signs in where we cannot."""
        ours = server("SCRAM-SHA-256", nonce=NONCE)
        step = run(ours, self._client("SCRAM-SHA-256"))
        self.assertIsInstance(step, Proven)

    def test_client_without_binding(self) -> None:
        """A client that cannot bind may use plain SCRAM beside -PLUS."""
        ours = server("SCRAM-SHA-256", nonce=NONCE, binding=BINDING)
        step = run(ours, self._client("SCRAM-SHA-256", binding=None))
        self.assertIsInstance(step, Proven)

    def test_B9_6_replay(self) -> None:
        """A proof that was heard once is worth nothing a second time."""
        theirs = self._client("SCRAM-SHA-256", binding=None)
        first = theirs.start()
        ours = server("SCRAM-SHA-256", nonce=NONCE)
        ours.start(first)
        proof = theirs.step(ours.secret(SECRET).octets)
        self.assertIsInstance(ours.respond(proof), Proven)
        self.assertIsInstance(ours.respond(proof), Failed)
        again = server("SCRAM-SHA-256", nonce=bytes(24))
        again.start(first)
        again.secret(SECRET)
        self.assertEqual(again.respond(proof).reason, "another nonce")

    def test_authzid(self) -> None:
        """Whom to act as arrives, commas and all."""
        theirs = self._client("SCRAM-SHA-256", binding=None, authzid="a,b=c")
        step = run(server("SCRAM-SHA-256", nonce=NONCE), theirs)
        self.assertEqual(step.credentials.authzid, "a,b=c")

    def test_malformed_first(self) -> None:
        """Anything that is not client-first-message is refused."""
        for octets in (
            b"",
            b"n",
            b"n,,",
            b"x,,n=u,r=n",
            b"n,b=,n=u,r=n",
            b"n,a=,n=u,r=n",
            b"n,,m=x,n=u,r=n",
            b"n,,r=n,n=u",
            b"n,,n=,r=n",
            b"n,,n=a=b,r=n",
            b"n,,n=a=2c,r=n",
            b"n,,n=\xff,r=n",
            b"n,,n=a\0b,r=n",
            b"n,,n=\xc2\xad,r=n",
            b"n,,n=u,r=",
            b"n,,n=u,r=\x7f",
            b"p=tls-exporter,,n=u,r=n",
            b"n,,n=u,r=n,",
            b"n,,n=" + b"u" * 10000 + b",r=n",
        ):
            exchange = server("SCRAM-SHA-256", nonce=NONCE)
            step = exchange.start(octets)
            self.assertIsInstance(step, Failed, octets)
            self.assertTrue(step.malformed)
            self.assertIsInstance(exchange.respond(b"n,,n=u,r=n"), Failed)

    def test_plus_wants_its_binding(self) -> None:
        """-PLUS without a binding, or with one of another type."""
        for octets in (
            b"n,,n=u,r=n",
            b"y,,n=u,r=n",
            b"p=tls-unique,,n=u,r=n",
            b"p=,,n=u,r=n",
        ):
            exchange = server(PLUS_NAME, nonce=NONCE, binding=BINDING)
            self.assertIsInstance(exchange.start(octets), Failed)
        self.assertRaises(ValueError, server, PLUS_NAME, nonce=NONCE)

    def test_malformed_final(self) -> None:
        """Anything that is not client-final-message is refused."""
        nonce = b"n" + base64.b64encode(NONCE)
        proof = b",p=" + base64.b64encode(bytes(32))
        for octets in (
            b"",
            b"c=biws",
            b"c=biws,r=" + nonce,
            b"c=biws,r=n" + proof,
            b"c=biwT,r=" + nonce + proof,
            b"c=eSws,r=" + nonce + proof,
            b"r=" + nonce + b",c=biws" + proof,
            b"c=biws,r=" + nonce + b",p=AAAA",
            b"c=biws,r=" + nonce + b",p=A" + proof[4:],
            b"c=biws,r=" + nonce + proof + b",x=y",
            b"c=biws,r=" + nonce + proof + b"\n",
        ):
            exchange = server("SCRAM-SHA-256", nonce=NONCE)
            exchange.start(b"n,,n=u,r=n")
            exchange.secret(SECRET)
            self.assertIsInstance(exchange.respond(octets), Failed, octets)

    def test_out_of_order(self) -> None:
        """Answers before the secret is there, secrets that nobody wants."""
        exchange = server("SCRAM-SHA-256", nonce=NONCE)
        self.assertRaises(ValueError, exchange.secret, SECRET)
        self.assertIsInstance(exchange.respond(b"n,,n=u,r=n"), Failed)
        exchange.start(b"n,,n=u,r=n")
        self.assertIsInstance(exchange.respond(b"c=biws"), Failed)

    def test_weak_makings(self) -> None:
        """Short nonces and salts, and few iterations, are a bug of ours."""
        for bug in (
            lambda: server("SCRAM-SHA-256", nonce=b"short"),
            lambda: make_secret(b"pw", b"short"),
            lambda: make_secret(b"pw", SALT, 4095),
            lambda: make_secret(b"pw", SALT, 1_000_001),
        ):
            self.assertRaises(ValueError, bug)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=60), st.binary(max_size=60))
    def test_any_octets(self, first: bytes, final: bytes) -> None:
        """Whatever comes, nobody is proven and nothing breaks."""
        exchange = server("SCRAM-SHA-256", nonce=NONCE)
        step = exchange.start(b"n,,n=u,r=" + first)
        if isinstance(step, FindSecret):
            exchange.secret(SECRET)
        self.assertIsInstance(exchange.respond(final), Failed)
        other = server("SCRAM-SHA-256", nonce=NONCE)
        self.assertIsInstance(other.start(first), Failed | FindSecret)
