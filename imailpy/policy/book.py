"""
Reading a policy in Python, and joining it to the built-in checks.

The text is handed in, so that what was tested is what is loaded, whatever
has become of the file since.
"""

from __future__ import annotations

import ast
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType
from typing import Any

from attrs import evolve, frozen

from imailpy.policy.api import COLLECTED, Registration
from imailpy.policy.pipeline import Check, Pipeline, Place, Row

# Name of the module as which a policy is read.
POLICY = "policy"
_MOST_LINES = 6


class PolicyWrong(Exception):
    """
    A policy that cannot be used.

    Attributes:
        file: Its name.
        line: Where; 0: not at a line.
        text: What is wrong there.
    """

    def __init__(self, file: str, line: int, text: str) -> None:
        super().__init__(f"{file}:{line}: {text}" if line else text)
        self.file = file
        self.line = line
        self.text = text


@frozen
class Source:
    """
    A file of Python.

    Attributes:
        file: Its name, without directory: `policy.py`.
    """

    file: str
    text: str


class _TextLoader(SourceLoader):
    """Gives a module the text that it was made with."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def get_filename(self, fullname: str) -> str:
        return self._source.file

    def get_data(self, path: str) -> bytes:
        return self._source.text.encode()


def load_module(name: str, source: Source) -> ModuleType:
    """
    Run a file's text as a module of its own; nothing else can import it.

    Raises:
        PolicyWrong: It is no Python, cannot be ended by the watchdog, or
            raises an exception.
    """
    _look_for_catch_all(source)
    spec = spec_from_loader(name, _TextLoader(source))
    if spec is None or spec.loader is None:
        raise PolicyWrong(source.file, 0, "cannot be loaded")
    module = module_from_spec(spec)
    # Dataclasses look for their module while they are made.
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise wrong_of(source.file, error) from None
    finally:
        if before is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = before
    return module


def read(source: Source) -> tuple[ModuleType, tuple[Registration, ...]]:
    """
    Read a policy: the module, and the checks that it registers.

    Raises:
        PolicyWrong: As `load_module`, or two checks have one name.
    """
    collected: list[Registration] = []
    token = COLLECTED.set(collected)
    try:
        module = load_module(POLICY, source)
    finally:
        COLLECTED.reset(token)
    seen: dict[str, Registration] = {}
    for each in collected:
        before = seen.setdefault(each.name, each)
        if before is not each:
            raise PolicyWrong(
                source.file,
                each.line,
                f"{each.name} is registered at line {before.line} already",
            )
        if inspect.iscoroutinefunction(each.function):
            raise PolicyWrong(
                source.file,
                each.line,
                f"{each.name} is async; a check waits for nothing: write "
                "def instead of async def",
            )
        if not _takes_one(each.function):
            raise PolicyWrong(
                source.file,
                each.line,
                f"{each.name} must take one argument, the facts",
            )
    return module, tuple(collected)


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _look_for_catch_all(source: Source) -> None:
    """
    Refuse `except:` and `except BaseException:`: they would swallow what
    the watchdog ends a stuck function with.
    """
    try:
        tree = ast.parse(source.text, source.file)
    except (SyntaxError, ValueError) as error:
        raise wrong_of(source.file, error) from None
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = "" if node.type is None else ast.unparse(node.type)
        if not caught or "BaseException" in caught:
            raise PolicyWrong(
                source.file,
                node.lineno,
                "write except Exception: what catches everything would keep "
                "a stuck function from being ended",
            )


def wrong_of(file: str, error: BaseException) -> PolicyWrong:
    """Tell an exception by the deepest line of `file` that it went by."""
    if isinstance(error, PolicyWrong):
        return error
    text = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, SyntaxError):
        text = f"{type(error).__name__}: {error.msg}"
        return PolicyWrong(error.filename or file, error.lineno or 0, text)
    return PolicyWrong(file, line_of(file, error), text)


def line_of(file: str, error: BaseException) -> int:
    """Give the deepest line of `file` that an exception went by, or 0."""
    lines = [
        frame.lineno or 0
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file
    ]
    return lines[-1] if lines else 0


def way_of(file: str, error: BaseException) -> str:
    """
    Spell the way of an exception from where `file` was entered:
    `policy.py:7 in f < policy.py:3 in g`.
    """
    frames = list(traceback.extract_tb(error.__traceback__))
    while len(frames) > 1 and frames[0].filename != file:
        del frames[0]
    frames = frames[-_MOST_LINES:]
    return " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}"
        for frame in reversed(frames)
    )


Wrap = Callable[[Registration], Callable[[Any, Any], Any]]


def plain(each: Registration) -> Callable[[Any, Any], Any]:
    """Make a check's function without any guard, for tests."""
    function = each.function

    def ask(facts: Any, settings: Any) -> Any:
        return function(facts)

    ask.__doc__ = function.__doc__
    return ask


def joined(
    pipeline: Pipeline,
    registrations: Sequence[Registration],
    file: str,
    wrap: Wrap = plain,
) -> Pipeline:
    """
    Give the pipeline with a policy's checks at their places.

    A check that names no place is asked behind all others of its stage; a
    check in front of others only hears of what those may yet refuse.

    Raises:
        PolicyWrong: A stage has no such place.
    """
    rows: dict[str, Row[Any]] = {row.stage: row for row in pipeline.rows}
    for each in registrations:
        row = rows[each.stage]
        check: Check[Any] = Check(
            each.name, wrap(each), source=f"{file}:{each.line}"
        )
        rows[each.stage] = _placed(row, each, check, file)
    return Pipeline(**rows)


def place_of(each: Registration) -> str:
    """Name the place of a policy's check."""
    if each.before:
        return f"policy-before-{each.before}"
    if each.after:
        return f"policy-after-{each.after}"
    return "policy"


def _placed(
    row: Row[Any], each: Registration, check: Check[Any], file: str
) -> Row[Any]:
    name = place_of(each)
    names = [place.name for place in row.places]
    if name in names:
        return row.with_check(name, check)
    beside = each.before or each.after
    if beside and beside not in names:
        known = [one for one in names if not one.startswith("policy")]
        raise PolicyWrong(
            file,
            each.line,
            f"the stage {row.stage} has no place {beside!r}; it has "
            f"{', '.join(known)}",
        )
    at = len(names)
    if each.before:
        at = names.index(beside)
    elif each.after:
        at = names.index(beside) + 1
    place: Place[Any] = Place(0, name, (check,))
    return evolve(row, places=(*row.places[:at], place, *row.places[at:]))
