"""Playing the battery: the real grammar and the real gate decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from imailpy.errors import PeerError
from imailpy.mail import Client, Decision
from imailpy.protocol.smtp.events import Mail, Rcpt
from imailpy.protocol.smtp.grammar import parse_command, split_verb
from imailpy.realm.avatar import Avatar
from imailpy.realm.battery.attempts import Attempt
from imailpy.realm.battery.oracle import Expected, Outcome, expected
from imailpy.realm.battery.site import Peer, Site

if TYPE_CHECKING:
    from imailpy.realm.gate import Gate
    from imailpy.realm.realm import Realm

# Findings that are told; more are only counted.
MOST_TOLD = 20
# Attempts between two pauses.
_AT_ONCE = 100
# What a refusal must not be when an address is to be taken.
_ABOUT_THE_ADDRESS = ("relay.", "recipient.unknown")


@frozen
class Finding:
    """
    Something that came out wrong.

    Attributes:
        kind: `relay`, or `refused` for an address that was to be taken.
        attempt: How.
        rule: Of the decision.
        reason: Of the decision.
        entry: What of the configuration allowed it, None for nothing.
    """

    kind: str
    attempt: Attempt
    rule: str
    reason: str
    entry: str | None = None

    def __str__(self) -> str:
        by = f" by {self.entry}" if self.entry else ""
        return f"{self.kind}: {self.attempt}: {self.rule}{by}: {self.reason}"


@define
class Tally:
    """
    What came of a battery.

    Attributes:
        played: Attempts.
        taken: Recipients that were accepted.
        relayed: By rule: outside recipients that the table allows.
        wrong: Findings, the first `MOST_TOLD`.
        wrongs: How many there were.
    """

    played: int = 0
    taken: int = 0
    relayed: dict[str, int] = field(factory=dict)
    wrong: list[Finding] = field(factory=list)
    wrongs: int = 0

    def note(
        self, attempt: Attempt, must: Expected, said: Decision | None
    ) -> None:
        """
        Compare what was decided with what must be.

        Args:
            said: None: the grammar refused it.
        """
        self.played += 1
        if said is None or said.refuses:
            if must.must_take and _wrongly(said):
                self._wrong("refused", attempt, said)
            return
        self.taken += 1
        if not must.may_take:
            self._wrong("relay", attempt, said)
        elif must.outcome in (Outcome.OUTSIDE, Outcome.MALFORMED):
            self.relayed[said.rule] = self.relayed.get(said.rule, 0) + 1

    def _wrong(
        self, kind: str, attempt: Attempt, said: Decision | None
    ) -> None:
        self.wrongs += 1
        if len(self.wrong) >= MOST_TOLD:
            return
        if said is None:
            finding = Finding(kind, attempt, "grammar", "no address")
        else:
            finding = Finding(
                kind, attempt, said.rule, said.reason, said.entry
            )
        self.wrong.append(finding)


def _wrongly(said: Decision | None) -> bool:
    """Whether a refusal is about the address and nothing else."""
    return said is None or said.rule.startswith(_ABOUT_THE_ADDRESS)


async def play(
    realm: Realm,
    site: Site,
    attempts: Iterable[Attempt],
    pause: Callable[[], Awaitable[object]] | None = None,
) -> Tally:
    """
    Play attempts against a realm.

    Args:
        realm: Made for this: it counts clients and failures.
        site: What the oracle knows.
        pause: Awaited now and then, so that others have their turn.
    """
    tally = Tally()
    open_gate: tuple[Peer, str] | None = None
    gate: Gate | None = None
    for attempt in attempts:
        if (attempt.peer, attempt.mail) != open_gate:
            if gate is not None:
                gate.closed()
            gate = await _gate(realm, attempt)
            open_gate = attempt.peer, attempt.mail
        if tally.played % _AT_ONCE == 0 and pause is not None:
            await pause()
        must = expected(site, attempt.peer, attempt.mail, attempt.rcpt)
        if gate is None:
            # Nothing of it was let in: nothing can have been relayed.
            tally.played += 1
            continue
        tally.note(attempt, must, await _rcpt(gate, attempt.rcpt))
    if gate is not None:
        gate.closed()
    return tally


async def _gate(realm: Realm, attempt: Attempt) -> Gate | None:
    """Come as far as RCPT; None: it was refused before."""
    peer = attempt.peer
    gate = realm.gate(
        Client(peer.address, 40_000, peer.listener, peer.service, "check")
    )
    if (await gate.connect()).refuses:
        gate.closed()
        return None
    if peer.user is not None:
        gate.avatar = Avatar(
            peer.user, frozenset([peer.user.address.folded]), "+-"
        )
    said = await gate.hello("client.example")
    command = _command("MAIL", attempt.mail)
    if not said.refuses and isinstance(command, Mail):
        said = await gate.mail(command.reverse_path, command.parameters)
        if not said.refuses:
            return gate
    gate.closed()
    return None


async def _rcpt(gate: Gate, argument: str) -> Decision | None:
    command = _command("RCPT", argument)
    if not isinstance(command, Rcpt):
        return None
    return await gate.rcpt(command.recipient)


def _command(verb: str, argument: str) -> object:
    """Read a line as the engine does; None: it refuses it."""
    try:
        octets = f"{verb} {argument}".encode()
        return parse_command(*split_verb(octets))
    except (PeerError, UnicodeEncodeError):
        return None
