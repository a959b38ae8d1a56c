"""An exchange meets the gate."""

from types import SimpleNamespace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.errors import (
    LoginCancelled,
    LoginMalformed,
    LoginRefused,
    LoginUnavailable,
)
from imailpy.interfaces.realm import IAvatar, IGate, IRealm
from imailpy.listeners.login import (
    Mechanisms,
    Outcome,
    Refused,
    SignedIn,
    SignIn,
    mechanisms,
)
from imailpy.mail import Client, Secret
from imailpy.protocol.sasl import Challenge, client
from tests.support.gate import TableGate, TableRealm

ANN = "ann@example.test"
WORLD = SimpleNamespace(
    random=SimpleNamespace(octets=lambda count: bytes(count))
)
BINDING = bytes(range(32))
CLIENT = Client("192.0.2.1", 4711, "imaps", "imap", "s1")


class SignInTests(SynchronousTestCase):
    """Ann signs in, by each mechanism, or does not."""

    def setUp(self) -> None:
        self.gate = TableGate(CLIENT, {ANN: b"pencil"})
        names = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN")
        self.sign_in = SignIn(WORLD, self.gate, Mechanisms(names, BINDING))

    def now(self, coroutine: object) -> Outcome:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def exchange(self, theirs: object, initial: bool = True) -> Outcome:
        """Let a client of ours sign in."""
        first = theirs.start() if initial else None
        outcome = self.now(self.sign_in.begin(theirs.mechanism, first))
        if isinstance(outcome, Challenge) and first is None:
            started = theirs.start()
            if started is not None and theirs.mechanism != "LOGIN":
                outcome = self.now(self.sign_in.respond(started))
        while isinstance(outcome, Challenge):
            answer = theirs.step(outcome.octets)
            outcome = self.now(self.sign_in.respond(answer))
        return outcome

    def client(self, mechanism: str, password: bytes = b"pencil") -> object:
        return client(
            mechanism,
            ANN,
            Secret(password),
            nonce=bytes(range(24)),
            binding=BINDING if mechanism.endswith("PLUS") else None,
        )

    def test_every_mechanism(self) -> None:
        """The right password lets her in, by every mechanism on offer."""
        for name in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
            for initial in (True, False):
                outcome = self.exchange(self.client(name), initial)
                assert isinstance(outcome, SignedIn), (name, outcome)
                self.assertIs(outcome.avatar, self.gate.avatar)

    def test_wrong_password(self) -> None:
        """A wrong password is refused alike by every mechanism."""
        for name in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
            outcome = self.exchange(self.client(name, b"crayon"))
            assert isinstance(outcome, Refused)
            self.assertIs(type(outcome.error), LoginRefused)
        self.assertIn(
            ("login_failed", ("SCRAM-SHA-256", ANN)), self.gate.asked
        )

    def test_B9_3_empty_password(self) -> None:
        """An empty password is counted as wrong and checked by nobody."""
        for outcome in (
            self.now(self.sign_in.password(ANN, b"")),
            self.now(self.sign_in.begin("PLAIN", b"\0ann\0")),
        ):
            assert isinstance(outcome, Refused)
        self.assertEqual(self.gate.stages(), ["login_failed"] * 2)

    def test_user_and_pass(self) -> None:
        """IMAP LOGIN and POP3 USER, PASS need no exchange."""
        outcome = self.now(self.sign_in.password(ANN, b"pencil"))
        self.assertIsInstance(outcome, SignedIn)
        outcome = self.now(self.sign_in.password(ANN, b"crayon"))
        self.assertIsInstance(outcome, Refused)

    def test_cancelled(self) -> None:
        """A client that gives up is told so and nothing is counted."""
        self.now(self.sign_in.begin("LOGIN", None))
        outcome = self.now(self.sign_in.respond(None))
        assert isinstance(outcome, Refused)
        self.assertIsInstance(outcome.error, LoginCancelled)
        self.assertEqual(outcome.error.reply.code, 501)
        self.assertEqual(self.gate.asked, [])
        self.failureResultOf(
            Deferred.fromCoroutine(self.sign_in.respond(b"x")), ValueError
        )

    def test_malformed(self) -> None:
        """Broken syntax asks the gate nothing."""
        outcome = self.now(self.sign_in.begin("PLAIN", b"\0\0\0"))
        assert isinstance(outcome, Refused)
        self.assertIsInstance(outcome.error, LoginMalformed)
        self.assertEqual(outcome.error.reply.code, 501)
        self.assertEqual(self.gate.asked, [])

    def test_unavailable(self) -> None:
        """When nobody can tell, it is a refusal for now."""
        self.gate.unavailable = LoginUnavailable("the disk is slow")
        for name in ("PLAIN", "SCRAM-SHA-256"):
            outcome = self.exchange(self.client(name))
            self.assertEqual(outcome, Refused(self.gate.unavailable))
            self.assertTrue(outcome.error.temporary)

    def test_last_word(self) -> None:
        """After our proof only an empty answer lets her in."""
        theirs = self.client("SCRAM-SHA-256")
        outcome = self.now(self.sign_in.begin("SCRAM-SHA-256", theirs.start()))
        final = self.now(self.sign_in.respond(theirs.step(outcome.octets)))
        self.assertTrue(final.octets.startswith(b"v="))
        self.assertNotIn("login", self.gate.stages())
        outcome = self.now(self.sign_in.respond(b"more"))
        self.assertIsInstance(outcome.error, LoginMalformed)
        self.assertIsNone(self.gate.avatar)

    def test_not_on_offer(self) -> None:
        """A mechanism that was not offered is a bug of the listener."""
        sign_in = SignIn(WORLD, self.gate, Mechanisms(("PLAIN",)))
        self.failureResultOf(
            Deferred.fromCoroutine(sign_in.begin("LOGIN", None)), ValueError
        )

    def test_table_provides_the_doors(self) -> None:
        """The table used in tests has the realm's doors."""
        verifyObject(IGate, self.gate)
        self.exchange(self.client("PLAIN"))
        verifyObject(IAvatar, self.gate.avatar)
        verifyObject(IRealm, TableRealm())


class MechanismsTests(SynchronousTestCase):
    """What is on offer."""

    def test_binding_is_asked_when_needed(self) -> None:
        """The channel is only bound to where TLS and SCRAM are on."""
        tls = SimpleNamespace(
            exporter=lambda transport: BINDING,
            client_certificate=lambda transport: None,
        )
        for secured, scram, bound in (
            (True, True, True),
            (True, False, False),
            (False, True, False),
        ):
            found = mechanisms(
                tls, None, secured=secured, plaintext_auth=True, scram=scram
            )
            self.assertEqual(found.binding is not None, bound)
            self.assertEqual("SCRAM-SHA-256-PLUS" in found.names, bound)

    def test_B2_7_in_the_clear(self) -> None:
        """Without TLS and without leave there is no AUTH."""
        found = mechanisms(
            None, None, secured=False, plaintext_auth=False, scram=True
        )
        self.assertEqual(found.names, ())
