"""
How a command reaches the operations.

The reactor is imported only when the store has to be opened here: a command
to a running server starts in a fraction of the time.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import click
from attrs import define

CONTROL = "control"
DATABASE = "mail.db"

EX_PROBLEMS = 1
EX_UNAVAILABLE = 69
EX_TEMPFAIL = 75
EX_NOPERM = 77
EX_CONFIG = 78


class Failed(click.ClickException):
    """A command that did not work, with the exit code that tells why."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


@define
class Door:
    """
    The way to the operations.

    Attributes:
        config: Path of the configuration file, or None.
        data: The data directory, or None: as the configuration says.
        as_json: Answers are for programs.
    """

    config: str | None = None
    data: str | None = None
    as_json: bool = False

    def directory(self) -> str:
        """The data directory."""
        if self.data is not None:
            return os.path.abspath(self.data)
        if self.config is None:
            raise click.UsageError("say --config FILE or --data DIR")
        return str(self.settings().storage.directory)

    def settings(self) -> Any:
        """The configuration; exits with 78 when it is wrong."""
        from imailpy.cli.files import load_config

        return load_config(self.config)

    def perform(self, name: str, /, **arguments: Any) -> Any:
        """Have an operation performed by whoever has the store open."""
        directory = self.directory()
        path = os.path.join(directory, CONTROL)
        try:
            stream = _connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return self._perform_here(directory, name, arguments)
        except PermissionError as error:
            raise Failed(f"{path}: {error.strerror}", EX_NOPERM) from None
        except OSError as error:
            raise Failed(f"{path}: {error.strerror}", EX_UNAVAILABLE) from None
        self.say(f"asking the running server at {path}")
        with stream:
            return _ask(stream, name, arguments)

    def _perform_here(
        self, directory: str, name: str, arguments: dict[str, Any]
    ) -> Any:
        from imailpy.cli.offline import perform

        self._may_open(directory)
        self.say(f"no server is running: opening the store in {directory}")
        settings = None if self.config is None else self.settings()
        return perform(directory, settings, name, arguments)

    def _may_open(self, directory: str) -> None:
        """Keep a slip from making a store, or files of another user's."""
        try:
            owner = os.stat(directory).st_uid
        except OSError as error:
            raise Failed(
                f"{directory}: {error.strerror}", EX_UNAVAILABLE
            ) from None
        if owner != os.geteuid():
            raise Failed(
                f"no server is running, and {directory} belongs to another "
                f"user (uid {owner}): try again as that user",
                EX_NOPERM,
            )
        database = os.path.join(directory, DATABASE)
        if self.config is None and not os.path.exists(database):
            raise Failed(
                f"no server is running, and no store is in {directory}",
                EX_UNAVAILABLE,
            )

    def say(self, text: str) -> None:
        """Tell a person what is going on; never mixed with the answer."""
        if not self.as_json:
            click.echo(text, err=True)


def _connect(path: str) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.settimeout(300)
        # A longer path than sun_path takes is reached from its directory.
        stream.connect(path if len(path) < 100 else os.path.relpath(path))
    except OSError:
        stream.close()
        raise
    return stream


def _ask(stream: socket.socket, name: str, arguments: dict[str, Any]) -> Any:
    request = json.dumps({"do": name, "with": arguments}).encode() + b"\n"
    try:
        stream.sendall(request)
        with stream.makefile("rb") as lines:
            line = lines.readline()
    except OSError as error:
        raise Failed(f"the server: {error}", EX_UNAVAILABLE) from None
    if not line.endswith(b"\n"):
        raise Failed("the server went away", EX_UNAVAILABLE)
    answer = json.loads(line)
    if "error" in answer:
        code = EX_TEMPFAIL if answer.get("temporary") else EX_PROBLEMS
        raise Failed(answer["error"], code)
    return answer["ok"]
