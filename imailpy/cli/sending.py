"""imailctl account limits."""

from __future__ import annotations

from typing import Any

import click

from imailpy.cli.door import Door
from imailpy.cli.show import answer

LIMITS = (
    ("messages_a_day", "Messages in 24 hours."),
    ("recipients_a_day", "Recipients in 24 hours."),
    (
        "first_time_recipients_a_day",
        "Recipients in 24 hours that it never wrote to before.",
    ),
    ("burst", "Messages at once; as many come back in a minute."),
)


class _Limit(click.ParamType):  # type: ignore[type-arg]
    """A number, `none` for no limit, `default` for that of all."""

    name = "number|none|default"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        text = str(value).lower()
        if text == "default":
            return text
        if text == "none":
            return 0
        if not (text.isascii() and text.isdigit()):
            self.fail(f"{value}: want a number, none or default", param, ctx)
        return int(text)


def add_limits(account: click.Group) -> None:
    """Add the verb."""

    @account.command("limits")
    @click.argument("address")
    @click.option(
        "--over",
        type=click.Choice(["defer", "hold", "default"]),
        help="What becomes of mail over a limit of the day.",
    )
    @click.pass_obj
    def limits(door: Door, /, address: str, **changes: Any) -> None:
        """Show how much an account may send, and has sent; change it."""
        said = {n: value for n, value in changes.items() if value is not None}
        shown = door.perform("account.limits", address=address, **said)
        answer(door, shown, _text(shown))

    for name, help_text in reversed(LIMITS):
        option = click.option(
            f"--{name.replace('_', '-')}", name, type=_Limit(), help=help_text
        )
        option(limits)


def _text(shown: dict[str, Any]) -> str:
    own, used = shown["own"], shown.get("used", {})
    limits = shown.get("limits", own)
    lines = [f"{'':28} {'limit':>8}  {'24 hours':>8}"]
    for name, limit in limits.items():
        word = limit
        if limit == 0:
            word = "none"
        elif limit is None:
            word = "default"
        whose = "" if own[name] is None else "  its own"
        line = f"{name:28} {word!s:>8}  {used.get(name, '')!s:>8}{whose}"
        lines.append(line.rstrip())
    return "\n".join(lines)
