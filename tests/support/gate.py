"""A gate whose accounts are a table: what a listener's test signs in to."""

from collections.abc import Sequence
from typing import Any

from zope.interface import implementer

from imailpy.errors import LoginRefused, MailError
from imailpy.interfaces.directory import Account
from imailpy.interfaces.realm import IAvatar, IGate, IRealm
from imailpy.mail import (
    ACCEPTED,
    Client,
    Decision,
    PasswordCredentials,
    Path,
    ProvenCredentials,
    ScramSecret,
    Sign,
)
from imailpy.protocol.sasl import make_secret

SALT = bytes(range(16))


@implementer(IAvatar)
class TableAvatar:
    """Somebody out of the table."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.identities = frozenset({account.address.folded})
        self.domains: frozenset[str] = frozenset()
        self.logged_out = 0

    def may_send_as(self, path: Path) -> bool:
        return path.folded in self.identities

    def logout(self) -> None:
        self.logged_out += 1


@implementer(IGate)
class TableGate:
    """
    Says yes to everything, and knows names and passwords from a table.

    Attributes:
        asked: What was asked, in order, as (stage, argument).
        unavailable: Raised by every login question when it is set.
        decision: What `connect` decides.
        signs: What was noticed.
        parts_with: What `parting` gives.
        stressed: As in `IGate`.
    """

    def __init__(
        self, client: Client, passwords: dict[str, bytes] | None = None
    ) -> None:
        self.client = client
        self.avatar: TableAvatar | None = None
        self.passwords = passwords or {}
        self.asked: list[tuple[str, Any]] = []
        self.unavailable: MailError | None = None
        self.decision: Decision = ACCEPTED
        self.signs: list[Sign] = []
        self.parts_with: Decision | None = None
        self.stressed = False

    async def connect(self) -> Decision:
        self.asked.append(("connect", None))
        return self.decision

    async def verify(self, text: str) -> Path | None:
        self.asked.append(("verify", text))
        path = Path.parse(text.strip("<>"))
        return path if str(path) in self.passwords else None

    async def expand(self, text: str) -> Sequence[Path]:
        self.asked.append(("expand", text))
        path = await self.verify(text)
        return [] if path is None else [path, Path("more", path.domain)]

    async def hello(self, name: str) -> Decision:
        self.asked.append(("hello", name))
        return ACCEPTED

    def secured(self, description: str) -> None:
        self.asked.append(("secured", description))

    async def login(
        self, credentials: PasswordCredentials | ProvenCredentials
    ) -> TableAvatar:
        self.asked.append(("login", credentials))
        if self.unavailable is not None:
            raise self.unavailable
        known = self.passwords.get(credentials.authcid)
        if known is None or credentials.authzid:
            raise LoginRefused("not in the table")
        if (
            isinstance(credentials, PasswordCredentials)
            and credentials.password.reveal() != known
        ):
            raise LoginRefused("another password in the table")
        local_part, _, domain = credentials.authcid.partition("@")
        address = Path(local_part, domain or "example.test")
        self.avatar = TableAvatar(Account(local_part, address))
        return self.avatar

    async def scram_secret(self, authcid: str) -> ScramSecret:
        self.asked.append(("scram_secret", authcid))
        if self.unavailable is not None:
            raise self.unavailable
        return make_secret(self.passwords.get(authcid, b"nobody's"), SALT)

    async def login_failed(self, mechanism: str, authcid: str) -> None:
        self.asked.append(("login_failed", (mechanism, authcid)))

    async def mail(self, reverse_path: Any, parameters: Any) -> Decision:
        self.asked.append(("mail", reverse_path))
        return ACCEPTED

    async def rcpt(self, recipient: Any) -> Decision:
        self.asked.append(("rcpt", recipient))
        return ACCEPTED

    async def data(
        self, recipients: Sequence[Any], body: Any
    ) -> Sequence[Decision]:
        self.asked.append(("data", tuple(recipients)))
        return [ACCEPTED for _ in recipients]

    def noticed(self, sign: Sign) -> None:
        self.signs.append(sign)

    def parting(self) -> Decision | None:
        return self.parts_with

    def rules(self) -> str:
        return "test.accept"

    def reset(self) -> None:
        self.asked.append(("reset", None))

    def closed(self) -> None:
        self.asked.append(("closed", None))

    def stages(self) -> list[str]:
        """What was asked, without the arguments."""
        return [stage for stage, _ in self.asked]


@implementer(IRealm)
class TableRealm:
    """Gives `TableGate`s over one table, and keeps them."""

    def __init__(self, passwords: dict[str, bytes] | None = None) -> None:
        self.passwords = passwords or {}
        self.gates: list[TableGate] = []

    def gate(self, client: Client) -> TableGate:
        gate = TableGate(client, self.passwords)
        self.gates.append(gate)
        return gate
