"""STARTTLS and AUTH on a connection."""

import base64

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.errors import LoginUnavailable
from imailpy.interfaces.tls import ITls
from imailpy.listeners.smtp import SmtpSettings
from imailpy.mail import Secret
from imailpy.protocol.sasl import client
from imailpy.protocol.smtp.options import Flavour
from tests.listeners.smtp.serving import MESSAGE, FakeTls, Serving
from tests.protocol.smtp.driving import codes

SUBMISSION = SmtpSettings(flavour=Flavour.SUBMISSION)
CLEAR = SmtpSettings(
    flavour=Flavour.SUBMISSION, plaintext_auth=True, scram=True
)
PLAIN = b"AUTH PLAIN " + base64.b64encode(b"\0alice\0secret") + b"\r\n"
WRONG = b"AUTH PLAIN " + base64.b64encode(b"\0alice\0wrong") + b"\r\n"


class TlsTests(SynchronousTestCase):
    """TLS, asked for and from the first octet."""

    def _secured(self, serving: Serving):
        talker = serving.greeted()
        said = talker.say(b"STARTTLS\r\n")
        self.assertEqual(codes(said), [220])
        talker.transport.startTLS("a context")
        talker.say(b"EHLO client.test\r\n")
        return talker

    def test_starttls(self) -> None:
        """TLS is turned on, and the realm told, before the next EHLO."""
        serving = Serving(tls=True)
        talker = self._secured(serving)
        self.assertNotIn(b"STARTTLS", talker.heard[-200:])
        self.assertEqual(serving.tls.asked, ["smtp"])
        self.assertEqual(
            serving.gate.stages(),
            ["connect", "hello", "secured", "hello"],
        )
        talker.say(MESSAGE)
        (receiving,) = serving.receiver.messages
        self.assertEqual(receiving.transaction.protocol, "ESMTPS")
        self.assertEqual(receiving.transaction.tls, "TLS")

    def test_B2_1_injection(self) -> None:
        """What comes along with STARTTLS is never executed."""
        serving = Serving(tls=True)
        talker = serving.greeted()
        said = talker.say(b"STARTTLS\r\nEHLO e\r\nMAIL FROM:<i@x.test>\r\n")
        self.assertEqual(codes(said), [220])
        self.assertNotIn("mail", serving.gate.stages())

    def test_implicit(self) -> None:
        """TLS from the first octet, with no STARTTLS on offer."""
        serving = Serving(SUBMISSION, implicit_tls=True, alice=b"secret")
        talker = serving.greeted()
        self.assertNotIn(b"STARTTLS", talker.heard)
        self.assertIn(b"AUTH PLAIN LOGIN", talker.heard)
        self.assertEqual(
            codes(talker.say(PLAIN + MESSAGE)), [235, 250, 250, 354, 250]
        )
        (receiving,) = serving.receiver.messages
        self.assertEqual(receiving.transaction.protocol, "ESMTPSA")

    def test_B2_12_handshake_never_comes(self) -> None:
        """Who begins TLS and says nothing is let go in 30 seconds."""
        serving = Serving(implicit_tls=True)
        talker = serving.call()
        serving.world.run(31.0)
        self.assertTrue(talker.gone)
        serving = Serving(tls=True)
        talker = serving.greeted()
        talker.say(b"STARTTLS\r\n")
        talker.transport.startTLS("a context")
        serving.world.run(31.0)
        self.assertTrue(talker.gone)

    def test_handshake_completed(self) -> None:
        """Protocol and cipher are known from the handshake."""
        serving = Serving(tls=True)
        talker = serving.greeted()
        talker.say(b"STARTTLS\r\n")

        class Handle:
            def get_protocol_version_name(self) -> str:
                return "TLSv1.3"

            def get_cipher_name(self) -> str:
                return "AES"

        connection = serving.connection
        connection.transport.getHandle = Handle
        connection.handshakeCompleted()
        talker.transport.startTLS("a context")
        talker.say(b"EHLO c\r\n" + MESSAGE)
        self.assertEqual(
            serving.receiver.messages[0].transaction.tls, "TLSv1.3 AES"
        )
        self.assertEqual(serving.gate.stages().count("secured"), 1)

    def test_fake(self) -> None:
        """The fake has the door's signatures."""
        verifyObject(ITls, FakeTls(), tentative=True)


class AuthTests(SynchronousTestCase):
    """Signing in."""

    def test_submission_demands_it(self) -> None:
        """Nobody submits without signing in, nor signs in in clear."""
        serving = Serving(SUBMISSION, tls=True, alice=b"secret")
        talker = serving.greeted()
        self.assertNotIn(b"AUTH", talker.heard)
        self.assertEqual(codes(talker.say(PLAIN)), [538])
        said = talker.say(b"MAIL FROM:<a@x.test>\r\n")
        self.assertEqual(codes(said), [530])
        self.assertNotIn("login", serving.gate.stages())

    def test_plain(self) -> None:
        """A user with the right password submits."""
        serving = Serving(CLEAR, alice=b"secret")
        talker = serving.greeted()
        self.assertEqual(
            codes(talker.say(PLAIN + MESSAGE)), [235, 250, 250, 354, 250]
        )
        transaction = serving.receiver.messages[0].transaction
        self.assertTrue(transaction.submission)
        self.assertEqual(transaction.protocol, "ESMTPA")
        self.assertIs(transaction.avatar, serving.gate.avatar)

    def test_login(self) -> None:
        """LOGIN asks for the name, then for the password."""
        serving = Serving(CLEAR, alice=b"secret")
        talker = serving.greeted()
        self.assertEqual(codes(talker.say(b"AUTH LOGIN\r\n")), [334])
        said = talker.say(base64.b64encode(b"alice") + b"\r\n")
        self.assertEqual(codes(said), [334])
        said = talker.say(base64.b64encode(b"secret") + b"\r\n")
        self.assertEqual(codes(said), [235])

    def test_scram(self) -> None:
        """SCRAM shows no password, and both sides prove themselves."""
        serving = Serving(CLEAR, alice=b"secret")
        talker = serving.greeted()
        exchange = client(
            "SCRAM-SHA-256", "alice", Secret(b"secret"), nonce=b"n" * 18
        )
        line = b"AUTH SCRAM-SHA-256 " + base64.b64encode(exchange.start())
        said = talker.say(line + b"\r\n")
        while said.startswith(b"334 "):
            answer = exchange.step(base64.b64decode(said[4:]))
            said = talker.say(base64.b64encode(answer) + b"\r\n")
        self.assertEqual(codes(said), [235])
        self.assertTrue(exchange.finished)

    def test_wrong_password(self) -> None:
        """Wrong is 535, whoever it is; five times is enough."""
        serving = Serving(CLEAR, alice=b"secret")
        talker = serving.greeted()
        said = talker.say(WRONG)
        self.assertEqual(said, b"535 5.7.8 Authentication failed\r\n")
        self.assertEqual(
            talker.say(WRONG.replace(b"AGFsaWNl", b"AG5vYm9k")), said
        )
        for _ in range(2):
            talker.say(WRONG)
        self.assertFalse(talker.gone)
        self.assertEqual(codes(talker.say(WRONG)), [535, 421])
        self.assertTrue(talker.gone)

    def test_given_up(self) -> None:
        """A star ends the exchange; another may begin."""
        serving = Serving(CLEAR, alice=b"secret")
        talker = serving.greeted()
        talker.say(b"AUTH LOGIN\r\n")
        self.assertEqual(codes(talker.say(b"*\r\n")), [501])
        self.assertEqual(codes(talker.say(PLAIN)), [235])

    def test_cannot_be_checked(self) -> None:
        """Not knowing is temporary."""
        serving = Serving(CLEAR, alice=b"secret")
        talker = serving.greeted()
        serving.gate.unavailable = LoginUnavailable("directory")
        self.assertEqual(codes(talker.say(PLAIN)), [454])

    def test_off_on_a_plain_mx(self) -> None:
        """On port 25 there is no AUTH unless it is turned on."""
        talker = Serving(tls=True).greeted()
        self.assertEqual(codes(talker.say(PLAIN)), [502])


class SettingsTests(SynchronousTestCase):
    """What cannot be set."""

    def test_hello(self) -> None:
        """A hello message is one printable line of 400 at most."""
        for hello in ("x" * 401, "a\r\nb", "ü"):
            with self.assertRaises(ValueError):
                SmtpSettings(hello=hello)
        serving = Serving(SmtpSettings(hello="ESMTP welcome"))
        self.assertEqual(
            serving.call().heard, b"220 mx.test ESMTP welcome\r\n"
        )

    def test_reload(self) -> None:
        """A connection keeps the settings it began with."""
        serving = Serving()
        old = serving.greeted()
        serving.settings.change(SmtpSettings(max_message_octets=100))
        self.assertIn(b"SIZE 100\r\n", serving.greeted().heard)
        said = old.say(b"EHLO c\r\n")
        self.assertIn(b"SIZE 52428800\r\n", said)
