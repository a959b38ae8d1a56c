"""imailctl domain."""

from __future__ import annotations

import click

from imailpy.cli.door import Door
from imailpy.cli.show import answer, table


def add_to(main: click.Group) -> None:
    """Add the noun."""

    @main.group()
    def domain() -> None:
        """Domains whose mail this server keeps."""

    @domain.command("add")
    @click.argument("name")
    @click.pass_obj
    def add(door: Door, name: str) -> None:
        """Take mail for a domain from now on."""
        made = door.perform("domain.add", name=name)
        answer(door, made, f"{made['name']} is ours now")

    @domain.command("list")
    @click.pass_obj
    def list_(door: Door) -> None:
        """All domains."""
        rows = door.perform("domain.list")
        table(door, rows, ("name", "catch_all"), "no domains yet")

    @domain.command("remove")
    @click.argument("name")
    @click.pass_obj
    def remove(door: Door, name: str) -> None:
        """Keep a domain no longer; it must have no addresses left."""
        door.perform("domain.remove", name=name)
        answer(door, {"removed": name}, f"{name} is gone")

    @domain.command("catch-all")
    @click.argument("name")
    @click.argument("target", required=False)
    @click.pass_obj
    def catch_all(door: Door, name: str, target: str | None) -> None:
        """Send mail for unknown addresses to TARGET; none: refuse it."""
        made = door.perform("domain.catch_all", name=name, target=target)
        text = f"unknown addresses of {name}: {target or 'refused'}"
        answer(door, made, text)
