"""Who may relay: every cell of the relay table, and every trick."""

import itertools
import re

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.realm import Standing
from imailpy.mail import NULL_PATH, Decision, Path, Verdict
from imailpy.policy.addresses import AddressList
from imailpy.policy.facts import (
    UNKNOWN_SENDER,
    MailFacts,
    SenderStanding,
    Session,
)
from imailpy.policy.networks import Networks, parse_network
from imailpy.policy.pipeline import Evaluation
from imailpy.policy.relay import relay
from imailpy.policy.settings import (
    PolicySettings,
    RelayPolicy,
    RelaySettings,
)
from imailpy.policy.standard import STANDARD
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
POLICIES = [each.value for each in RelayPolicy]
ADDRESSES = Networks((parse_network("10.0.0.0/8", "imailpy.toml:7"),))

SENDERS = {
    "local existing user": LOCAL,
    "local domain, unknown user": Path("nobody", "local.test"),
    "accept-list sender": Path("friend", "accepted.test"),
    "foreign sender": Path("a", "other.test"),
    "null reverse-path": NULL_PATH,
}
STANDINGS = {
    "local existing user": SenderStanding(local=True, exists=True),
    "local domain, unknown user": SenderStanding(local=True),
}

# As the specification has it: a non-local recipient, by policy and column.
TABLE = """
policy      | AUTH ok | client listed | local existing user | \
local domain, unknown user | accept-list sender | foreign sender | \
null reverse-path
none        | relay | refuse | refuse | refuse | refuse | refuse | refuse
addresses   | relay | relay  | refuse | refuse | refuse | refuse | refuse
local-users | relay | refuse | relay  | refuse | relay  | refuse | refuse
local-hosts | relay | refuse | relay  | relay  | relay  | refuse | refuse
anyone      | relay | relay  | relay  | relay  | relay  | relay  | relay
"""
# The rule of a cell that says relay; an open relay asks for nothing else.
RULES = {
    "AUTH ok": "relay.authenticated",
    "client listed": "relay.listed",
    "local existing user": "relay.local_user",
    "local domain, unknown user": "relay.local_domain",
    "accept-list sender": "relay.accept_list",
    "foreign sender": "relay.anyone",
    "null reverse-path": "relay.anyone",
}


def cells() -> list[tuple[str, str, bool]]:
    """Give (policy, column, whether it relays) of the table."""
    head, *rows = TABLE.replace("\\\n", "").strip().splitlines()
    columns = [column.strip() for column in head.split("|")][1:]
    found = []
    for row in rows:
        name, *said = [cell.strip() for cell in row.split("|")]
        for column, cell in zip(columns, said, strict=True):
            found.append(
                (name, column, {"relay": True, "refuse": False}[cell])
            )
    return found


def policy(name: str) -> PolicySettings:
    return PolicySettings(
        RelaySettings(
            RelayPolicy(name),
            ADDRESSES,
            AddressList.of(["@accepted.test"], entry="accept.txt:3"),
        ),
        written={"relay.policy": "imailpy.toml:5"},
    )


class TableTests(SynchronousTestCase):
    """The relay table for a recipient that is not local."""

    def decide(
        self,
        name: str,
        who: Session,
        reverse_path: Path,
        owned: bool = False,
        sender: SenderStanding = UNKNOWN_SENDER,
    ) -> Decision:
        facts = rcpt_facts(
            Path("y", "elsewhere.test"),
            NOT_OURS,
            MailFacts(who, reverse_path, sender_owned=owned, sender=sender),
        )
        return answer(Evaluation(STANDARD.rcpt, policy(name), 1).decide(facts))

    def cell(self, name: str, column: str, sender: str) -> Decision:
        """Decide one cell, with a sender of another column or its own."""
        who = session(client=client(STRANGER))
        if column == "AUTH ok":
            who = session(avatar=avatar())
        elif column == "client listed":
            who = session(client=client(LISTED))
        return self.decide(
            name,
            who,
            SENDERS[sender],
            owned=column == "AUTH ok",
            sender=STANDINGS.get(sender, UNKNOWN_SENDER),
        )

    def test_table_is_whole(self) -> None:
        """Five policies, seven columns."""
        self.assertEqual(len(cells()), 35)

    def test_every_cell(self) -> None:
        """Each policy honours the claims of its row, and no other."""
        for name, column, relays in cells():
            sender = column if column in SENDERS else "foreign sender"
            decision = self.cell(name, column, sender)
            cell = f"{name}: {column}"
            if not relays:
                self.assertEqual(
                    (decision.verdict, decision.rule, str(decision.reply)),
                    (
                        Verdict.REJECT,
                        "relay.stranger",
                        "550 5.7.1 Relaying denied",
                    ),
                    cell,
                )
                self.assertEqual(decision.entry, "imailpy.toml:5", cell)
                continue
            self.assertEqual(decision.verdict, Verdict.ACCEPT, cell)
            rules = {RULES[column]}
            if name == "anyone" and column not in ("AUTH ok",):
                rules = {*RULES.values()} - {"relay.authenticated"}
            self.assertIn(decision.rule, rules, cell)

    def test_a_login_relays_any_sender(self) -> None:
        """Who has signed in relays, whatever the policy and the sender."""
        for name in ("none", "addresses", "local-users", "anyone"):
            for sender in SENDERS:
                decision = self.cell(name, "AUTH ok", sender)
                self.assertEqual(decision.rule, "relay.authenticated")

    def test_a_listed_client_relays_any_sender(self) -> None:
        """Policy `addresses` looks at the client and at nothing else."""
        for sender in SENDERS:
            decision = self.cell("addresses", "client listed", sender)
            self.assertEqual(decision.rule, "relay.listed", sender)

    def test_entries(self) -> None:
        """Every claim names the entry of the configuration behind it."""
        for name, column, entry in (
            ("addresses", "client listed", "imailpy.toml:7"),
            ("local-users", "local existing user", "imailpy.toml:5"),
            ("local-hosts", "local domain, unknown user", "imailpy.toml:5"),
            ("local-users", "accept-list sender", "accept.txt:3"),
            ("anyone", "foreign sender", "imailpy.toml:5"),
        ):
            sender = column if column in SENDERS else "foreign sender"
            decision = self.cell(name, column, sender)
            self.assertEqual(decision.entry, entry, name)

    def test_submission_always_wants_a_login(self) -> None:
        """No policy opens a submission listener to strangers."""
        who = session(client=client(STRANGER, "submission"))
        for name in ("none", "local-users", "local-hosts", "anyone"):
            decision = self.decide(
                name,
                who,
                LOCAL,
                sender=SenderStanding(local=True, exists=True),
            )
            self.assertEqual(decision.rule, "relay.submission", name)
            mail = answer(
                Evaluation(STANDARD.mail, policy(name), 1).decide(
                    MailFacts(who, LOCAL)
                )
            )
            self.assertEqual(mail.rule, "submission.login_required", name)

    def test_local_recipient_is_no_relay(self) -> None:
        """Mail to an address of ours is taken from anybody."""
        for name in POLICIES:
            for sender in SENDERS.values():
                decision = relay(
                    rcpt_facts(mail=mail_facts(reverse_path=sender)),
                    policy(name),
                )
                self.assertEqual(decision and decision.rule, "relay.local")

    def test_refusal_tells_nothing(self) -> None:
        """A stranger is told "Relaying denied", whatever the setup."""
        said = set()
        for name in ("none", "addresses", "local-users", "local-hosts"):
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

    def test_LMTP_under_every_policy(self) -> None:
        """LMTP delivers; no policy has it relay."""
        who = session(client=client(LISTED, "lmtp"))
        for name in POLICIES:
            decision = self.decide(name, who, LOCAL)
            self.assertEqual(decision.rule, "relay.lmtp", name)

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
        for name in POLICIES:
            if name != "anyone":
                decision = self.decide(name, who, LOCAL)
                self.assertEqual(decision.verdict, Verdict.REJECT, name)


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
            for name in ("none", "addresses", "local-users", "local-hosts")
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
