"""Opening the store for one operation, when no server has it."""

from __future__ import annotations

from typing import Any

from twisted.internet import task
from twisted.internet.defer import ensureDeferred

from imailpy.admin.operations import complaint_of
from imailpy.cli.door import EX_PROBLEMS, EX_TEMPFAIL, Failed
from imailpy.errors import MailError, StoreRefused
from imailpy.tap import open_operations


def perform(
    directory: str, settings: Any, name: str, arguments: dict[str, Any]
) -> Any:
    """
    Perform an operation on the store in `directory`.

    Args:
        settings: The configuration, or None for defaults.
    """
    answers: list[Any] = []

    async def run(reactor: Any) -> None:
        try:
            operations = open_operations(reactor, directory, settings)
            try:
                answers.append(await operations.perform(name, arguments))
            finally:
                await operations.close()
        except MailError as error:
            answers.append(error)

    try:
        task.react(lambda reactor: ensureDeferred(run(reactor)))
    except SystemExit as stop:
        if stop.code:
            raise
    if not answers:
        raise Failed("the store could not be opened", EX_TEMPFAIL)
    if isinstance(answers[-1], MailError):
        error = answers[-1]
        if isinstance(error, StoreRefused):
            code = error.exit_code
        else:
            code = EX_TEMPFAIL if error.temporary else EX_PROBLEMS
        raise Failed(complaint_of(error), code)
    return answers[-1]
