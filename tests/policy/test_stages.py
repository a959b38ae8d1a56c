"""The small checks of each stage."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.realm import Standing
from imailpy.mail import NULL_PATH, Decision, Path, Recipient, Verdict
from imailpy.policy import connect, content, hello, mail, rcpt
from imailpy.policy.facts import (
    Authorship,
    ConnectFacts,
    DataFacts,
    HelloFacts,
    MailDomain,
    MessageFacts,
)
from imailpy.policy.networks import Networks
from imailpy.policy.settings import (
    ConnectionLimits,
    HelloRules,
    OverQuota,
    PolicySettings,
    RecipientRules,
    SubmissionRules,
)
from tests.policy.facts import (
    FOREIGN,
    LOCAL,
    NOBODY,
    NOT_OURS,
    OURS,
    avatar,
    client,
    mail_facts,
    rcpt_facts,
    session,
)
from tests.support.answer import answer

STANDARD = PolicySettings()


def said(decision: object) -> str | None:
    """The reply's text, None for nothing to say."""
    if decision is None:
        return None
    if not isinstance(decision, Decision):
        return said(answer(decision))  # type: ignore[arg-type]
    return str(decision.reply)


class ConnectTests(SynchronousTestCase):
    """Connection limits."""

    def test_B13_1_limits(self) -> None:
        """The twenty-first connection of an address and the sixty-first of
        a network are told to come later."""
        for check, field, most in (
            (connect.per_address, "from_address", 20),
            (connect.per_network, "from_network", 60),
            (connect.total, "in_total", 20_000),
        ):
            fits = ConnectFacts(client(), **{field: most})
            over = ConnectFacts(client(), **{field: most + 1})
            self.assertIsNone(check(fits, STANDARD))
            self.assertEqual(
                said(check(over, STANDARD)),
                "421 4.7.0 Too many connections, please try later",
            )

    def test_switched_off(self) -> None:
        """A limit of 0 is no limit; who is exempt has only the total."""
        crowd = ConnectFacts(client("192.0.2.1"), 10**6, 10**6, 10**6)
        off = PolicySettings(limits=ConnectionLimits(0, 0, 0))
        exempt = PolicySettings(
            limits=ConnectionLimits(exempt=Networks.parse(["192.0.2.0/24"]))
        )
        for check in (connect.per_address, connect.per_network):
            self.assertIsNone(check(crowd, off))
            self.assertIsNone(check(crowd, exempt))
        self.assertIsNone(connect.total(crowd, off))
        self.assertIsNotNone(connect.total(crowd, exempt))


class HelloTests(SynchronousTestCase):
    """What a client calls itself."""

    def test_names(self) -> None:
        """Domains and literals of any kind are fine, anything else is not."""
        for name in (
            "client.example",
            "WIN_HOST",
            "a.b.",
            "[192.0.2.1]",
            "[IPv6:::1]",
            "localhost",
        ):
            facts = HelloFacts(client(), name)
            self.assertIsNone(hello.syntax(facts, STANDARD), name)
        for name in (
            "",
            "two words",
            "a..b",
            "a@b",
            "[",
            "x" * 64,
            "a." * 128 + "b",
            "\u00fc.example",
        ):
            facts = HelloFacts(client(), name)
            self.assertEqual(
                said(hello.syntax(facts, STANDARD)),
                "501 5.5.4 Domain name or address literal required",
                name,
            )

    def test_users_machines(self) -> None:
        """On submission listeners, or where it is off, any name will do."""
        facts = HelloFacts(client(service="submission"), "Ann's laptop")
        self.assertIsNone(hello.syntax(facts, STANDARD))
        off = PolicySettings(hello=HelloRules(check_syntax=False))
        self.assertIsNone(hello.syntax(HelloFacts(client(), "a b"), off))

    def test_no_greeting(self) -> None:
        """A client that does not greet is refused."""
        facts = mail_facts(session(helo=None))
        self.assertEqual(
            said(mail.no_hello(facts, STANDARD)),
            "503 5.5.1 Send HELO or EHLO first",
        )
        self.assertIsNone(mail.no_hello(mail_facts(), STANDARD))


class MailTests(SynchronousTestCase):
    """Who may send as whom."""

    def test_submission_wants_login(self) -> None:
        """A submission listener takes nothing from a stranger."""
        who = session(client=client(service="submission"))
        self.assertEqual(
            said(mail.login_required(mail_facts(who), STANDARD)),
            "530 5.7.0 Authentication required",
        )
        self.assertIsNone(mail.login_required(mail_facts(), STANDARD))

    def test_B4_13_sender(self) -> None:
        """A user sends as itself, on every listener, or not at all."""
        for service in ("submission", "smtp"):
            who = session(client=client(service=service), avatar=avatar())
            other = mail_facts(who, Path("b", "local.test"))
            own = mail_facts(who, LOCAL, sender_owned=True)
            self.assertEqual(
                said(mail.sender_owned(other, STANDARD)),
                "553 5.7.1 Sender address not owned by you",
            )
            self.assertIsNone(mail.sender_owned(own, STANDARD))

    def test_null_sender(self) -> None:
        """Read receipts of a user's program have the null sender."""
        facts = mail_facts(session(avatar=avatar()), NULL_PATH)
        self.assertIsNone(mail.sender_owned(facts, STANDARD))
        strict = PolicySettings(
            submission=SubmissionRules(null_reverse_path=False)
        )
        self.assertIsNotNone(mail.sender_owned(facts, strict))

    def test_ownership_off(self) -> None:
        """A site may let its users send as anybody."""
        facts = mail_facts(session(avatar=avatar()), FOREIGN)
        off = PolicySettings(
            submission=SubmissionRules(own_reverse_path=False)
        )
        self.assertIsNone(mail.sender_owned(facts, off))


class Told:
    """Look-ups with one answer."""

    def __init__(self, found: MailDomain) -> None:
        self.found = found
        self.asked: list[str] = []

    async def mail_domain(self, name: str) -> MailDomain:
        self.asked.append(name)
        return self.found


class RcptTests(SynchronousTestCase):
    """To whom."""

    def test_unknown(self) -> None:
        """A local address that nobody has is refused in the session."""
        facts = rcpt_facts(Path("no", "local.test"), NOBODY)
        self.assertEqual(
            said(rcpt.exists(facts, STANDARD)), "550 5.1.1 No such user here"
        )
        self.assertIsNone(rcpt.exists(rcpt_facts(), STANDARD))
        outside = rcpt_facts(FOREIGN, NOT_OURS)
        self.assertIsNone(rcpt.exists(outside, STANDARD))

    def test_postmaster(self) -> None:
        """Postmaster is always taken, bare or with a domain of ours, in any
        case, whatever its mailbox holds."""
        full = Standing(True, False, over_quota=True, room_octets=0)
        for path in (
            Path("postmaster", ""),
            Path("PostMaster", "local.test"),
        ):
            facts = rcpt_facts(path, full)
            self.assertIsNone(rcpt.exists(facts, STANDARD))
            self.assertIsNone(rcpt.quota(facts, STANDARD))
        bare = rcpt_facts(Path("postmaster", ""), NOT_OURS)
        self.assertTrue(bare.is_local)
        foreign = rcpt_facts(Path("postmaster", "other.test"), NOT_OURS)
        self.assertFalse(foreign.is_postmaster)

    def test_quota(self) -> None:
        """A mailbox without room is deferred, or refused by setting."""
        reject = PolicySettings(
            recipients=RecipientRules(over_quota=OverQuota.REJECT)
        )
        cases: list[tuple[Standing, int | None, bool]] = [
            (Standing(True, True, over_quota=True), None, True),
            (Standing(True, True, room_octets=100), 101, True),
            (Standing(True, True, room_octets=100), 100, False),
            (Standing(True, True, room_octets=100), None, False),
            (OURS, 10**9, False),
        ]
        for standing, size, full in cases:
            facts = rcpt_facts(
                standing=standing, mail=mail_facts(size_octets=size)
            )
            self.assertEqual(
                said(rcpt.quota(facts, STANDARD)),
                "452 4.2.2 Mailbox full, please try later" if full else None,
            )
            self.assertEqual(
                said(rcpt.quota(facts, reject)),
                "552 5.2.2 Mailbox full" if full else None,
            )

    def facts(self, path: Path, lookups: Told | None, **who: object) -> object:
        return rcpt_facts(
            path,
            NOT_OURS,
            mail_facts(session(avatar=avatar(), lookups=lookups), LOCAL),
        )

    def test_users_recipient_domains(self) -> None:
        """A user learns at once that a recipient's domain is no good."""
        for found, expected in (
            (MailDomain.EXISTS, None),
            (
                MailDomain.MISSING,
                "550 5.1.2 The recipient domain does not exist",
            ),
            (
                MailDomain.NULL_MX,
                "556 5.1.10 The recipient domain takes no mail",
            ),
            (
                MailDomain.UNKNOWN,
                "451 4.4.3 The recipient domain cannot be looked up now",
            ),
        ):
            told = Told(found)
            facts = rcpt_facts(
                FOREIGN,
                NOT_OURS,
                mail_facts(
                    session(avatar=avatar(), lookups=told),
                    LOCAL,
                    sender_owned=True,
                ),
            )
            self.assertIsNone(rcpt.sender_domain(facts, STANDARD))
            self.assertEqual(
                said(rcpt.recipient_domain(facts, STANDARD)), expected
            )
            self.assertEqual(told.asked, ["other.test"])

    def test_bare_domains(self) -> None:
        """A domain of one word is completed by nobody, so it is refused."""
        who = session(avatar=avatar())
        facts = rcpt_facts(
            Path("x", "intranet"),
            NOT_OURS,
            mail_facts(who, Path("y", "laptop")),
        )
        self.assertEqual(
            said(rcpt.recipient_domain(facts, STANDARD)),
            "553 5.1.2 Full recipient domain required",
        )
        self.assertEqual(
            said(rcpt.sender_domain(facts, STANDARD)),
            "553 5.1.8 Full sender domain required",
        )

    def test_when_dns_is_not_asked(self) -> None:
        """DNS is asked neither for strangers, nor for local or literal
        recipients, nor where it is switched off."""
        told = Told(MailDomain.MISSING)
        user = mail_facts(
            session(avatar=avatar(), lookups=told), LOCAL, sender_owned=True
        )
        stranger = mail_facts(session(lookups=told))
        off = PolicySettings(submission=SubmissionRules(check_domains=False))
        for facts, settings in (
            (rcpt_facts(FOREIGN, NOT_OURS, stranger), STANDARD),
            (rcpt_facts(mail=user), STANDARD),
            (rcpt_facts(Path("x", "[192.0.2.9]"), NOT_OURS, user), STANDARD),
            (rcpt_facts(FOREIGN, NOT_OURS, user), off),
        ):
            self.assertIsNone(rcpt.recipient_domain(facts, settings))
            self.assertIsNone(rcpt.sender_domain(facts, settings))
        self.assertEqual(told.asked, [])


class ContentTests(SynchronousTestCase):
    """The message itself."""

    def message(self, authorship: Authorship | None) -> MessageFacts:
        user = mail_facts(session(avatar=avatar()), LOCAL, sender_owned=True)
        return MessageFacts(user, 1000, authorship)

    def test_B4_13_author(self) -> None:
        """From and Sender of a user's message are its own, and readable."""
        for authorship, expected in (
            (None, None),
            (Authorship(authors=(LOCAL,)), None),
            (
                Authorship(
                    authors=(LOCAL, FOREIGN),
                    foreign=(FOREIGN,),
                ),
                "553 5.7.1 From address not owned by you",
            ),
            (
                Authorship(False, "two From fields"),
                "550 5.6.0 Malformed From or Sender field",
            ),
        ):
            facts = self.message(authorship)
            self.assertEqual(
                said(content.authorship(facts, STANDARD)), expected
            )
            off = PolicySettings(submission=SubmissionRules(own_author=False))
            self.assertIsNone(content.authorship(facts, off))

    def test_stranger_writes_as_anybody(self) -> None:
        """Who did not sign in is not asked who wrote the message."""
        facts = MessageFacts(mail_facts(), 10, Authorship(foreign=(FOREIGN,)))
        self.assertIsNone(content.authorship(facts, STANDARD))

    def test_real_size(self) -> None:
        """What was not announced is found out at the end of data."""
        for room, verdict in ((999, Verdict.DEFER), (1000, None)):
            facts = DataFacts(
                self.message(None),
                Recipient(LOCAL),
                Standing(True, True, room_octets=room),
            )
            decision = content.quota(facts, STANDARD)
            self.assertEqual(decision and decision.verdict, verdict)
