"""Honest users beside attackers, in small."""

from twisted.trial.unittest import TestCase

from tests.whole.attack import defended, run


class AttackTests(TestCase):
    """The attack mix for a few seconds."""

    def test_L5_honest_users_get_through(self) -> None:
        """
        Slow connections, junk, guessed passwords and tried names at once:
        every honest message is taken and every honest login works.
        """
        server = defended()
        try:
            came = run(server, 4.0, 100)
        finally:
            server.stop()
        for name, tally in came.attacked.items():
            self.assertEqual(tally.failures, [], name)
            self.assertGreater(len(tally.took_s), 5, name)
        self.assertGreater(came.heard["slow let in"], 50)
        self.assertGreater(came.heard["junk sent away"], 5)
