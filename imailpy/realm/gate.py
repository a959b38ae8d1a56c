"""One connection's way through the stages: facts are gathered here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zope.interface import implementer

from imailpy.errors import DirectoryUnavailable
from imailpy.interfaces.body import IBody
from imailpy.interfaces.realm import IAvatar, IGate, Standing
from imailpy.mail import (
    Client,
    Credentials,
    Decision,
    MailParameters,
    Path,
    Recipient,
    ScramSecret,
    Verdict,
)
from imailpy.policy.facts import (
    LMTP,
    Authorship,
    ConnectFacts,
    DataFacts,
    HelloFacts,
    MailFacts,
    MessageFacts,
    RcptFacts,
    Session,
)
from imailpy.policy.pipeline import settle
from imailpy.realm.avatar import owns
from imailpy.realm.record import Record
from imailpy.realm.rulebook import Rulebook
from imailpy.realm.signin import Signin

if TYPE_CHECKING:
    from imailpy.realm.realm import Realm


class _Transaction:
    """What a transaction keeps until it is over."""

    __slots__ = ("accepted", "book", "facts", "standings")

    def __init__(self, book: Rulebook, facts: MailFacts) -> None:
        self.book = book
        self.facts = facts
        self.accepted = 0
        self.standings: dict[Path, Standing] = {}


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
        self.record = Record(realm.journal, client)
        self._realm = realm
        self._signin = Signin(realm, client, self.record)
        self._helo: str | None = None
        self._tls: str | None = None
        self._counted = False
        self._session: Session | None = None
        self._transaction: _Transaction | None = None

    async def connect(self) -> Decision:
        from_address = from_network = 1
        if not self._counted:
            self._counted = True
            entered = self._realm.connections.enter(self.client)
            from_address, from_network = entered
        facts = ConnectFacts(
            self.client,
            from_address,
            from_network,
            self._realm.connections.total,
        )
        decision = await self._realm.books.current.connect.decide(facts)
        return self._told("connect", self.client.address, decision)

    async def hello(self, name: str) -> Decision:
        facts = HelloFacts(self.client, name, self._tls)
        decision = await self._realm.books.current.hello.decide(facts)
        if not decision.refuses:
            self._helo = name
            self._session = None
        return self._told("hello", name, decision)

    def secured(self, description: str) -> None:
        self._tls = description
        self._helo = None
        self._session = None
        self._sign_out()
        self.reset()

    async def login(self, credentials: Credentials) -> IAvatar:
        avatar = await self._signin.login(credentials)
        self._sign_out()
        self.avatar = avatar
        self._session = None
        return avatar

    async def scram_secret(self, authcid: str) -> ScramSecret:
        return await self._signin.scram_secret(authcid)

    async def login_failed(self, mechanism: str, authcid: str) -> None:
        await self._signin.proof_failed(mechanism, authcid)

    async def mail(
        self, reverse_path: Path, parameters: MailParameters
    ) -> Decision:
        book = self._realm.books.current
        self._transaction = None
        try:
            owned = (
                self.avatar is not None
                and not reverse_path.is_null
                and await owns(
                    self._realm.directory, self.avatar, reverse_path
                )
            )
        except DirectoryUnavailable as error:
            return self._told(
                "mail", str(reverse_path), _cannot_tell("mail", book, error)
            )
        facts = MailFacts(
            self._who(), reverse_path, parameters, sender_owned=owned
        )
        decision = await book.mail.decide(facts)
        if not decision.refuses:
            self._transaction = _Transaction(book, facts)
        return self._told("mail", str(reverse_path), decision)

    async def rcpt(self, recipient: Recipient) -> Decision:
        transaction = self._open()
        path = recipient.forward_path
        book = transaction.book
        try:
            standing = await self._realm.recipients.standing(path)
        except DirectoryUnavailable as error:
            return self._told(
                "rcpt", str(path), _cannot_tell("rcpt", book, error)
            )
        facts = RcptFacts(
            transaction.facts, recipient, standing, transaction.accepted
        )
        decision = await book.rcpt.decide(facts)
        if not decision.refuses:
            transaction.accepted += 1
            transaction.standings[path] = standing
        return self._told("rcpt", str(path), decision)

    async def data(
        self, recipients: Sequence[Recipient], body: IBody
    ) -> Sequence[Decision]:
        transaction = self._open()
        book = transaction.book
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
        of_all = await book.message.decide(message)
        if of_all.refuses:
            self._told("data", "", of_all)
            return [of_all] * len(recipients)
        decisions = []
        for recipient in recipients:
            standing = transaction.standings[recipient.forward_path]
            facts = DataFacts(message, recipient, standing)
            each = await book.data.decide(facts)
            decisions.append(_harder(of_all, each))
        settled = settle(decisions, self.client.service == LMTP)
        for recipient, decision in zip(recipients, settled, strict=True):
            self._told("data", str(recipient.forward_path), decision)
        return settled

    def rules(self) -> str:
        return self.record.rules()

    def reset(self) -> None:
        self._transaction = None

    def closed(self) -> None:
        self.reset()
        self._sign_out()
        self._signin.closed()
        if self._counted:
            self._counted = False
            self._realm.connections.leave(self.client)

    # Inside

    def _who(self) -> Session:
        if self._session is None:
            self._session = Session(
                self.client,
                self._helo,
                self._tls,
                self.avatar,
                self._realm.lookups,
            )
        return self._session

    def _open(self) -> _Transaction:
        if self._transaction is None:
            raise ValueError("no transaction was begun by MAIL")
        return self._transaction

    def _sign_out(self) -> None:
        avatar, self.avatar = self.avatar, None
        if avatar is not None:
            avatar.logout()

    def _told(self, stage: str, about: str, decision: Decision) -> Decision:
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
        snapshot=book.number,
    )


def _harder(of_all: Decision, of_one: Decision) -> Decision:
    """Give the harder of what the message and the recipient got."""
    if of_one.refuses or of_all.verdict is not Verdict.QUARANTINE:
        return of_one
    return of_all
