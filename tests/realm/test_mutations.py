"""A few things are broken on purpose, and are noticed."""

from twisted.trial.unittest import SynchronousTestCase

from tests.realm.mutations import Mutation, mutations, noticed

# All of them: python -m tests.realm.mutations
FEW = (
    "rcpt relay says nothing",
    "rcpt relay takes everything",
    "rcpt recipient.unknown takes everything",
    "mail spoof.local_sender says nothing",
    "cell none: client listed",
    "cell addresses: foreign sender",
    "cell local-users: null reverse-path",
    "cell local-hosts: client listed",
    "claim client listed always holds",
    "imailpy.policy.relay.LMTP is nothing",
    "imailpy.policy.relay.SUBMISSION is nothing",
)
QUICK = (
    "tests.policy.test_relay",
    "tests.policy.test_onward",
    "tests.policy.test_stages",
)


class MutationTests(SynchronousTestCase):
    """Whoever breaks a check hears of it."""

    def test_a_few(self) -> None:
        """Each of these breaks a test of the policy."""
        every = {each.name: each for each in mutations()}
        for name in FEW:
            self.assertIsNotNone(noticed(every[name], QUICK), name)

    def test_nothing_broken(self) -> None:
        """A mutation that changes nothing is not noticed."""
        nothing = Mutation("nothing", lambda: lambda: None)
        self.assertIsNone(noticed(nothing, QUICK))

    def test_mended(self) -> None:
        """What was broken is whole again."""
        for each in mutations():
            each.breaks()()
        nothing = Mutation("nothing", lambda: lambda: None)
        self.assertIsNone(noticed(nothing, QUICK))
