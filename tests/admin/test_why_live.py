"""
What `imailctl why` says is what the live server says, reply by reply.

A seed makes configurations and clients. Each client is rehearsed first, and
then really comes: by a client of this file, to the listener's own factory,
with its password, over realm, receiver and store that count and keep.
"""

from __future__ import annotations

import base64
import random
import re
from array import array
from collections import Counter
from typing import Any

from attrs import evolve
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.conversation import Question
from imailpy.admin.rehearsals import Rehearsals
from imailpy.config import parse
from imailpy.config.providers import Providers
from imailpy.delivery.receiving import Receiver
from imailpy.delivery.routing import Router
from imailpy.dns.fixed import FixedResolver
from imailpy.errors import LookupFailed
from imailpy.interfaces.directory import AccountSecrets, Alias
from imailpy.listeners.smtp.factory import SmtpFactory
from imailpy.mail import Path
from imailpy.mail.ban import Ban
from imailpy.policy.settings import RelayPolicy
from imailpy.realm.passwords import hash_now
from imailpy.realm.realm import Realm
from tests.support.journal import KeptJournal
from tests.support.store import make_store
from tests.support.world import TestWorld, result_of

SESSIONS = 2000
PER_HOUSE = 100
PASSWORD = b"correct battery staple"
USERS = ("ann@example.test", "ben@example.test", "gone@example.test")
APP_USER = "app@example.test"
IPS = (
    "203.0.113.9",
    "203.0.113.77",
    "203.0.113.200",
    "198.51.100.3",
    "192.0.2.44",
    "2001:db8::7",
    "127.0.0.1",
)
HELOS = ("client.example",) * 9 + (
    "",
    "mx",
    "bad_name!",
    "a b",
    "[203.0.113.9]",
    "x" * 300,
)
SENDERS = (
    *("x@outside.test",) * 4,
    *("ann@example.test",) * 3,
    "",
    "ann@example.test",
    "ben@example.test",
    APP_USER,
    "ann+news@example.test",
    *("nobody@example.test",) * 2,
    *("friend@outside.test",) * 2,
    "who@sub.accepted.test",
    "bare@word",
    "not an address",
    "é@outside.test",
)
RECIPIENTS = (
    *("ann@example.test",) * 5,
    "ann+box@example.test",
    "full@example.test",
    "nobody@example.test",
    "postmaster",
    "info@example.test",
    "out@example.test",
    *("y@elsewhere.test",) * 3,
    "z@elsewhere.test",
    "known@onward.test",
    "nobody@onward.test",
    "y@missing.test",
    "y@nullmx.test",
    "y%elsewhere.test@example.test",
    "ann@[192.0.2.1]",
    "broken@@example.test",
    "NUL",
)
BODIES = (
    b"",
    b"From: ann@example.test\r\nSubject: x\r\n\r\nHello\r\n",
    b"From: x@outside.test\r\nSubject: x\r\n\r\n.dot\r\n",
    b"From: ann@example.test, x@outside.test\r\n\r\nTwo\r\n",
    b"no header at all\r\n",
    b"From: ann@example.test\r\n" + b"Received: a\r\n" * 30 + b"\r\nhops\r\n",
    b"From: ann@example.test\r\n\r\n" + b"x" * 70 + b"\r\n" + b"y" * 4000,
)
POLICIES = (
    'policy = "none"',
    'policy = "addresses"\naddresses = ["203.0.113.0/25"]',
    'policy = "addresses"\naddresses = ["2001:db8::/32"]',
    'policy = "local-users"\ni_understand = "spoofable"\n'
    'accept = ["friend@outside.test", "@*accepted.test"]',
    'policy = "local-hosts"\ni_understand = "spoofable"\n'
    'accept = ["friend@outside.test", "@*accepted.test"]',
    'policy = "anyone"\ni_understand = "open relay"',
)
ACCESS = (
    '[access.smtp]\nnetworks = ["203.0.113.77"]',
    '[access.smtp]\nanswer = "554"\nnetworks = ["2001:db8::/64"]',
    '[access.submission]\nmode = "deny-all-except"\n'
    'networks = ["203.0.113.0/24", "127.0.0.1"]',
)
# Each policy, and each check, has to be met.
RULES = (
    *("connect.access", "connect.banned", "connect.per_address"),
    *("connect.address_rate", "mail.rate", "recipient.unknown"),
    *("recipient.harvest", "spoof.local_sender", "relay.stranger"),
    *("relay.listed", "relay.local_user", "relay.local_domain"),
    *("relay.accept_list", "relay.anyone", "relay.domain"),
    *("submission.sender_not_owned", "submission.burst"),
    *("submission.messages_a_day", "submission.recipients_a_day"),
    "submission.first_time_recipients_a_day",
)
CODES = (
    *("220", "235", "250", "354", "421", "450", "452", "501"),
    *("530", "535", "550", "552", "553", "554"),
)
_REPLY = re.compile(rb"(?:\d{3}-.*\r\n)*\d{3} .*\r\n")
_ID = re.compile(r"OK [a-z2-7]{20}")


class Ear:
    """The other end of the live connection."""

    def __init__(self, ip: str) -> None:
        self.heard = b""
        self.closed = False
        self.peer: Any = (
            IPv6Address("TCP", ip, 40_000)
            if ":" in ip
            else IPv4Address("TCP", ip, 40_000)
        )

    def write(self, octets: bytes) -> None:
        self.heard += octets

    def loseConnection(self) -> None:
        self.closed = True

    abortConnection = loseConnection

    def startTLS(self, context: Any, normal: bool = True) -> None:
        pass

    def setTcpNoDelay(self, on: bool) -> None:
        pass

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        pass

    def unregisterProducer(self) -> None:
        pass

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass


class PlainTls:
    """TLS is another test's matter."""

    def server(self, alpn: str) -> None:
        return None

    def exporter(self, transport: Any) -> None:
        return None

    def client_certificate(self, transport: Any) -> None:
        return None


def picture(value: Any, depth: int = 6) -> Any:
    """What an object of the realm holds, as plain values."""
    if isinstance(value, array):
        return hash(value.tobytes())
    if isinstance(value, dict):
        pairs = ((repr(k), picture(v, depth)) for k, v in value.items())
        return sorted(pairs, key=repr)
    if isinstance(value, (list, tuple)):
        return [picture(each, depth) for each in value]
    kind = type(value)
    if not kind.__module__.startswith("imailpy.realm.") or not depth:
        return repr(value) if isinstance(value, (int, str, float)) else ""
    names = [*getattr(kind, "__slots__", ()), *getattr(value, "__dict__", ())]
    return [
        (name, picture(getattr(value, name, None), depth - 1))
        for name in names
    ]


class House:
    """A server without a network, and its rehearsals."""

    def __init__(
        self, dice: random.Random, secrets: AccountSecrets, number: int
    ) -> None:
        self.world = TestWorld(seed=dice.randrange(1 << 30))
        self.store = make_store(self.world)
        directory = self.store.directory
        for user in USERS:
            result_of(directory.add_account(Path.parse(user), secrets))
        result_of(
            directory.add_account(
                Path("full", "example.test"), secrets, quota_octets=100
            )
        )
        gone = result_of(directory.find(Path.parse(USERS[2])))
        result_of(directory.update_account(evolve(gone, enabled=False)))
        for name, target in (
            ("info", "ann@example.test"),
            ("out", "z@elsewhere.test"),
        ):
            alias = Alias(Path(name, "example.test"), (Path.parse(target),))
            result_of(directory.add_alias(alias))
        self.configuration = parse(configuration(dice, number))
        self.providers = Providers(self.configuration, self.world.disk)
        providers = self.providers
        self.router = Router(providers.delivery, self.store)
        self.journal = KeptJournal()
        self.realm = Realm(
            self.world,
            providers.realm,
            directory,
            self.router,
            self.journal,
            resolver=resolver(),
            sending=self.store.sending,
        )
        self.passwords = {APP_USER: self.app_password(dice, secrets)}
        now = self.world.clock.now()
        for ip in IPS[:2]:
            if dice.random() < 0.15:
                self.realm.bans.add(
                    Ban(
                        f"{ip}/32",
                        "by hand",
                        since=now,
                        until=now + 60,
                        by="tests",
                    )
                )
        # It is made when it is first asked for, and counts nothing.
        self.realm.books.current
        self.receiver = Receiver(
            self.world,
            providers.delivery,
            self.store,
            self.router,
            self.journal,
        )
        self.rehearsals = Rehearsals(
            self.world, providers, self.store, self.realm
        )
        self.factories = {
            each.name: SmtpFactory(
                self.world,
                self.realm,
                self.receiver,
                self.journal,
                providers.listeners[each.name],
                tls=None if each.tls.value == "none" else PlainTls(),
                implicit_tls=each.tls.value == "implicit",
                listener=each.name,
            )
            for each in providers.open
            if each.service.value in ("smtp", "submission", "lmtp")
        }

    def app_password(
        self, dice: random.Random, secrets: AccountSecrets
    ) -> bytes:
        """An account that nothing else opens."""
        only = evolve(secrets, app_passwords_only=dice.random() < 0.5)
        account = result_of(
            self.store.directory.add_account(Path.parse(APP_USER), only)
        )
        _, text = result_of(
            self.realm.app_passwords.make(
                account.id, services=frozenset(("smtp", "imap"))
            )
        )
        return str(text).encode()

    def state(self) -> str:
        """All that a realm counts, in words."""
        parts = [
            (name, picture(part))
            for name, part in vars(self.realm).items()
            if hasattr(part, "rehearsing")
        ]
        return repr((parts, len(self.journal.events)))

    def connect(self, listener: str, ip: str) -> tuple[Any, Ear]:
        ear = Ear(ip)
        connection = self.factories[listener].buildProtocol(ear.peer)
        connection.makeConnection(ear)
        return connection, ear

    def live(self, question: Question, listener: str) -> list[str]:
        """Have the client come, and give what it heard."""
        connection, ear = self.connect(listener, question.ip)
        password = self.passwords.get(question.user, PASSWORD)
        client = Client(connection, ear, question, self.world, password)
        client.run(listener == "lmtp")
        connection.connectionLost()
        return client.replies


class Client:
    """A client that goes on for as long as it hears a yes."""

    def __init__(
        self,
        connection: Any,
        ear: Ear,
        question: Question,
        world: Any,
        password: bytes,
    ) -> None:
        self.connection, self.ear, self.world = connection, ear, world
        self.password = password
        self.question = question
        self.replies: list[str] = []

    def run(self, lmtp: bool) -> None:
        hello = f"{'LHLO' if lmtp else 'EHLO'} {self.question.name}"
        user = self.question.user
        if self.hears() and self.says(hello):
            if user and "STARTTLS" in self.replies[-1]:
                if not self.says("STARTTLS"):
                    return
                self.connection.secure("TLSv1.3 tested")
                if not self.says(hello):
                    return
            word = base64.b64encode(
                b"\0".join((b"", user.encode(), self.password))
            )
            if not user or self.says(f"AUTH PLAIN {word.decode()}"):
                self.sends(lmtp, self.extensions)
        if not self.ear.closed:
            self.says("QUIT")

    def sends(self, lmtp: bool, extensions: str) -> None:
        question, octets = self.question, self.question.octets
        words = [f"MAIL FROM:<{question.sender}>"]
        if "SIZE" in extensions:
            words.append(f"SIZE={len(octets)}")
        if "8BITMIME" in extensions and not octets.isascii():
            words.append("BODY=8BITMIME")
        if not "".join((question.sender, *question.recipients)).isascii():
            words.append("SMTPUTF8")
        if not self.says(" ".join(words)):
            return
        taken = [self.says(f"RCPT TO:<{to}>") for to in question.recipients]
        if not any(taken) or not self.says("DATA"):
            return
        lines = octets.split(b"\r\n")
        for line in lines[:-1]:
            dot = b"." if line.startswith(b".") else b""
            self.connection.dataReceived(dot + line + b"\r\n")
        self.connection.dataReceived(b".\r\n")
        for _ in range(sum(taken) if lmtp else 1):
            self.hears()

    def says(self, line: str) -> bool:
        if self.ear.closed:
            return False
        self.connection.dataReceived(line.encode() + b"\r\n")
        granted = self.hears()
        if line[1:5] == "HLO ":
            self.extensions = self.replies[-1]
        return granted

    def hears(self) -> bool:
        for seconds in (0, 2, 12):
            self.world.advance(seconds)
            found = _REPLY.match(self.ear.heard)
            if found is not None:
                break
        if found is None:
            return False
        self.ear.heard = self.ear.heard[found.end() :]
        reply = found[0].decode().rstrip("\r\n").replace("\r\n", "\n")
        self.replies.append(reply)
        return reply[0] in "23"


def resolver() -> FixedResolver:
    return FixedResolver(
        {
            "outside.test": {"MX": ["10 mx.outside.test"]},
            "elsewhere.test": {"MX": ["10 mx.elsewhere.test"]},
            "nullmx.test": {"MX": ["0 ."]},
            "word": LookupFailed("scripted"),
        }
    )


def configuration(dice: random.Random, number: int) -> str:
    """A configuration by chance."""

    def flip(chance: float = 0.5) -> str:
        return str(dice.random() < chance).lower()

    relay = POLICIES[number % len(POLICIES)]
    access = dice.choice(("", "", *ACCESS))
    open_relay = "open_relay = true" if "anyone" in relay else ""
    return f"""
[server]
own_addresses = ["192.0.2.1"]
[[tls.certificates]]
certificate = "/a"
key = "/b"
{access}
[relay]
{relay}
[relay.domains."onward.test"]
[spoof]
local_sender = "{dice.choice(("off", "mark", "reject"))}"
exempt = ["203.0.113.200"]
[bans]
enabled = {flip(0.8)}
score = {dice.choice((20, 100))}
window_minutes = 1
first_minutes = 0.5
exempt = ["127.0.0.0/8"]
[harvest]
slow_after = {dice.choice((0, 2))}
delay_s = {dice.choice((0, 1))}
most = {dice.choice((0, 3))}
window_minutes = 10
[sending]
messages_a_day = {dice.choice((0, 2))}
recipients_a_day = {dice.choice((0, 3))}
first_time_recipients_a_day = {dice.choice((0, 0, 1))}
burst = {dice.choice((0, 3))}
over = "{dice.choice(("defer", "hold"))}"
[limits]
address_rate = {dice.choice((0, 0, 8))}
message_rate = {dice.choice((0, 2))}
per_address = {dice.choice((0, 2, 20))}
per_network = {dice.choice((0, 3, 60))}
exempt = ["192.0.2.0/24"]
[login]
failure_delay_s = {dice.choice((0, 2))}
failure_windows = {flip()}
[hello]
check_syntax = {flip(0.8)}
[submission]
own_reverse_path = {flip(0.8)}
null_reverse_path = {flip()}
own_author = {flip(0.7)}
check_domains = {flip()}
[recipients]
over_quota = "{dice.choice(("defer", "reject"))}"
[smtp]
max_hops = {dice.choice((10, 50))}
max_message_mb = 1
[listeners.smtp]
{open_relay}
auth = {flip(0.3)}
[listeners.submission]
plaintext_auth = {flip()}
[listeners.lmtp]
enabled = true
"""


def question(dice: random.Random) -> Question:
    """A client by chance."""
    count = dice.choice((1, 1, 1, 2, 4))
    user = ""
    if dice.random() < 0.35:
        user = dice.choice(
            (*USERS[:2], USERS[0], APP_USER, "ann%example.test")
        )
        if dice.random() < 0.08:
            user = dice.choice(("nobody@example.test", USERS[2]))
    sender = dice.choice(SENDERS)
    if user and dice.random() < 0.5:
        sender = user.replace("%", "@")
    return Question(
        dice.choice(IPS),
        sender,
        tuple(dice.choice(RECIPIENTS) for _ in range(count)),
        dice.choice(HELOS),
        user,
        dice.choice(BODIES),
    )


class WhyIsLiveTests(SynchronousTestCase):
    """Rehearsal and performance."""

    def test_reply_by_reply(self) -> None:
        """What `why` says before is what the server says then."""
        dice = random.Random(20261124)
        secrets = AccountSecrets(hash_now(PASSWORD, b"salt of 16 octet"))
        met: Counter[str] = Counter()
        for number in range(SESSIONS // PER_HOUSE):
            house = House(dice, secrets, number)
            listeners = (*house.factories, "smtp", "submission")
            for name in ("smtp", "submission"):
                # So that limits are met.
                for ip in IPS[: dice.randrange(len(IPS))]:
                    for _ in range(dice.randrange(4)):
                        house.connect(name, ip)
            met[str(house.configuration.relay.policy)] += 1
            for _ in range(PER_HOUSE):
                asked, listener = question(dice), dice.choice(listeners)
                self.one(house, asked, listener, met)
        # All of it was met, or the test tells nothing.
        for word in (*CODES, *map(str, RelayPolicy), *RULES):
            self.assertIn(word, met, dict(met))

    def one(
        self,
        house: House,
        asked: Question,
        listener: str,
        met: Counter[str],
    ) -> None:
        # Looking at all counters takes longer than the session.
        looks = sum(met.values()) % 4 == 0
        before = house.state() if looks else ""
        answered = result_of(house.rehearsals.rehearse(asked, listener))
        if looks:
            self.assertEqual(house.state(), before, "it left a trace")
        told = [_ID.sub("OK id", reply) for reply in answered.replies]
        live = [
            _ID.sub("OK id", reply) for reply in house.live(asked, listener)
        ]
        self.assertEqual(told, live, (listener, asked))
        met.update(reply[:3] for reply in live)
        met.update(
            stage.decision.rule
            for _, stages in answered.exchanges
            for stage in stages
            if stage.decision is not None
        )
