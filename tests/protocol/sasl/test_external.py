"""EXTERNAL."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.sasl import (
    Challenge,
    CheckExternal,
    Failed,
    offered,
    server,
)


class ExternalTests(SynchronousTestCase):
    """Whom the channel names, or the same by its name."""

    def test_with_and_without_initial(self) -> None:
        """An identity or none, in the first message or the second."""
        for said in ("", "ann@local.test", "gr\u00fc\u00df@local.test"):
            begun = server("EXTERNAL")
            self.assertEqual(begun.start(said.encode()), CheckExternal(said))
            later = server("EXTERNAL")
            self.assertEqual(later.start(None), Challenge(b""))
            self.assertEqual(later.respond(said.encode()), CheckExternal(said))

    def test_B9_2_malformed(self) -> None:
        """NUL, no UTF-8, too long, and anything after the end are over."""
        for octets in (b"a\0b", b"\xff", b"x" * 10_000):
            begun = server("EXTERNAL")
            self.assertIsInstance(begun.start(octets), Failed)
            self.assertIsInstance(begun.respond(b"ann"), Failed)
        self.assertIsInstance(server("EXTERNAL").respond(b"ann"), Failed)

    def test_offered(self) -> None:
        """It is on offer where a certificate was verified, under TLS."""
        names = offered(True, False, True, True, external=True)
        self.assertEqual(names[0], "EXTERNAL")
        self.assertNotIn("EXTERNAL", offered(True, False, True, True))
        self.assertNotIn(
            "EXTERNAL", offered(False, True, True, False, external=True)
        )
