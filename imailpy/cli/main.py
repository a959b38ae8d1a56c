"""imailctl: what an operator asks and tells a mail server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

import imailpy
from imailpy.cli.door import Door


def _json_too(command: click.Command) -> click.Command:
    """Let `--json` stand behind the verb as well as before the noun."""

    def switch(context: click.Context, _: Any, value: bool) -> None:
        if value:
            context.ensure_object(Door).as_json = True

    command.params.append(
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=switch,
            help="Answer as JSON.",
        )
    )
    return command


class Group(click.Group):
    """A noun whose verbs all know `--json`."""

    def command(self, *args: Any, **kwargs: Any) -> Any:
        make: Callable[[Any], click.Command] = super().command(*args, **kwargs)
        return lambda function: _json_too(make(function))


Group.group_class = Group


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(imailpy.__version__, prog_name="imailctl")
@click.option(
    "--config",
    envvar="IMAILPY_CONFIG",
    metavar="FILE",
    help="The server's configuration file.",
)
@click.option(
    "--data",
    envvar="IMAILPY_DATA",
    metavar="DIR",
    help="The server's data directory, when there is no configuration.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def main(
    context: click.Context,
    config: str | None,
    data: str | None,
    as_json: bool,
) -> None:
    """
    Ask and tell an imailpy server.

    Exit codes: 0 fine, 1 a check found problems or the thing asked for is
    not there, 2 usage, 69 cannot reach the server, 75 try later, 77
    permission, 78 configuration.

    \b
    Examples:
      imailctl --data demo account list
      imailctl --config /etc/imailpy/imailpy.toml queue list --json
    """
    context.obj = Door(config, data, as_json)


def _add_groups() -> None:
    from imailpy.cli import (
        accounts,
        aliases,
        bans,
        check,
        configs,
        domains,
        explaining,
        logins,
        policies,
        queues,
        server,
    )

    for module in (
        accounts,
        aliases,
        bans,
        check,
        configs,
        domains,
        queues,
        explaining,
        logins,
        server,
        policies,
    ):
        module.add_to(main)


_add_groups()

if __name__ == "__main__":
    main()
