"""One connection's way through the stages: facts are gathered here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve
from zope.interface import implementer

from imailpy.errors import DirectoryUnavailable
from imailpy.interfaces.body import IBody
from imailpy.interfaces.directory import Alias
from imailpy.interfaces.realm import IAvatar, IGate, Standing
from imailpy.mail import (
    Client,
    Credentials,
    Decision,
    MailParameters,
    Mark,
    Path,
    Recipient,
    ScramSecret,
    Sign,
    Verdict,
)
from imailpy.policy import sending
from imailpy.policy.access import banned
from imailpy.policy.facts import (
    LMTP,
    UNKNOWN_SENDER,
    Authorship,
    ConnectFacts,
    DataFacts,
    HelloFacts,
    MailFacts,
    MessageFacts,
    RcptFacts,
    SenderStanding,
    Session,
)
from imailpy.policy.pipeline import settle
from imailpy.policy.settings import HarvestRules
from imailpy.realm.avatar import owns
from imailpy.realm.names import read_asked
from imailpy.realm.pauses import Pauses
from imailpy.realm.rulebook import Rulebook
from imailpy.realm.sending import Spending
from imailpy.realm.signin import Signin

if TYPE_CHECKING:
    from imailpy.realm.realm import Realm

# The rule of a recipient that nobody is.
UNKNOWN = "recipient.unknown"


class _Transaction:
    """What a transaction keeps until it is over."""

    __slots__ = (
        "accepted",
        "book",
        "facts",
        "held",
        "marks",
        "spending",
        "standings",
    )

    def __init__(
        self, book: Rulebook, facts: MailFacts, spending: Spending | None
    ) -> None:
        self.spending = spending
        # Why it is taken only to be held; None where it is not.
        self.held: Decision | None = None
        self.book = book
        self.facts = facts
        self.accepted = 0
        self.standings: dict[Path, Standing] = {}
        self.marks: tuple[Mark, ...] = ()


@implementer(IGate)
class Gate:
    """
    A gate: made by `Realm.gate`.

    Attributes:
        record: What was decided here.
    """

    def __init__(self, realm: Realm, client: Client) -> None:
        self.client = client
        self.avatar: IAvatar | None = None
        self.record = realm.record(client)
        self._realm = realm
        self._signin = Signin(realm, client, self.record)
        self._helo: str | None = None
        self._tls: str | None = None
        self._counted = False
        self._pauses = Pauses(realm.world.clock)
        # Recipients that nobody was, on this connection.
        self._unknown = 0
        # It was told to come again because of us.
        self._let_down = False
        # Bans that were there when it came were looked at then.
        self._bans_seen = 0
        self._session: Session | None = None
        self._transaction: _Transaction | None = None

    async def connect(self) -> Decision:
        facts = self._connect_facts()
        decision = await self._realm.books.current.connect.decide(
            facts, self.record.asked("connect", facts)
        )
        if decision.refuses:
            # It takes no place: those who are sent away in a flood must not
            # be the reason why others are.
            self._uncount()
        return self._told("connect", self.client.address, decision)

    def _connect_facts(self) -> ConnectFacts:
        realm, client = self._realm, self.client
        from_address = from_network = 1
        rates = 0, 0
        if not self._counted:
            self._counted = True
            from_address, from_network = realm.connections.enter(client)
            limits = realm.settings.current.policy.limits
            if limits.address_rate or limits.network_rate:
                rates = realm.rates.connected(client)
            realm.stress.look()
        self._bans_seen = realm.bans.changes
        return ConnectFacts(
            client,
            from_address,
            from_network,
            realm.connections.total,
            realm.world.clock.now(),
            realm.bans.find(client.address),
            *rates,
        )

    @property
    def stressed(self) -> bool:
        return self.avatar is None and self._realm.stress.on

    def noticed(self, sign: Sign) -> None:
        # Whom we could not serve has tried again and again for no mistake
        # of its own.
        if not (self._let_down and sign is Sign.JUNK_COMMANDS):
            self._realm.bans.noticed(self.client, sign)

    def parting(self) -> Decision | None:
        bans = self._realm.bans
        if bans.changes == self._bans_seen:
            return None
        self._bans_seen = bans.changes
        ban = bans.find(self.client.address)
        if ban is None:
            return None
        facts = ConnectFacts(self.client, ban=ban)
        policy = self._realm.settings.current.policy
        decision = banned(facts, policy)
        if decision is not None:
            self._told("connect", self.client.address, decision)
        return decision

    async def hello(self, name: str) -> Decision:
        facts = HelloFacts(self.client, name, self._tls)
        decision = await self._realm.books.current.hello.decide(
            facts, self.record.asked("hello", facts)
        )
        if not decision.refuses:
            self._helo = name
            self._session = None
        return self._told("hello", name, decision)

    def secured(self, description: str) -> None:
        self._tls = description
        self.reset()
        self._helo = None
        self._session = None
        self._sign_out()

    async def login(self, credentials: Credentials) -> IAvatar:
        try:
            avatar = await self._signin.login(credentials)
            self._sign_out()
            self.avatar = avatar
            self._session = None
        finally:
            self.record.signed_in(*self._state())
        return avatar

    async def scram_secret(self, authcid: str) -> ScramSecret:
        return await self._signin.scram_secret(authcid)

    async def login_failed(self, mechanism: str, authcid: str) -> None:
        try:
            await self._signin.proof_failed(mechanism, authcid)
        finally:
            self.record.signed_in(*self._state())

    async def mail(
        self, reverse_path: Path, parameters: MailParameters
    ) -> Decision:
        book = self._realm.books.current
        self.reset()
        spending = None
        try:
            owned = (
                self.avatar is not None
                and not reverse_path.is_null
                and await owns(
                    self._realm.directory, self.avatar, reverse_path
                )
            )
            sender = await self._sender(book, reverse_path)
            if self.avatar is not None and self._realm.sending is not None:
                spending = await self._realm.sending.begin(self.avatar.account)
        except DirectoryUnavailable as error:
            return self._told(
                "mail", str(reverse_path), _cannot_tell("mail", book, error)
            )
        facts = MailFacts(
            self._who(),
            reverse_path,
            parameters,
            sender_owned=owned,
            usage=None if spending is None else spending.usage(),
            rate=self._rate(book),
            sender=sender,
        )
        decision = await book.mail.decide(
            facts, self.record.asked("mail", facts)
        )
        if not decision.refuses:
            self._transaction = _Transaction(book, facts, spending)
            self._transaction.marks = decision.marks
        if spending is not None:
            self._count(spending, facts, decision)
            if not decision.refuses:
                spending.take_message()
        return self._told("mail", str(reverse_path), decision)

    async def rcpt(self, recipient: Recipient) -> Decision:
        transaction = self._open()
        path = recipient.forward_path
        book = transaction.book
        spending = transaction.spending
        first_time = False
        try:
            standing = await self._realm.recipients.standing(path)
            if spending is not None:
                first_time = await spending.is_new(path)
        except DirectoryUnavailable as error:
            return self._told(
                "rcpt", str(path), _cannot_tell("rcpt", book, error)
            )
        harvest = book.settings.policy.harvest
        unknown = self._unknown_before(harvest)
        facts = RcptFacts(
            transaction.facts,
            recipient,
            standing,
            transaction.accepted,
            unknown=unknown,
            usage=None if spending is None else spending.usage(),
            first_time=first_time,
        )
        if spending is not None:
            # Before the checks, which may wait: others send meanwhile.
            await spending.take_recipient(path, first_time)
        decision = await book.rcpt.decide(
            facts, self.record.asked("rcpt", facts)
        )
        if spending is not None:
            self._count(spending, facts, decision)
            if decision.refuses:
                await spending.give_back(path, first_time)
        if not decision.refuses:
            transaction.accepted += 1
            transaction.standings[path] = standing
            if decision.marks:
                transaction.marks += decision.marks
        elif decision.rule == UNKNOWN and self.avatar is None:
            await self._missed(harvest)
        return self._told("rcpt", str(path), decision)

    async def data(
        self, recipients: Sequence[Recipient], body: IBody
    ) -> Sequence[Decision]:
        transaction = self._open()
        book = transaction.book
        self.record.size_octets = body.size_octets
        authorship: Authorship | None = None
        try:
            # From and Sender are read where somebody will ask for them.
            if (
                self.avatar is not None
                and book.settings.policy.submission.own_author
            ):
                authorship = await self._realm.read_authorship(
                    self.avatar, body
                )
        except DirectoryUnavailable as error:
            decision = _cannot_tell("data", book, error)
            self._told("data", "", decision)
            return [decision] * len(recipients)
        message = MessageFacts(transaction.facts, body.size_octets, authorship)
        of_all = await book.message.decide(
            message, self.record.asked("message", message)
        )
        if of_all.refuses:
            self._told("data", "", of_all)
            return [of_all] * len(recipients)
        decisions = []
        for recipient in recipients:
            standing = transaction.standings[recipient.forward_path]
            facts = DataFacts(message, recipient, standing)
            each = await book.data.decide(
                facts, self.record.asked("data", facts)
            )
            decisions.append(_harder(of_all, each))
        settled = settle(decisions, self.client.service == LMTP)
        marks = transaction.marks + of_all.marks
        if marks:
            settled = [
                evolve(each, marks=marks + each.marks) for each in settled
            ]
        if transaction.spending is not None:
            settled = _counted(transaction, settled)
        for recipient, decision in zip(recipients, settled, strict=True):
            self._told("data", str(recipient.forward_path), decision)
        return settled

    async def verify(self, text: str) -> Path | None:
        path = read_asked(text, self._realm.settings.current.login)
        if path is None:
            return None
        standing = await self._realm.recipients.standing(path)
        return path if standing.local and standing.exists else None

    async def expand(self, text: str) -> Sequence[Path]:
        path = await self.verify(text)
        if path is None:
            return ()
        found = await self._realm.directory.find(path)
        return found.targets if isinstance(found, Alias) else (path,)

    def rules(self) -> str:
        return self.record.rules()

    def reset(self) -> None:
        self._forget()
        self.record.ends_transaction(*self._state())

    def closed(self) -> None:
        self._forget()
        self.record.ends(*self._state())
        self._sign_out()
        self._signin.closed()
        self._pauses.let_go()
        self._uncount()

    # Inside

    def _uncount(self) -> None:
        if self._counted:
            self._counted = False
            self._realm.connections.leave(self.client)
            # One that goes can only end it.
            if self._realm.stress.on:
                self._realm.stress.look()

    def _rate(self, book: Rulebook) -> int:
        """Count a stranger's message, where somebody asks."""
        limits = book.settings.policy.limits
        address = self.client.address
        if (
            self.avatar is not None
            or not limits.message_rate
            or self.client.service == LMTP
            or address in limits.exempt
        ):
            return 0
        return self._realm.rates.sent(address)

    def _unknown_before(self, harvest: HarvestRules) -> int:
        """How many recipients of this client were nobody."""
        if self.avatar is not None or self.client.service == LMTP:
            return 0
        if self.client.address in self._realm.settings.current.bans.exempt:
            return 0
        return max(
            self._unknown,
            self._realm.rates.unknown(self.client.address, harvest.window_s),
        )

    async def _missed(self, harvest: HarvestRules) -> None:
        """Count a recipient that nobody is, and let time pass."""
        realm, address = self._realm, self.client.address
        if self.client.service == LMTP or (
            address in realm.settings.current.bans.exempt
        ):
            return
        self._unknown += 1
        count = max(
            self._unknown, realm.rates.missed(address, harvest.window_s)
        )
        if harvest.most and count == harvest.most:
            self.noticed(Sign.UNKNOWN_RECIPIENTS)
        await self._pauses.pause(harvest.delay(count))

    def _who(self) -> Session:
        if self._session is None:
            self._session = Session(
                self.client,
                self._helo,
                self._tls,
                self.avatar,
                self._realm.lookups,
                self._realm.recipient_checks,
            )
        return self._session

    async def _sender(self, book: Rulebook, path: Path) -> SenderStanding:
        """What a stranger's reverse-path is to us, if anybody asks."""
        if self.avatar is not None or not book.asks_sender:
            return UNKNOWN_SENDER
        return await self._realm.senders.standing(path, book.asks_sender_user)

    def _state(self) -> tuple[str | None, str | None, str | None]:
        """HELO, TLS and user, for the record."""
        avatar = self.avatar
        user = None if avatar is None else str(avatar.account.address)
        return self._helo, self._tls, user

    def _open(self) -> _Transaction:
        if self._transaction is None:
            raise ValueError("no transaction was begun by MAIL")
        return self._transaction

    def _forget(self) -> None:
        """End the transaction; what it had reserved is given back."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None and transaction.spending is not None:
            transaction.spending.release()

    def _count(
        self,
        spending: Spending,
        facts: MailFacts | RcptFacts,
        decision: Decision,
    ) -> None:
        """See whether a limit was hit: tell of it, and hold what is held."""
        if decision.refuses:
            if decision.rule in sending.DAILY:
                spending.alert(decision, self.client)
            return
        transaction = self._transaction
        if transaction is None:
            return
        over = sending.held(facts, transaction.book.settings.policy)
        if over is not None:
            transaction.held = over
            spending.alert(over, self.client)

    def _sign_out(self) -> None:
        avatar, self.avatar = self.avatar, None
        if avatar is not None:
            avatar.logout()

    def _told(self, stage: str, about: str, decision: Decision) -> Decision:
        if decision.refuses and decision.rule.endswith(".unavailable"):
            self._let_down = True
        self.record.add(stage, about, decision)
        return decision


def _cannot_tell(
    stage: str, book: Rulebook, error: DirectoryUnavailable
) -> Decision:
    """Not knowing whether we may take responsibility: try again later."""
    return Decision(
        Verdict.DEFER,
        f"{stage}.unavailable",
        error.private,
        error.reply,
        book.settings.policy.entry("storage.directory"),
        book.number,
    )


def _counted(
    transaction: _Transaction, settled: Sequence[Decision]
) -> list[Decision]:
    """The message counts unless nobody takes it; over a limit it is held."""
    spending, why = transaction.spending, transaction.held
    if spending is not None and not all(each.refuses for each in settled):
        spending.commit()
    if why is None:
        return list(settled)
    return [
        each
        if each.refuses
        else evolve(
            each, rule=why.rule, reason=why.reason, entry=why.entry, held=True
        )
        for each in settled
    ]


def _harder(of_all: Decision, of_one: Decision) -> Decision:
    """Give the harder of what the message and the recipient got."""
    if of_one.refuses or of_all.verdict is not Verdict.QUARANTINE:
        return of_one
    return of_all
