"""
What would a changed configuration change?

Envelopes that were recorded, and some that are made up, go through the gates
of both configurations, as far as the recipients: bodies are not recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import Factory, define, evolve, frozen

from imailpy.admin.rehearsals import Rehearsals
from imailpy.errors import MailError, PeerError
from imailpy.interfaces.directory import IDirectory
from imailpy.mail import (
    NULL_PATH,
    Client,
    Decision,
    MailParameters,
    Path,
    ProvenCredentials,
    Recipient,
)
from imailpy.protocol.smtp.events import Mail, Rcpt
from imailpy.protocol.smtp.grammar import parse_command, split_verb
from imailpy.realm.battery import Peer, generated, survey
from imailpy.realm.battery.site import user
from imailpy.realm.rehearsal import Rehearsal

# Envelopes in one turn of the reactor.
_AT_ONCE = 20
# Changes that are told one by one.
MOST_TOLD = 1000
# One from each half of the address space, beside the battery's own.
_MORE_PEERS = (
    Peer("stranger below 128.0.0.0", "11.22.33.44"),
    Peer("stranger above 128.0.0.0", "198.51.100.200"),
)


@frozen
class Replayed:
    """
    An envelope.

    Attributes:
        source: `recorded` or `generated`.
        user: Who signs in; empty: nobody.
    """

    source: str
    client: Client
    helo: str
    user: str
    tls: str
    sender: Path
    size_octets: int | None
    recipients: tuple[Path, ...]


def recorded(entries: Iterable[Mapping[str, Any]]) -> Iterator[Replayed]:
    """Read envelopes from the history; what is not whole is left out."""
    for entry in entries:
        sender: Path | None = None
        recipients: list[Path] = []
        for step in entry["steps"]:
            try:
                if step["stage"] == "mail":
                    about = step["about"]
                    sender = Path.parse(about) if about else NULL_PATH
                elif step["stage"] == "rcpt":
                    recipients.append(_forward(step["about"]))
            except ValueError:
                continue
        if sender is None or not recipients:
            continue
        yield Replayed(
            "recorded",
            Client(
                entry.get("client", ""),
                0,
                entry.get("listener", ""),
                entry.get("service", "smtp"),
                "diff",
            ),
            entry.get("helo", ""),
            entry.get("user", ""),
            entry.get("tls", ""),
            sender,
            entry.get("size_octets"),
            tuple(dict.fromkeys(recipients)),
        )


def _forward(text: str) -> Path:
    """A bare postmaster has no domain [RFC5321 4.5.1]."""
    if text.lower() == "postmaster":
        return Path(text, "")
    return Path.parse(text)


async def made_up(
    directory: IDirectory, seed: int, count: int
) -> list[Replayed]:
    """Make envelopes of the relay battery for a directory."""
    site = await survey(directory)
    peers = [*site.peers, *_MORE_PEERS]
    accounts = await directory.accounts()
    if accounts:
        peers.append(user(accounts[0]))
    site = evolve(site, peers=tuple(peers))
    found = []
    for attempt in generated(seed, count, site):
        mail = _command("MAIL", attempt.mail)
        rcpt = _command("RCPT", attempt.rcpt)
        if not isinstance(mail, Mail) or not isinstance(rcpt, Rcpt):
            continue
        peer = attempt.peer
        found.append(
            Replayed(
                "generated",
                Client(peer.address, 0, peer.listener, peer.service, "diff"),
                "client.example",
                "" if peer.user is None else str(peer.user.address),
                "",
                mail.reverse_path,
                None,
                (rcpt.recipient.forward_path,),
            )
        )
    return found


def _command(verb: str, argument: str) -> object:
    """Read a line as the engine does; None: it refuses it."""
    try:
        return parse_command(*split_verb(f"{verb} {argument}".encode()))
    except (PeerError, UnicodeEncodeError):
        return None


async def replay(
    realm: Rehearsal, envelope: Replayed
) -> dict[Path, Decision | None]:
    """Give what is decided for each recipient; None: no login."""
    gate = realm.gate(envelope.client)
    recipients = envelope.recipients
    try:
        said = await gate.connect()
        if not said.refuses and envelope.tls:
            gate.secured(envelope.tls)
        if not said.refuses and envelope.helo:
            said = await gate.hello(envelope.helo)
        if said.refuses:
            return dict.fromkeys(recipients, said)
        if envelope.user:
            try:
                await gate.login(
                    ProvenCredentials(envelope.user, mechanism="PLAIN")
                )
            except MailError:
                return dict.fromkeys(recipients)
        said = await gate.mail(
            envelope.sender, MailParameters(envelope.size_octets)
        )
        if said.refuses:
            return dict.fromkeys(recipients, said)
        return {path: await gate.rcpt(Recipient(path)) for path in recipients}
    finally:
        gate.closed()


async def compare(
    old: Rehearsals,
    new: Rehearsals,
    envelopes: Iterable[Replayed],
    pause: Callable[[], Awaitable[object]],
) -> dict[str, Any]:
    """Replay envelopes against both, and tell what differs."""
    found = _Differences()
    for number, envelope in enumerate(envelopes):
        if number % _AT_ONCE == 0:
            await pause()
        # Anew for each: what one counts is not the next one's.
        before, after = old.realm(), new.realm()
        was = await replay(before, envelope)
        now = await replay(after, envelope)
        changed = [
            path
            for path in envelope.recipients
            if _plain(was[path])["verdict"] != _plain(now[path])["verdict"]
        ]
        found.played[envelope.source] += 1
        found.changed[envelope.source] += bool(changed)
        for path in changed:
            local = (await after.recipients.standing(path)).local
            found.add(
                envelope, path, _plain(was[path]), _plain(now[path]), local
            )
    return found.told()


@define
class _Differences:
    """
    What was found so far.

    Attributes:
        played: Source -> envelopes.
        changed: Source -> those of which a verdict has changed.
        refused: Senders that are refused something now.
        relays: Recipients that are not ours and are taken now.
        groups: Verdicts, rules and entry -> recipients.
        changes: The first of them, one by one.
    """

    played: Counter[str] = Factory(Counter)
    changed: Counter[str] = Factory(Counter)
    refused: set[str] = Factory(set)
    relays: int = 0
    groups: Counter[tuple[str, ...]] = Factory(Counter)
    changes: list[dict[str, Any]] = Factory(list)

    def add(
        self,
        envelope: Replayed,
        path: Path,
        was: dict[str, Any],
        now: dict[str, Any],
        local: bool,
    ) -> None:
        """One more recipient of which the verdict has changed."""
        is_relay = _refused(was) and not _refused(now) and not local
        self.relays += is_relay
        if _refused(now) and not _refused(was):
            self.refused.add(envelope.sender.folded)
        decisive = now if _refused(now) or not _refused(was) else was
        entry = str(now["entry"] or decisive["entry"] or "")
        verdicts = was["verdict"], now["verdict"]
        self.groups[(*verdicts, was["rule"], now["rule"], entry)] += 1
        if len(self.changes) < MOST_TOLD:
            self.changes.append(
                {
                    "source": envelope.source,
                    "client": envelope.client.address,
                    "listener": envelope.client.listener,
                    "user": envelope.user or None,
                    "from": str(envelope.sender),
                    "to": str(path),
                    "relay": is_relay,
                    "old": was,
                    "new": now,
                }
            )

    def told(self) -> dict[str, Any]:
        """All of it as plain values, the largest group first."""
        names = ("old", "new", "old_rule", "new_rule", "entry", "count")
        return {
            "recorded": self.played["recorded"],
            "generated": self.played["generated"],
            "recorded_changed": self.changed["recorded"],
            "generated_changed": self.changed["generated"],
            "senders_refused": len(self.refused),
            "new_relays": self.relays,
            "groups": [
                dict(zip(names, (*group, count), strict=True))
                for group, count in self.groups.most_common()
            ],
            "changes": self.changes,
        }


def _plain(decision: Decision | None) -> dict[str, Any]:
    if decision is None:
        return {
            "verdict": "reject",
            "rule": "login.refused",
            "reason": "cannot sign in",
            "entry": None,
        }
    return {
        "verdict": decision.verdict.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "entry": decision.entry,
    }


def _refused(plain: Mapping[str, Any]) -> bool:
    return plain["verdict"] in ("defer", "reject")
