"""Who may relay: every cell of the relay table, and every trick."""

import itertools
import re

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.realm import Standing
from imailpy.mail import NULL_PATH, Path, Verdict
from imailpy.policy.facts import Session
from imailpy.policy.networks import Networks, parse_network
from imailpy.policy.pipeline import STANDARD, Evaluation
from imailpy.policy.relay import relay
from imailpy.policy.settings import (
    PolicySettings,
    RelayPolicy,
    RelaySettings,
)
from tests.policy.facts import (
    FOREIGN,
    LOCAL,
    NOT_OURS,
    avatar,
    client,
    mail_facts,
    rcpt_facts,
    session,
)
from tests.support.answer import answer

LISTED = "10.0.0.5"
STRANGER = "203.0.113.9"
ADDRESSES = Networks((parse_network("10.0.0.0/8", "imailpy.toml:7"),))

SENDERS = {
    "local existing user": LOCAL,
    "local domain, unknown user": Path("nobody", "local.test"),
    "accept-list sender": Path("friend", "accepted.test"),
    "foreign sender": Path("a", "other.test"),
    "null reverse-path": NULL_PATH,
}


def policy(name: str) -> PolicySettings:
    return PolicySettings(RelaySettings(RelayPolicy(name), ADDRESSES))


class TableTests(SynchronousTestCase):
    """The relay table for a recipient that is not local."""

    def decide(
        self, name: str, who: Session, reverse_path: Path, owned: bool = False
    ) -> tuple[Verdict, str]:
        facts = rcpt_facts(
            Path("y", "elsewhere.test"),
            NOT_OURS,
            mail_facts(who, reverse_path, sender_owned=owned),
        )
        decision = answer(
            Evaluation(STANDARD.rcpt, policy(name), 1).decide(facts)
        )
        return decision.verdict, decision.rule

    def test_every_cell(self) -> None:
        """Each policy honours the claims of its row, and no other."""
        signed_in = session(avatar=avatar())
        listed = session(client=client(LISTED))
        stranger = session(client=client(STRANGER))
        for name in ("none", "addresses"):
            for column, sender in SENDERS.items():
                cell = f"{name}: {column}"
                self.assertEqual(
                    self.decide(name, signed_in, sender, owned=True),
                    (Verdict.ACCEPT, "relay.authenticated"),
                    cell,
                )
                self.assertEqual(
                    self.decide(name, stranger, sender),
                    (Verdict.REJECT, "relay.stranger"),
                    cell,
                )
                expected = (
                    (Verdict.ACCEPT, "relay.listed")
                    if name == "addresses"
                    else (Verdict.REJECT, "relay.stranger")
                )
                self.assertEqual(
                    self.decide(name, listed, sender), expected, cell
                )

    def test_local_recipient_is_no_relay(self) -> None:
        """Mail to an address of ours is taken from anybody."""
        for name in ("none", "addresses"):
            for sender in SENDERS.values():
                decision = relay(
                    rcpt_facts(mail=mail_facts(reverse_path=sender)),
                    policy(name),
                )
                self.assertEqual(decision and decision.rule, "relay.local")

    def test_refusal_tells_nothing(self) -> None:
        """A stranger is told "Relaying denied", whatever the setup."""
        said = set()
        for name in ("none", "addresses"):
            for address in (STRANGER, "2001:db8::1"):
                facts = rcpt_facts(
                    FOREIGN,
                    NOT_OURS,
                    mail_facts(session(client=client(address))),
                )
                decision = relay(facts, policy(name))
                said.add(str(decision and decision.reply))
        self.assertEqual(said, {"550 5.7.1 Relaying denied"})

    def test_hit_entry(self) -> None:
        """The entry that let a client relay is named with its line."""
        facts = rcpt_facts(
            FOREIGN, NOT_OURS, mail_facts(session(client=client(LISTED)))
        )
        decision = relay(facts, policy("addresses"))
        self.assertEqual(decision and decision.entry, "imailpy.toml:7")
        self.assertIn("10.0.0.0/8", decision.reason if decision else "")

    def test_lmtp_never_relays(self) -> None:
        """A recipient that is not ours is refused over LMTP, listed or not."""
        facts = rcpt_facts(
            FOREIGN,
            NOT_OURS,
            mail_facts(session(client=client(LISTED, "lmtp"))),
        )
        decision = relay(facts, policy("addresses"))
        self.assertEqual(decision and decision.rule, "relay.lmtp")

    def test_B4_9_mapped_client(self) -> None:
        """A client of a dual-stack socket counts by its IPv4 address."""
        facts = rcpt_facts(
            FOREIGN,
            NOT_OURS,
            mail_facts(session(client=client("::ffff:10.0.0.5"))),
        )
        decision = relay(facts, policy("addresses"))
        self.assertEqual(decision and decision.rule, "relay.listed")

    def test_B4_10_names_grant_nothing(self) -> None:
        """A client that calls itself one of us is a stranger all the same."""
        who = session(client=client(STRANGER), helo="mx.local.test")
        for name in ("none", "addresses"):
            self.assertEqual(
                self.decide(name, who, LOCAL)[0], Verdict.REJECT, name
            )


@frozen
class Written:
    """An address as it might be written, and what it says to an oracle."""

    text: str
    local_part: str
    domain: str


def spellings() -> list[Written]:
    """
    Addresses in all the ways that were ever used to make a server relay.

    Each is written from its parts, so the oracle knows what its last domain
    is without reading it.
    """
    written = []
    local_parts = [
        ("u", "u"),
        ("U", "U"),
        ("nobody", "nobody"),
        ("x%other.test", "x%other.test"),
        ("x%other.test%more.test", "x%other.test%more.test"),
        ("other.test!x", "other.test!x"),
        ("a!b!c", "a!b!c"),
        ('"x@other.test"', "x@other.test"),
        ('"u"', "u"),
        ('"u\\@local.test"', "u@local.test"),
        ('"other.test!x"', "other.test!x"),
        ("u+box", "u+box"),
        ("postmaster", "postmaster"),
        ("x=other.test", "x=other.test"),
        ("/o=x/ou=other.test", "/o=x/ou=other.test"),
        ("x/other.test", "x/other.test"),
        ('""', ""),
        ('"x@other.test "', "x@other.test "),
        ("|x", "|x"),
        ("~x", "~x"),
        ("x@other.test", None),
        ("x,y", None),
        ("x..y", None),
        (".x", None),
        ("x y", None),
    ]
    domains = [
        ("local.test", "local.test"),
        ("LOCAL.TEST", "local.test"),
        ("Local.Test.", "local.test"),
        ("local.test..", None),
        ("sub.local.test", "sub.local.test"),
        ("xlocal.test", "xlocal.test"),
        ("local.test.other.test", "local.test.other.test"),
        ("other.test", "other.test"),
        ("OTHER.test", "other.test"),
        ("other.test.", "other.test"),
        ("[127.0.0.1]", "[127.0.0.1]"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:::ffff:192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:::1]", "[IPv6:::1]"),
        ("[IPv6:2001:db8::9]", "[IPv6:2001:db8::9]"),
        ("[192.0.2.1", None),
        ("[local.test]", None),
        ("2130706433", "2130706433"),
        ("local", "local"),
        ("localhost", "localhost"),
        ("local.test@other.test", None),
        ("other.test@local.test", None),
        ("local.test,other.test", None),
        ("local.test other.test", None),
        ("local.test>", None),
        ("local.test\t", None),
        ("-local.test", "-local.test"),
        ("b\u00fccher.test", "xn--bcher-kva.test"),
        ("ｌocal.test", "local.test"),
    ]
    for (local, local_read), (domain, domain_read) in itertools.product(
        local_parts, domains
    ):
        if local_read is None or domain_read is None or not local_read:
            local_read, domain_read = "", ""
        written.append(Written(f"{local}@{domain}", local_read, domain_read))
    return written


class BatteryTests(SynchronousTestCase):
    """The relay battery against "the parsed domain is local"."""

    LOCAL_DOMAINS = frozenset(["local.test", "[192.0.2.1]"])
    USERS = frozenset(["u", "postmaster"])

    def standing(self, path: Path) -> Standing:
        """What a strict directory says."""
        local = path.domain in self.LOCAL_DOMAINS
        base = path.local_part.lower().partition("+")[0]
        return Standing(local, local and base in self.USERS)

    def test_B4_15_battery(self) -> None:
        """No spelling of a sender or a recipient makes a stranger relay."""
        senders = [NULL_PATH, LOCAL, FOREIGN, Path("u", "[192.0.2.1]")]
        rcpt = {
            name: Evaluation(STANDARD.rcpt, policy(name), 1)
            for name in ("none", "addresses")
        }
        played = accepted = 0
        for written in spellings():
            try:
                path = Path.parse(written.text)
            except ValueError:
                self.assertEqual(written.domain, "", written)
                continue
            self.assertEqual(
                (path.local_part, path.domain),
                (written.local_part, written.domain),
                written,
            )
            expected = (
                written.domain in self.LOCAL_DOMAINS
                and re.split(r"\+", written.local_part.lower())[0]
                in self.USERS
            )
            for sender, name in itertools.product(senders, rcpt):
                facts = rcpt_facts(
                    path, self.standing(path), mail_facts(None, sender)
                )
                decision = answer(rcpt[name].decide(facts))
                self.assertEqual(
                    not decision.refuses, expected, (written, sender, name)
                )
                played += 1
                accepted += expected
        self.assertGreater(played, 2000)
        self.assertGreater(accepted, 50)

    def test_B4_1_senders(self) -> None:
        """Null, local, literal and postmaster senders relay nothing."""
        row = Evaluation(STANDARD.rcpt, policy("none"), 1)
        for sender in (
            Path("a", "other.test"),
            NULL_PATH,
            LOCAL,
            Path("postmaster", ""),
            Path("u", "[127.0.0.1]"),
        ):
            facts = rcpt_facts(FOREIGN, NOT_OURS, mail_facts(None, sender))
            decision = answer(row.decide(facts))
            self.assertEqual(
                str(decision.reply), "550 5.7.1 Relaying denied", sender
            )

    def test_B4_2_B4_4_B4_5_local_part_is_literal(self) -> None:
        """`%`, `!` and a quoted `@` in a local part name an unknown user."""
        row = Evaluation(STANDARD.rcpt, policy("none"), 1)
        for text in (
            "x%other.test@local.test",
            "other.test!x@local.test",
            '"x@other.test"@local.test',
        ):
            path = Path.parse(text)
            decision = answer(
                row.decide(rcpt_facts(path, self.standing(path)))
            )
            self.assertEqual(decision.rule, "recipient.unknown", text)
            self.assertEqual(
                str(decision.reply), "550 5.1.1 No such user here", text
            )

    def test_B4_6_B4_7_B4_11_domains(self) -> None:
        """Two `@` are no address; one trailing dot and case do not count;
        a subdomain is another domain."""
        self.assertRaises(ValueError, Path.parse, "x@other.test@local.test")
        for text in ("u@local.test.", "u@LOCAL.TEST"):
            self.assertTrue(self.standing(Path.parse(text)).exists, text)
        for text in ("x@other.test.", "x@OTHER.TEST", "u@sub.local.test"):
            self.assertFalse(self.standing(Path.parse(text)).local, text)

    def test_B4_8_literals(self) -> None:
        """A literal is ours only if it is our address."""
        ours = Path.parse("u@[IPv6:::ffff:192.0.2.1]")
        self.assertTrue(self.standing(ours).exists)
        row = Evaluation(STANDARD.rcpt, policy("none"), 1)
        other = Path.parse("u@[127.0.0.1]")
        decision = answer(row.decide(rcpt_facts(other, self.standing(other))))
        self.assertEqual(decision.rule, "relay.stranger")
