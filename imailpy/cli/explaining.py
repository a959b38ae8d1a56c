"""imailctl why, policy."""

from __future__ import annotations

import base64
import os
import re
import time
from datetime import UTC, datetime
from typing import Any

import click

from imailpy.cli.door import EX_PROBLEMS, Door
from imailpy.cli.show import answer, spell, table

_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_COLUMNS = ("stage", "step", "place", "check", "on", "entry", "does")


def add_to(main: click.Group) -> None:
    """Add the verbs."""
    _add_why(main)
    _add_diff(main)

    @main.group()
    def policy() -> None:
        """The checks that every client meets."""

    @policy.command("show")
    @click.pass_obj
    def show(door: Door) -> None:
        """
        Every check in its order: stage, step, place, whether it is on, and
        where it is configured.
        """
        rows = door.perform("policy.show")
        table(door, rows, _COLUMNS, "there are no checks")


def _add_why(main: click.Group) -> None:
    @main.command("why")
    @click.argument("what", required=False)
    @click.option("--since", help="Of the past: from then on; 2h, 3d, date.")
    @click.option("--most", default=200, show_default=True)
    @click.option("--from", "sender", metavar="ADDRESS", help="Reverse-path.")
    @click.option(
        "--to",
        "recipients",
        metavar="ADDRESS",
        multiple=True,
        help="Recipient; may be given again.",
    )
    @click.option("--ip", metavar="ADDRESS", help="Where the client is.")
    @click.option("--helo", default="", help="What it calls itself.")
    @click.option("--user", default="", help="Who signs in.")
    @click.option("--listener", default="", help="Where it comes in.")
    @click.option(
        "--message", type=click.File("rb"), help="What it sends; - for stdin."
    )
    @click.pass_context
    def why(context: click.Context, /, what: str | None, **said: Any) -> None:
        """
        Why was it, or would it be, accepted or refused?

        WHAT is the id of a session, of a message or of a row of the queue,
        or an address of mail or of a client: tells what was decided. With
        --from, --to and --ip: plays that client, and tells what it would
        hear. Exits with 1 when nothing is known of WHAT.

        \b
        Examples:
          imailctl why qpziwgzgypvphrzh2nnc
          imailctl why dan@elsewhere.example --since 2h
          imailctl why --from x@a.example --to y@b.example --ip 203.0.113.9
        """
        door: Door = context.obj
        if what is not None:
            if any(said[each] for each in ("sender", "recipients", "ip")):
                raise click.UsageError("WHAT is of the past; --from is not")
            since = moment(said["since"]) if said["since"] else 0.0
            found = door.perform(
                "why.past", what=what, since=since, most=said["most"]
            )
            entries = found["entries"]
            text = "\n".join(line for each in entries for line in told(each))
            answer(door, found, text or f"nothing is known of {what}")
            if not entries:
                context.exit(EX_PROBLEMS)
            return
        if said["sender"] is None or not said["recipients"] or not said["ip"]:
            raise click.UsageError("say WHAT, or --from, --to and --ip")
        file = said["message"]
        octets = b"" if file is None else file.read()
        found = door.perform(
            "why.now",
            sender=said["sender"],
            recipients=list(said["recipients"]),
            ip=said["ip"],
            helo=said["helo"],
            user=said["user"],
            listener=said["listener"],
            message=base64.b64encode(octets).decode(),
        )
        answer(door, found, rehearsed(found))


def _add_diff(main: click.Group) -> None:
    @main.command("diff")
    @click.argument("old", type=click.File("r", encoding="utf-8"))
    @click.argument("new", type=click.File("r", encoding="utf-8"))
    @click.option("--since", help="Replay from then on; 2h, 3d, date.")
    @click.option("--most", default=5000, show_default=True)
    @click.option(
        "--generated",
        default=2000,
        show_default=True,
        help="Envelopes of the relay battery beside the recorded ones.",
    )
    @click.option("--seed", default=1, show_default=True)
    @click.pass_context
    def diff(
        context: click.Context,
        /,
        old: Any,
        new: Any,
        since: str | None,
        most: int,
        generated: int,
        seed: int,
    ) -> None:
        """
        Which mail would two configurations treat differently?

        OLD and NEW are configuration files. Recorded and made-up envelopes
        go through the checks of both, each with the lists and the policy in
        Python that it names, and with the accounts of this server. Exits
        with 1 when NEW relays what OLD refused.
        """
        door: Door = context.obj
        found = door.perform(
            "policy.diff",
            old=old.read(),
            new=new.read(),
            old_file=os.path.abspath(old.name),
            new_file=os.path.abspath(new.name),
            since=moment(since) if since else 0.0,
            most=most,
            count=generated,
            seed=seed,
        )
        answer(door, found, compared(found))
        if found["new_relays"]:
            context.exit(EX_PROBLEMS)


def compared(found: dict[str, Any]) -> str:
    """Spell what two configurations differ in."""
    lines = [
        f"{found['senders_refused']} senders now refused, "
        f"{found['new_relays']} new relays",
        f"of {found['recorded']} recorded envelopes "
        f"{found['recorded_changed']} change verdict, "
        f"of {found['generated']} generated ones "
        f"{found['generated_changed']}",
    ]
    for group in found["groups"]:
        lines += [
            "",
            f"{group['old']} -> {group['new']}: {group['count']} recipients",
            f"  rule   {group['old_rule']} -> {group['new_rule']}",
            f"  entry  {group['entry'] or '-'}",
        ]
        shown = [
            each
            for each in found["changes"]
            if each["old"]["rule"] == group["old_rule"]
            and each["new"]["rule"] == group["new_rule"]
            and (each["new"]["entry"] or "") in ("", group["entry"])
        ]
        for each in shown[:5]:
            mark = "  NEW RELAY" if each["relay"] else ""
            who = each["user"] or each["client"]
            lines.append(
                f"  {each['source']:9} {who}: <{each['from']}> to "
                f"<{each['to']}>{mark}"
            )
    return "\n".join(lines)


def moment(text: str) -> float:
    """Read a span before now, or a moment; seconds since 1970."""
    span = _SPAN.fullmatch(text)
    if span is not None:
        return time.time() - float(span[1]) * _SECONDS[span[2]]
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"--since {text}: write 30m, 2h, 3d or 2026-11-24T18:00"
        ) from None
    return read.replace(tzinfo=read.tzinfo or UTC).timestamp()


# Of the past


def told(entry: dict[str, Any]) -> list[str]:
    """Spell an entry of the history."""
    at = datetime.fromtimestamp(entry["at"], UTC)
    stamp = (
        f"{at.strftime('%Y-%m-%d %H:%M:%S')}.{int(entry['at'] % 1 * 1000):03}Z"
    )
    if entry["kind"] == "event":
        facts = {
            name: value
            for name, value in entry.items()
            if name not in ("kind", "at", "event")
        }
        return [f"{stamp} {entry['event']} {pairs(facts)}"]
    about = {
        name: entry.get(name)
        for name in (
            "session",
            "message",
            "client",
            "listener",
            "helo",
            "tls",
            "user",
            "size_octets",
        )
        if entry.get(name)
    }
    lines = [f"{stamp} session {pairs(about).removeprefix('session=')}"]
    for step in entry["steps"]:
        lines.append(f"    {decided(step)}")
    if entry.get("left_out"):
        lines.append(f"    ... and {entry['left_out']} more")
    return lines


def decided(step: dict[str, Any]) -> str:
    """Spell a decision in the words of the log."""
    facts = {
        name: step.get(name)
        for name in ("verdict", "rule", "reason", "entry", "reply", "about")
        if step.get(name)
    }
    return f"{step['stage']}.decision {pairs(facts)}"


def pairs(facts: dict[str, Any]) -> str:
    """Spell facts as the log does: name=value, quoted where needed."""
    from imailpy.admin.journal import as_text

    return as_text("", facts).strip()


# What would be


def rehearsed(found: dict[str, Any]) -> str:
    """Spell a rehearsal: what was said, and why it was answered so."""
    lines = [f"{found['client']} at listener {found['listener']}"]
    for exchange in found["exchanges"]:
        lines.append("")
        if exchange["said"]:
            lines.append(f"C: {exchange['said']}")
        for reply in exchange["replies"]:
            lines += [f"S: {line}" for line in reply.split("\n")]
        for stage in exchange["decisions"]:
            lines += [f"   {line}" for line in _stage(stage)]
    outcome = found["outcome"]
    words = "taken" if outcome["verdict"] == "accept" else "refused"
    if outcome["verdict"] == "defer":
        words = "deferred"
    lines += ["", f"{words}: {outcome['reply']}"]
    if outcome["rule"]:
        lines += [
            f"rule     {outcome['rule']}",
            f"entry    {outcome['entry']}",
        ]
    elif outcome["verdict"] != "accept":
        lines.append("rule     none: the protocol itself, no check was asked")
    return "\n".join(lines)


def _stage(stage: dict[str, Any]) -> list[str]:
    about = f" {stage['about']}" if stage["about"] else ""
    lines = [f"{stage['stage']}{about}"]
    facts = {
        name: spell(name, value)
        for name, value in stage["facts"].items()
        if value not in (None, "", [])
    }
    if facts:
        lines.append(f"  saw   {pairs(facts)}")
    for check in stage["checks"]:
        said = check["said"]
        where = f"{check['step'] or '-':>2} {check['place']}: {check['check']}"
        if said is None:
            lines.append(f"  {where}: nothing to say")
        else:
            lines.append(
                f"  {where}: {said['verdict']} {said['rule']}: "
                f"{said['reason']}"
            )
            if said["entry"]:
                lines.append(f"       entry {said['entry']}")
    decision = stage["decision"]
    if decision is not None:
        lines.append(f"  {decided({'stage': stage['stage'], **decision})}")
    return lines
