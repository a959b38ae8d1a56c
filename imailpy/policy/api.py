"""
What a policy in Python is written with; the one import of a `policy.py`.

    from imailpy.policy.api import RcptFacts, on_rcpt, recipient, reject, user

    @on_rcpt("closed_list")
    def closed_list(facts: RcptFacts) -> Decision | None:
        if recipient(facts) == "staff@example.com" and not user(facts):
            return reject("an outsider wrote to staff")
        return None

A function gets the facts of its stage, which are frozen, and gives a
`Decision`, or None for nothing to say. It is asked in the reactor's thread:
it computes, it waits for nothing. Its rule is `policy.` and its name. It can
refuse what the built-in checks would take, never take what they refuse.

Names in `__all__` stay; whatever else is here may change.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TypeVar

from attrs import frozen

from imailpy.mail import Client, Decision, Path, Reply, Verdict
from imailpy.policy.facts import (
    ConnectFacts,
    DataFacts,
    HelloFacts,
    MailFacts,
    MessageFacts,
    RcptFacts,
    Session,
)

__all__ = [
    "ConnectFacts",
    "DataFacts",
    "Decision",
    "HelloFacts",
    "MailFacts",
    "MessageFacts",
    "Path",
    "RcptFacts",
    "Reply",
    "Verdict",
    "accept",
    "defer",
    "domain_of",
    "helo",
    "ip",
    "on_connect",
    "on_data",
    "on_hello",
    "on_mail",
    "on_message",
    "on_rcpt",
    "quarantine",
    "recipient",
    "reject",
    "sender",
    "service",
    "user",
    "within",
]

F = TypeVar("F", bound=Callable[[Any], Decision | None])

Facts = (
    ConnectFacts
    | HelloFacts
    | MailFacts
    | RcptFacts
    | MessageFacts
    | DataFacts
)

PREFIX = "policy."
_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


# What a check may decide


def reject(
    reason: str, reply: Reply | str = "Refused by policy", *, rule: str = ""
) -> Decision:
    """
    Refuse for good.

    Args:
        reason: For the operator: the facts that decided it.
        reply: What the peer hears; a text goes with `550 5.7.1`.
        rule: Only where one function has several.
    """
    if isinstance(reply, str):
        reply = Reply(550, reply, "5.7.1")
    return Decision(Verdict.REJECT, rule, reason, reply)


def defer(
    reason: str,
    reply: Reply | str = "Please try again later",
    *,
    rule: str = "",
) -> Decision:
    """Refuse for now; a text goes with `450 4.7.1`."""
    if isinstance(reply, str):
        reply = Reply(450, reply, "4.7.1")
    return Decision(Verdict.DEFER, rule, reason, reply)


def quarantine(reason: str, *, rule: str = "") -> Decision:
    """Take it and keep it away from the inbox: at `message` and `data`."""
    return Decision(Verdict.QUARANTINE, rule, reason)


def accept(reason: str, *, rule: str = "") -> Decision:
    """
    Say that nothing is wrong, for the log. It ends nothing: all other
    checks are asked as well, and each of them may refuse.
    """
    return Decision(Verdict.ACCEPT, rule, reason)


# How a check is registered


@frozen
class Registration:
    """
    A function that wants to be asked.

    Attributes:
        stage: `connect` ... `data`.
        name: Of its rule, with the prefix.
        before: The built-in place before which it is asked.
        after: The one behind which; without both: behind all of the stage.
        line: Where it begins in its file.
    """

    stage: str
    name: str
    function: Callable[[Any], Decision | None]
    before: str = ""
    after: str = ""
    line: int = 0


# Where registrations go while a policy is being read; outside of that,
# such as in an interpreter, the decorators change nothing.
COLLECTED: ContextVar[list[Registration] | None] = ContextVar(
    "collected", default=None
)


def _register(
    stage: str, name: str, before: str, after: str
) -> Callable[[F], F]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a rule: letters a to z, digits, _, "
            "with dots between; write @on_... behind it in parentheses"
        )
    if before and after:
        raise ValueError(f"{name}: say before or after, not both")

    def keep(function: F) -> F:
        collected = COLLECTED.get()
        if collected is not None:
            code = getattr(function, "__code__", None)
            collected.append(
                Registration(
                    stage,
                    PREFIX + name.removeprefix(PREFIX),
                    function,
                    before,
                    after,
                    getattr(code, "co_firstlineno", 0),
                )
            )
        return function

    return keep


_Connect = Callable[[ConnectFacts], Decision | None]
_Hello = Callable[[HelloFacts], Decision | None]
_Mail = Callable[[MailFacts], Decision | None]
_Rcpt = Callable[[RcptFacts], Decision | None]
_Message = Callable[[MessageFacts], Decision | None]
_Data = Callable[[DataFacts], Decision | None]


def on_connect(
    name: str, *, before: str = "", after: str = ""
) -> Callable[[_Connect], _Connect]:
    """Ask the function when somebody has connected."""
    return _register("connect", name, before, after)


def on_hello(
    name: str, *, before: str = "", after: str = ""
) -> Callable[[_Hello], _Hello]:
    """Ask it at HELO, EHLO or LHLO."""
    return _register("hello", name, before, after)


def on_mail(
    name: str, *, before: str = "", after: str = ""
) -> Callable[[_Mail], _Mail]:
    """Ask it at MAIL."""
    return _register("mail", name, before, after)


def on_rcpt(
    name: str, *, before: str = "", after: str = ""
) -> Callable[[_Rcpt], _Rcpt]:
    """Ask it at each RCPT."""
    return _register("rcpt", name, before, after)


def on_message(
    name: str, *, before: str = "", after: str = ""
) -> Callable[[_Message], _Message]:
    """Ask it when the message is complete, once for all its recipients."""
    return _register("message", name, before, after)


def on_data(
    name: str, *, before: str = "", after: str = ""
) -> Callable[[_Data], _Data]:
    """Ask it when the message is complete, for each of its recipients."""
    return _register("data", name, before, after)


# Facts as plain text


def _mail(facts: Facts) -> MailFacts | None:
    if isinstance(facts, MailFacts):
        return facts
    if isinstance(facts, (RcptFacts, MessageFacts)):
        return facts.mail
    if isinstance(facts, DataFacts):
        return facts.message.mail
    return None


def _session(facts: Facts) -> Session | None:
    mail = _mail(facts)
    return None if mail is None else mail.session


def _client(facts: Facts) -> Client:
    if isinstance(facts, (ConnectFacts, HelloFacts)):
        return facts.client
    session = _session(facts)
    if session is None:
        raise TypeError(f"{type(facts).__name__} are no facts of a stage")
    return session.client


def ip(facts: Facts) -> str:
    """The client's IP address; IPv4 as such, never mapped."""
    return _client(facts).address


def service(facts: Facts) -> str:
    """`smtp`, `submission` or `lmtp`."""
    return _client(facts).service


def helo(facts: Facts) -> str:
    """What the client called itself, in lower case; empty: not yet."""
    if isinstance(facts, HelloFacts):
        return facts.name.lower()
    session = _session(facts)
    return "" if session is None else (session.helo or "").lower()


def user(facts: Facts) -> str:
    """The address of the account that has signed in; empty: nobody."""
    session = _session(facts)
    if session is None or session.avatar is None:
        return ""
    return str(session.avatar.account.address.folded)


def sender(facts: Facts) -> str:
    """The reverse-path in lower case; empty: the null one `<>`."""
    mail = _mail(facts)
    if mail is None:
        raise TypeError(f"{type(facts).__name__} know no sender yet")
    path = mail.reverse_path
    return "" if path.is_null else path.folded


def recipient(facts: RcptFacts | DataFacts) -> str:
    """The forward-path in lower case."""
    path = facts.recipient.forward_path
    return path.folded if path.domain else path.local_part.lower()


def domain_of(address: str) -> str:
    """What stands behind the last @; empty without one."""
    return address.rpartition("@")[2] if "@" in address else ""


def within(address: str, *networks: str) -> bool:
    """Whether an IP address is in one of the networks (`10.0.0.0/8`)."""
    parsed = ipaddress.ip_address(address)
    return any(parsed in _network(text) for text in networks)


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)
