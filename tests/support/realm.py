"""A realm whose decisions are written down beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zope.interface import implementer

from imailpy.interfaces.realm import IGate, IRealm
from imailpy.mail import ACCEPTED, Client, Decision, Reply, Verdict
from tests.support.gate import TableGate


def refused(reply: Reply | None, rule: str = "test.no") -> Decision:
    """A decision against it."""
    later = reply is None or reply.temporary
    verdict = Verdict.DEFER if later else Verdict.REJECT
    return Decision(verdict, rule, "the test says so", reply)


@implementer(IGate)
class ScriptedGate(TableGate):
    """
    A `TableGate` that decides as the realm's `script` says.

    A script maps a stage to a `Decision`, to something to await for one, to
    an exception, or to a callable that gives one of them for the argument.
    """

    def __init__(
        self,
        client: Client,
        passwords: dict[str, bytes],
        script: dict[str, Any],
    ) -> None:
        super().__init__(client, passwords)
        self.script = script

    async def _decide(self, stage: str, argument: Any) -> Any:
        self.asked.append((stage, argument))
        scripted = self.script.get(stage, ACCEPTED)
        if callable(scripted):
            scripted = scripted(argument)
        if isinstance(scripted, Exception):
            raise scripted
        if hasattr(scripted, "__await__"):
            scripted = await scripted
        return scripted

    async def connect(self) -> Decision:
        return await self._decide("connect", None)

    async def hello(self, name: str) -> Decision:
        return await self._decide("hello", name)

    async def mail(self, reverse_path: Any, parameters: Any) -> Decision:
        return await self._decide("mail", reverse_path)

    async def rcpt(self, recipient: Any) -> Decision:
        return await self._decide("rcpt", recipient)

    async def data(
        self, recipients: Sequence[Any], body: Any
    ) -> Sequence[Decision]:
        decided = await self._decide("data", tuple(recipients))
        if isinstance(decided, Decision):
            return [decided for _ in recipients]
        return decided


@implementer(IRealm)
class ScriptedRealm:
    """Gives gates that follow one script, and keeps them."""

    def __init__(self, **passwords: bytes) -> None:
        self.passwords = dict(passwords)
        self.script: dict[str, Any] = {}
        self.gates: list[ScriptedGate] = []
        self.stressed = False

    def gate(self, client: Client) -> ScriptedGate:
        gate = ScriptedGate(client, self.passwords, self.script)
        gate.stressed = self.stressed
        self.gates.append(gate)
        return gate
