"""Facts for tests: a stranger sends to somebody, unless told otherwise."""

from typing import Any

from imailpy.interfaces.directory import Account
from imailpy.interfaces.realm import Standing
from imailpy.mail import Client, MailParameters, Path, Recipient
from imailpy.policy.facts import (
    MailFacts,
    RcptFacts,
    Session,
)
from imailpy.realm.avatar import Avatar

LOCAL = Path("u", "local.test")
FOREIGN = Path("x", "other.test")
NOT_OURS = Standing(local=False, exists=False)
OURS = Standing(local=True, exists=True)
NOBODY = Standing(local=True, exists=False)


def client(address: str = "203.0.113.9", service: str = "smtp") -> Client:
    return Client(address, 40000, service, service, "session-1")


def avatar(address: Path = LOCAL) -> Avatar:
    account = Account("account-1", address)
    return Avatar(account, frozenset([address.folded]))


def session(**changes: Any) -> Session:
    facts: dict[str, Any] = {"client": client(), "helo": "client.example"}
    facts.update(changes)
    return Session(**facts)


def mail_facts(
    who: Session | None = None,
    reverse_path: Path = FOREIGN,
    *,
    size_octets: int | None = None,
    sender_owned: bool = False,
) -> MailFacts:
    return MailFacts(
        who or session(),
        reverse_path,
        MailParameters(size_octets=size_octets),
        sender_owned,
    )


def rcpt_facts(
    forward_path: Path = LOCAL,
    standing: Standing = OURS,
    mail: MailFacts | None = None,
) -> RcptFacts:
    return RcptFacts(mail or mail_facts(), Recipient(forward_path), standing)
