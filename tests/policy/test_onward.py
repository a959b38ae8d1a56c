"""Domains of others that mail is taken for, and local senders of strangers."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.realm import Known
from imailpy.mail import Decision, Path, Verdict
from imailpy.policy.addresses import AddressList
from imailpy.policy.facts import MailFacts, SenderStanding
from imailpy.policy.networks import Networks
from imailpy.policy.pipeline import Evaluation
from imailpy.policy.settings import (
    LocalSender,
    OnwardDomain,
    PolicySettings,
    RecipientCheck,
    RelayPolicy,
    RelaySettings,
    SpoofSettings,
)
from imailpy.policy.standard import STANDARD
from tests.policy.facts import (
    LOCAL,
    NOT_OURS,
    avatar,
    client,
    rcpt_facts,
    session,
)
from tests.support.answer import answer

ANN = Path("ann", "theirs.test")
OURS = SenderStanding(local=True)
USER = SenderStanding(local=True, exists=True)


class Says:
    """Knows one thing of everybody."""

    def __init__(self, known: Known) -> None:
        self.said = known
        self.asked: list[Path] = []

    async def known(self, path: Path) -> Known:
        self.asked.append(path)
        return self.said


class OnwardTests(SynchronousTestCase):
    """Mail for `theirs.test`, from a stranger."""

    def decide(
        self,
        domain: OnwardDomain,
        path: Path = ANN,
        says: Any = None,
        **who: Any,
    ) -> Decision:
        settings = PolicySettings(
            RelaySettings(domains={"theirs.test": domain})
        )
        facts = rcpt_facts(
            path,
            NOT_OURS,
            MailFacts(
                session(onward={"call-ahead": says} if says else {}, **who),
                Path("a", "other.test"),
            ),
        )
        return answer(Evaluation(STANDARD.rcpt, settings, 1).decide(facts))

    def test_taken_from_anyone(self) -> None:
        """Mail for a domain in `relay.domains` is taken, its place told."""
        decision = self.decide(OnwardDomain(entry="imailpy.toml:9"))
        self.assertEqual(
            (decision.verdict, decision.rule, decision.entry),
            (Verdict.ACCEPT, "relay.domain", "imailpy.toml:9"),
        )

    def test_only_that_domain(self) -> None:
        """Neither a domain below it nor one like it is meant."""
        for name in ("sub.theirs.test", "xtheirs.test", "theirs.test.x"):
            decision = self.decide(OnwardDomain(), Path("ann", name))
            self.assertEqual(decision.rule, "relay.stranger", name)

    def test_list(self) -> None:
        """Recipients that the list does not have are refused."""
        domain = OnwardDomain(
            RecipientCheck.LIST, AddressList.of(["ann@theirs.test"])
        )
        self.assertEqual(self.decide(domain).rule, "relay.domain")
        decision = self.decide(domain, Path("bob", "theirs.test"))
        self.assertEqual(decision.rule, "relay.domain_unknown_recipient")
        self.assertEqual(str(decision.reply), "550 5.1.1 No such user here")

    def test_call_ahead(self) -> None:
        """What the other server says of a recipient decides."""
        domain = OnwardDomain(RecipientCheck.CALL_AHEAD)
        for known, rule, verdict in (
            (Known.YES, "relay.domain", Verdict.ACCEPT),
            (Known.NO, "relay.domain_unknown_recipient", Verdict.REJECT),
            (Known.UNKNOWN, "relay.domain_unverified", Verdict.DEFER),
        ):
            says = Says(known)
            decision = self.decide(domain, says=says)
            self.assertEqual(
                (decision.rule, decision.verdict), (rule, verdict)
            )
            self.assertEqual(says.asked, [ANN])

    def test_cannot_tell(self) -> None:
        """Where nobody can tell it is deferred, or taken by setting."""
        check = RecipientCheck.CALL_AHEAD
        decision = self.decide(OnwardDomain(check))
        self.assertEqual(str(decision.reply)[:9], "451 4.4.1")
        decision = self.decide(
            OnwardDomain(check, defer=False), says=Says(Known.UNKNOWN)
        )
        self.assertEqual(decision.rule, "relay.domain")

    def test_no_question_where_it_is_no_matter(self) -> None:
        """A user's mail is taken without a question; LMTP never relays."""
        says = Says(Known.NO)
        domain = OnwardDomain(RecipientCheck.CALL_AHEAD)
        decision = self.decide(domain, says=says, avatar=avatar())
        self.assertEqual(decision.rule, "relay.authenticated")
        decision = self.decide(
            domain, says=says, client=client("10.0.0.1", "lmtp")
        )
        self.assertEqual(decision.rule, "relay.lmtp")
        self.assertEqual(says.asked, [])


class SpoofTests(SynchronousTestCase):
    """Mail of a stranger under an address of ours."""

    def decide(
        self,
        how: LocalSender,
        *,
        policy: RelayPolicy = RelayPolicy.NONE,
        sender: SenderStanding = OURS,
        accept: str = "",
        **who: Any,
    ) -> Decision:
        settings = PolicySettings(
            RelaySettings(
                policy,
                Networks.parse(["10.0.0.0/8"]),
                AddressList.of([accept] if accept else []),
            ),
            spoof=SpoofSettings(how, Networks.parse(["198.51.100.7"])),
            written={"spoof.local_sender": "imailpy.toml:4"},
        )
        return answer(
            Evaluation(STANDARD.mail, settings, 1).decide(
                MailFacts(
                    session(**who), LOCAL, sender_owned=True, sender=sender
                )
            )
        )

    def test_mark(self) -> None:
        """It is taken, and marked."""
        decision = self.decide(LocalSender.MARK)
        self.assertEqual(decision.verdict, Verdict.ACCEPT)
        self.assertEqual(decision.rule, "spoof.local_sender")
        self.assertEqual(decision.entry, "imailpy.toml:4")
        self.assertEqual([m.name for m in decision.marks], ["LOCALSENDER"])

    def test_reject(self) -> None:
        """It is refused, and hears no reason."""
        decision = self.decide(LocalSender.REJECT)
        self.assertEqual(str(decision.reply), "550 5.7.1 Sender refused")
        self.assertEqual(decision.rule, "spoof.local_sender")

    def test_off(self) -> None:
        """It is nobody's business."""
        decision = self.decide(LocalSender.OFF)
        self.assertEqual((decision.rule, decision.marks), ("mail.accept", ()))

    def skips(self, **more: Any) -> bool:
        decision = self.decide(LocalSender.REJECT, **more)
        return decision.rule == "mail.accept"

    def test_who_may(self) -> None:
        """Users, listed clients, exempt ones, and who is let in by sender."""
        self.assertTrue(self.skips(sender=SenderStanding()))
        self.assertTrue(self.skips(avatar=avatar()))
        self.assertTrue(self.skips(client=client("10.0.0.1", "lmtp")))
        self.assertTrue(self.skips(client=client("198.51.100.7")))
        listed = client("10.0.0.1")
        self.assertTrue(
            self.skips(client=listed, policy=RelayPolicy.ADDRESSES)
        )
        self.assertFalse(self.skips(client=listed))
        users, hosts = RelayPolicy.LOCAL_USERS, RelayPolicy.LOCAL_HOSTS
        self.assertTrue(self.skips(policy=users, sender=USER))
        self.assertFalse(self.skips(policy=users))
        self.assertTrue(self.skips(policy=users, accept="@local.test"))
        self.assertTrue(self.skips(policy=hosts))

    def test_submission(self) -> None:
        """On a submission listener a login is what is wanted."""
        decision = self.decide(
            LocalSender.REJECT, client=client("203.0.113.9", "submission")
        )
        self.assertEqual(decision.rule, "submission.login_required")
