"""imailctl login."""

from __future__ import annotations

import sys
from typing import Any, TextIO

import click

from imailpy.cli.door import EX_PROBLEMS, Door
from imailpy.cli.show import answer


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True)
    return password


def add_to(main: click.Group) -> None:
    """Add the noun."""

    @main.group()
    def login() -> None:
        """Signing in."""

    @login.command("test")
    @click.argument("address")
    @click.option(
        "--password-stdin",
        is_flag=True,
        help="Read the password from the first line of standard input.",
    )
    @click.option(
        "--token",
        type=click.File("r"),
        help="File with a bearer token; - is standard input.",
    )
    @click.pass_context
    def test(
        context: click.Context,
        address: str,
        password_stdin: bool,
        token: TextIO | None,
    ) -> None:
        """
        Tell step by step what a login would come to.

        Nobody is signed in. Exits with 1 when the login would be refused.
        """
        door: Door = context.obj
        shown: dict[str, Any] = (
            {"password": _password(password_stdin)}
            if token is None
            else {"token": token.read().strip()}
        )
        found = door.perform("login.test", address=address, **shown)
        width = max(len(each["step"]) for each in found["steps"])
        text = "\n".join(
            f"{each['step']:{width}}  {each['found']}"
            for each in found["steps"]
        )
        answer(door, found, text)
        if not found["accepted"]:
            context.exit(EX_PROBLEMS)
