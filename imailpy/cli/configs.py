"""imailctl config."""

from __future__ import annotations

import click

from imailpy.cli.door import Door
from imailpy.cli.files import load_config
from imailpy.cli.show import answer


def add_to(main: click.Group) -> None:
    """Add the noun."""

    @main.group()
    def config() -> None:
        """The configuration file."""

    @config.command("check")
    @click.argument("file", required=False)
    @click.pass_obj
    def check(door: Door, file: str | None) -> None:
        """
        Read a configuration and tell everything that is wrong with it.

        Exits with 78 when something is. The server need not run.
        """
        path = file or door.config
        from imailpy.config.relaying import warnings

        told = [str(each) for each in warnings(load_config(path))]
        answer(
            door,
            {"file": path, "fine": True, "warnings": told},
            "\n".join([*told, f"{path}: fine"]),
        )

    @config.command("example")
    @click.pass_obj
    def example(door: Door) -> None:
        """Print every setting with its meaning and default."""
        from imailpy.config import example

        text = example()
        answer(door, {"example": text}, text.rstrip("\n"))
