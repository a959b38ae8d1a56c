"""imailctl alias."""

from __future__ import annotations

import click

from imailpy.cli.door import Door
from imailpy.cli.show import answer, table


def add_to(main: click.Group) -> None:
    """Add the noun."""

    @main.group()
    def alias() -> None:
        """Addresses that stand for others."""

    @alias.command("add")
    @click.argument("address")
    @click.argument("targets", nargs=-1, required=True)
    @click.pass_obj
    def add(door: Door, address: str, targets: tuple[str, ...]) -> None:
        """Have ADDRESS stand for TARGETS, here or elsewhere."""
        made = door.perform(
            "alias.add", address=address, targets=list(targets)
        )
        answer(door, made, f"{address}: {', '.join(made['targets'])}")

    @alias.command("list")
    @click.option("--domain", help="Only this domain's.")
    @click.pass_obj
    def list_(door: Door, domain: str | None) -> None:
        """All aliases."""
        rows = door.perform("alias.list", domain=domain)
        table(door, rows, ("address", "targets"), "no aliases yet")

    @alias.command("remove")
    @click.argument("address")
    @click.pass_obj
    def remove(door: Door, address: str) -> None:
        """Have ADDRESS stand for nothing."""
        door.perform("alias.remove", address=address)
        answer(door, {"removed": address}, f"{address} is gone")
