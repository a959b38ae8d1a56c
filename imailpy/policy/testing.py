"""
Tests of a policy in Python; for the `policy_test.py` beside it.

    import policy
    from imailpy.policy.testing import expect, facts

    def test_closed_list() -> None:
        said = policy.closed_list(facts.rcpt(recipient="staff@example.com"))
        expect(said, "reject", rule="policy.closed_list")

Every function that is called `test_...` and takes nothing is a test. It
fails when it raises an exception; plain `assert` will do as well.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen
from zope.interface import implementer

from imailpy.interfaces.directory import Account
from imailpy.interfaces.realm import IAvatar, Standing
from imailpy.mail import (
    Client,
    Decision,
    MailParameters,
    Path,
    Recipient,
)
from imailpy.mail.path import NULL_PATH
from imailpy.policy.facts import (
    ConnectFacts,
    DataFacts,
    HelloFacts,
    MailFacts,
    MessageFacts,
    RcptFacts,
    Session,
)

__all__ = ["Unexpected", "expect", "facts"]


class Unexpected(AssertionError):
    """A check decided something else than a test says."""


def expect(
    said: Decision | None,
    verdict: str | None = None,
    *,
    rule: str | None = None,
    code: int | None = None,
) -> None:
    """
    Compare what a check said.

    Args:
        verdict: `reject`, `defer`, `quarantine` or `accept`; None: it must
            have nothing to say.
        rule: Of the decision, where the function names one itself.
        code: Of the reply.
    """
    if said is not None and not isinstance(said, Decision):
        raise Unexpected(f"{said!r} is neither a Decision nor None")
    found = None if said is None else said.verdict.value
    if found != verdict:
        because = "" if said is None else f": {said.reason}"
        raise Unexpected(
            f"it says {found or 'nothing'}{because}; wanted "
            f"{verdict or 'nothing'}"
        )
    if said is None:
        return
    if rule is not None and said.rule not in (rule, ""):
        raise Unexpected(f"the rule is {said.rule}; wanted {rule}")
    told = None if said.reply is None else said.reply.code
    if code is not None and told != code:
        raise Unexpected(f"the reply is {told}; wanted {code}")


@implementer(IAvatar)
@define
class _Somebody:
    """An account that has signed in."""

    account: Account
    identities: frozenset[str] = field(factory=frozenset)
    domains: frozenset[str] = field(factory=frozenset)

    def may_send_as(self, path: Path) -> bool:
        """Whether it is its own."""
        return path.folded in self.identities

    def logout(self) -> None:
        """Nothing was opened."""


@frozen
class _Facts:
    """
    Facts of each stage: a stranger, unless told otherwise.

    Common to all: `ip`, `service` (smtp, submission, lmtp), `helo`, `user`
    (an address: it has signed in), `tls`. From `mail` on `sender` (empty:
    the null reverse-path) and `size_octets`; `recipient` for `rcpt` and
    `data`, with `local` (its domain is ours) and `exists`.
    """

    def connect(
        self,
        *,
        ip: str = "192.0.2.1",
        service: str = "smtp",
        from_address: int = 1,
        from_network: int = 1,
        in_total: int = 1,
    ) -> ConnectFacts:
        """Somebody has connected."""
        client = _client(ip, service)
        return ConnectFacts(client, from_address, from_network, in_total)

    def hello(
        self,
        name: str = "client.example",
        *,
        ip: str = "192.0.2.1",
        service: str = "smtp",
        tls: str | None = None,
    ) -> HelloFacts:
        """HELO or EHLO was said."""
        return HelloFacts(_client(ip, service), name, tls)

    def mail(
        self,
        *,
        sender: str = "somebody@client.example",
        size_octets: int | None = None,
        sender_owned: bool | None = None,
        ip: str = "192.0.2.1",
        service: str = "smtp",
        helo: str | None = "client.example",
        user: str = "",
        tls: str | None = None,
    ) -> MailFacts:
        """MAIL was said."""
        session = Session(_client(ip, service), helo, tls, _avatar(user))
        path = Path.parse(sender) if sender else NULL_PATH
        owned = bool(user) if sender_owned is None else sender_owned
        parameters = MailParameters(size_octets=size_octets)
        return MailFacts(session, path, parameters, sender_owned=owned)

    def rcpt(
        self,
        *,
        recipient: str = "somebody@example.com",
        local: bool = True,
        exists: bool = True,
        accepted: int = 0,
        **mail: Any,
    ) -> RcptFacts:
        """RCPT was said."""
        return RcptFacts(
            self.mail(**mail),
            Recipient(Path.parse(recipient)),
            Standing(local=local, exists=exists),
            accepted,
        )

    def message(self, *, octets: int = 1000, **mail: Any) -> MessageFacts:
        """A message of so many octets is complete."""
        return MessageFacts(self.mail(**mail), octets)

    def data(
        self,
        *,
        recipient: str = "somebody@example.com",
        local: bool = True,
        exists: bool = True,
        octets: int = 1000,
        **mail: Any,
    ) -> DataFacts:
        """It is complete, for one of its recipients."""
        return DataFacts(
            self.message(octets=octets, **mail),
            Recipient(Path.parse(recipient)),
            Standing(local=local, exists=exists),
        )


facts = _Facts()


def _client(ip: str, service: str) -> Client:
    return Client(ip, 40000, service, service, "test")


def _avatar(user: str) -> Any:
    if not user:
        return None
    path = Path.parse(user)
    return _Somebody(Account("test", path), frozenset([path.folded]))
