"""imailctl status, audit, reload."""

from __future__ import annotations

import click

from imailpy.cli.door import EX_PROBLEMS, Door
from imailpy.cli.show import answer, spell


def add_to(main: click.Group) -> None:
    """Add the verbs without a noun."""

    @main.command("status")
    @click.pass_obj
    def status(door: Door) -> None:
        """How the server and its store stand."""
        facts = door.perform("status")
        width = max(map(len, facts), default=0)
        text = "\n".join(
            f"{name:{width}}  {spell(name, value)}"
            for name, value in facts.items()
        )
        answer(door, facts, text)

    @main.command("audit")
    @click.pass_context
    def audit(context: click.Context) -> None:
        """
        Check that every accepted message is where it must be.

        Exits with 1 when there is a complaint.
        """
        door: Door = context.obj
        found = door.perform("audit")
        complaints = found["complaints"]
        answer(door, found, "\n".join(complaints) or "no complaints")
        if complaints:
            context.exit(EX_PROBLEMS)

    @main.command("reload")
    @click.pass_obj
    def reload(door: Door) -> None:
        """Have the server read its configuration again, all or nothing."""
        made = door.perform("reload")
        answer(door, made, f"configuration {made['number']} is in force")
