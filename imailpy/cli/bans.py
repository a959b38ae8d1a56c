"""imailctl ban."""

from __future__ import annotations

import re

import click

from imailpy.cli.door import Door
from imailpy.cli.show import answer, spell, table

COLUMNS = ("network", "until_at", "by", "times", "why", "session")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_UNITS = {"": 60.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds_of(text: str) -> float:
    """Read `90s`, `30m`, `12h`, `7d`; a bare number is minutes."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None:
        raise click.BadParameter(f"{text}: write 90s, 30m, 12h or 7d")
    return float(match.group(1)) * _UNITS[match.group(2)]


def add_to(main: click.Group) -> None:
    """Add the noun."""

    @main.group()
    def ban() -> None:
        """Networks that are kept out, from all services."""

    @ban.command("list")
    @click.pass_obj
    def list_(door: Door) -> None:
        """Bans that are in force, the oldest first."""
        rows = door.perform("ban.list")
        table(door, rows, COLUMNS, "nobody is banned")

    @ban.command("add")
    @click.argument("network")
    @click.option(
        "--for",
        "length",
        help="How long: 30m, 12h, 7d. Without it: until it is removed.",
    )
    @click.option("--note", default="", help="Your own words.")
    @click.pass_obj
    def add(door: Door, network: str, length: str | None, note: str) -> None:
        """Keep NETWORK out: an address, or 192.0.2.0/24."""
        made = door.perform(
            "ban.add",
            network=network,
            seconds=None if length is None else seconds_of(length),
            note=note,
        )
        until = spell("until_at", made["until_at"])
        end = "it is removed" if made["until_at"] is None else until
        answer(door, made, f"{made['network']} is banned until {end}")

    @ban.command("remove")
    @click.argument("network")
    @click.pass_obj
    def remove(door: Door, network: str) -> None:
        """Let NETWORK in again."""
        made = door.perform("ban.remove", network=network)
        answer(door, made, f"{made['network']} may come again")
