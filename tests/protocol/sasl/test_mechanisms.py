"""Which mechanisms are offered when."""

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.sasl import offered, server


class OfferedTests(SynchronousTestCase):
    """The whole table."""

    def test_B2_7_nothing_in_the_clear(self) -> None:
        """Without TLS nothing is offered unless the operator allows it."""
        for scram, binding in product((True, False), repeat=2):
            self.assertEqual(offered(False, False, scram, binding), ())

    def test_strongest_first(self) -> None:
        """With TLS, all there is, -PLUS only where there is a channel."""
        passwords = ("PLAIN", "LOGIN")
        for tls, plain, scram, binding, expected in (
            (True, False, True, True, ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")),
            (True, False, True, False, ("SCRAM-SHA-256",)),
            (False, True, True, True, ("SCRAM-SHA-256",)),
            (True, False, False, True, ()),
            (False, True, False, False, ()),
        ):
            self.assertEqual(
                offered(tls, plain, scram, binding), expected + passwords
            )

    def test_what_is_offered_exists(self) -> None:
        """Every mechanism on offer can be begun."""
        for name in offered(True, True, True, True):
            exchange = server(name, nonce=bytes(18), binding=bytes(32))
            self.assertEqual(exchange.mechanism, name)
        self.assertRaises(ValueError, server, "CRAM-MD5")
