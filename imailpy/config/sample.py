"""The complete, commented configuration, written from the schema."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import date
from enum import Enum
from typing import Any, get_args, get_origin

import attrs

from imailpy.config.listeners import USUAL, Listener
from imailpy.config.schema import Configuration, ListenerTable

_HEAD = """\
# imailpy.toml: every setting with its meaning and its default.
#
# A setting that is commented out shows its default, or, where that is empty,
# an example. Check your changes with: imailctl config check FILE
# They hold after: imailctl reload (or SIGHUP), all of them or none.
# Domains, accounts and aliases are not in here; see imailctl --help.
#
# Relative paths begin in the directory of this file.
"""


def example() -> str:
    """Give the text of `etc/imailpy.toml`."""
    return "\n".join([_HEAD, *_tables(Configuration, "")]).rstrip() + "\n"


def _tables(kind: Any, prefix: str) -> Iterator[str]:
    attrs.resolve_types(kind)
    for declared in attrs.fields(kind):
        if not declared.init:
            continue
        name = f"{prefix}{declared.name}"
        if attrs.has(declared.type):
            yield from _table(declared.type, name, declared.metadata["doc"])
        elif get_origin(declared.type) is dict:
            inner = get_args(declared.type)[1]
            if inner is ListenerTable:
                yield from _listeners(declared.metadata["doc"])
                continue
            key = declared.metadata["key"]
            yield from _table(
                inner, f'{name}."{key}"', declared.metadata["doc"], True
            )
        elif _is_array_of_tables(declared.type):
            inner = get_args(declared.type)[0]
            yield from _table(
                inner, f"[{name}]", declared.metadata["doc"], True
            )


def _table(
    kind: Any, name: str, doc: str, commented: bool = False
) -> Iterator[str]:
    """Write a table and those below it; `commented`: its header too."""
    yield _remark(doc)
    yield f"{'#' if commented else ''}[{name}]"
    attrs.resolve_types(kind)
    for declared in attrs.fields(kind):
        if _is_table(declared.type):
            continue
        yield _remark(declared.metadata["doc"])
        yield f"#{declared.name} = {to_toml(declared.metadata['example'])}"
    yield ""
    yield from _tables(kind, f"{name}.")


def _listeners(doc: str) -> Iterator[str]:
    """Write the usual listeners, the keys' meanings with the first."""
    attrs.resolve_types(ListenerTable)
    yield _remark(doc)
    yield "#"
    for declared in attrs.fields(ListenerTable):
        yield _remark(f"{declared.name}: {declared.metadata['doc']}")
    yield ""
    for usual in USUAL.values():
        yield f"[listeners.{usual.name}]"
        for declared in attrs.fields(Listener):
            if declared.name != "name":
                value = getattr(usual, declared.name)
                yield f"#{declared.name} = {to_toml(value)}"
        yield ""


def _is_array_of_tables(kind: Any) -> bool:
    return get_origin(kind) is tuple and attrs.has(get_args(kind)[0])


def _is_table(kind: Any) -> bool:
    return (
        attrs.has(kind)
        or get_origin(kind) is dict
        or _is_array_of_tables(kind)
    )


def _remark(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        78,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def to_toml(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(to_toml(each) for each in value)}]"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
