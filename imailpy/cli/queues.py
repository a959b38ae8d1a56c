"""imailctl queue."""

from __future__ import annotations

import click

from imailpy.cli.door import Door
from imailpy.cli.show import answer, spell, table

COLUMNS = ("id", "state", "to", "from", "tries", "next_try", "last_reply")
STATES = ("ready", "deferred", "held", "done", "failed")


def add_to(main: click.Group) -> None:
    """Add the noun."""

    @main.group()
    def queue() -> None:
        """Mail that waits for the world: one row a recipient."""

    _add_list(queue)
    _add_show(queue)
    _add_changes(queue)


def _add_list(queue: click.Group) -> None:
    @queue.command("list")
    @click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice(STATES),
        help="Only these; may be given again. Waiting ones unless given.",
    )
    @click.option("--route", help="Only this destination.")
    @click.option("--after", help="Go on behind this id.")
    @click.option("--most", default=100, show_default=True)
    @click.pass_obj
    def list_(
        door: Door,
        states: tuple[str, ...],
        route: str | None,
        after: str | None,
        most: int,
    ) -> None:
        """A page of the queue."""
        rows = door.perform(
            "queue.list",
            states=list(states) or None,
            route=route,
            after=after,
            most=most,
        )
        table(door, rows, COLUMNS, "nothing waits")


def _add_show(queue: click.Group) -> None:
    @queue.command("show")
    @click.argument("id")
    @click.pass_obj
    def show(door: Door, id: str) -> None:
        """All that is known of one recipient."""
        row = door.perform("queue.show", id=id)
        text = "\n".join(
            f"{name:12} {spell(name, value)}" for name, value in row.items()
        )
        answer(door, row, text)


def _add_changes(queue: click.Group) -> None:
    def change(name: str, help_text: str, done: str) -> None:
        @queue.command(name, help=help_text)
        @click.argument("ids", nargs=-1, required=True)
        @click.pass_obj
        def command(door: Door, ids: tuple[str, ...]) -> None:
            made = door.perform(f"queue.{name}", ids=list(ids))
            answer(door, made, f"{made['rows']} {done}")

    change("retry", "Try recipients now; `all` for all.", "due now")
    change("hold", "Keep recipients from being tried.", "held")

    @queue.command("drop")
    @click.argument("ids", nargs=-1, required=True)
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.pass_obj
    def drop(door: Door, ids: tuple[str, ...], yes: bool) -> None:
        """End recipients for good; nobody gets a notice."""
        if not yes:
            click.confirm(f"Drop {', '.join(ids)}?", abort=True)
        made = door.perform("queue.drop", ids=list(ids))
        answer(door, made, f"{made['rows']} dropped")
