"""
From TOML text to values, with a complaint for each thing that is no value.

`tomllib` reads, `cattrs` builds the classes of the schema, and tells every
error with its path; the line map knows where that path stands.
"""

from __future__ import annotations

import os.path
import re
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from enum import Enum
from types import GenericAlias
from typing import Any, get_args, get_origin

import attrs
from cattrs import (
    BaseValidationError,
    Converter,
    ForbiddenExtraKeysError,
)
from cattrs.gen import make_dict_structure_fn

from imailpy.config.complaint import Complaint, ConfigError
from imailpy.config.fields import FilePath
from imailpy.config.lines import KeyPath, LineMap, locate
from imailpy.config.schema import Configuration
from imailpy.config.schema.defence import Moment, moment

# How tomllib says where.
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")

Wrong = tuple[KeyPath, str]


def read_toml(text: str, file: str) -> tuple[dict[str, Any], LineMap]:
    """
    Read TOML.

    Raises:
        ConfigError: It is not TOML, or says something twice.
    """
    lines = locate(text)
    try:
        return tomllib.loads(text), lines
    except tomllib.TOMLDecodeError as error:
        complaints = list(_duplicates(lines, file))
        raise ConfigError(
            complaints or [_syntax(str(error), text, file)]
        ) from None


def build(
    raw: dict[str, Any], lines: LineMap, file: str
) -> tuple[Configuration, list[Wrong]]:
    """
    Build the configuration.

    What is wrong is left out of it, so that the rest can be looked at too:
    one run tells everything.

    Returns:
        The configuration, and (path, what is wrong there) for each error.
    """
    converter = _converter(os.path.dirname(os.path.abspath(file)))
    wrong: list[Wrong] = []
    for _ in range(2):
        try:
            configuration = converter.structure(raw, Configuration)
            break
        except BaseValidationError as error:
            found = list(_unpick(error, (), Configuration))
            wrong.extend(found)
            raw = _without(raw, [path for path, _ in found])
    else:
        configuration = Configuration()
    object.__setattr__(configuration, "file", file)
    object.__setattr__(configuration, "lines", lines)
    return configuration, wrong


def complain(
    configuration: Configuration, path: KeyPath, text: str
) -> Complaint:
    """Make a complaint about what stands at a path."""
    place = configuration.lines.find(path)
    names = [str(part) for part in path if isinstance(part, str)]
    return Complaint(
        place.line,
        place.column,
        ".".join(names[:-1]),
        text,
        configuration.file,
    )


def _duplicates(lines: LineMap, file: str) -> Iterator[Complaint]:
    for twice in lines.duplicates:
        names = [str(part) for part in twice.path]
        yield Complaint(
            twice.second.line,
            twice.second.column,
            ".".join(names[:-1]),
            f'"{names[-1]}" is there twice; the first is in line '
            f"{twice.first.line}. Remove one of them",
            file,
        )


def _syntax(message: str, text: str, file: str) -> Complaint:
    where = _WHERE.search(message)
    line, column = text.count("\n") + 1, 1
    if where is not None and where.group(1):
        line, column = int(where.group(1)), int(where.group(2))
    return Complaint(
        line, column, "", f"not TOML: {_WHERE.sub('', message)}", file
    )


# From cattrs' tree of errors to paths


def _unpick(error: BaseException, path: KeyPath, kind: Any) -> Iterator[Wrong]:
    if isinstance(error, ForbiddenExtraKeysError):
        for key in sorted(error.extra_fields):
            yield (*path, key), _unknown(key, path, kind)
    elif isinstance(error, BaseValidationError):
        for each in error.exceptions:
            step, inner = _step(each)
            under = error.cl if step is None else inner
            yield from _unpick(
                each, path if step is None else (*path, step), under
            )
    elif isinstance(error, KeyError):
        yield path, f'"{path[-1]}" is missing'
    else:
        yield path, f"{_shown(path)} {error}"


def _step(error: BaseException) -> tuple[str | int | None, Any]:
    """Give the key or index that an error is below, and its type."""
    for note in getattr(error, "__notes__", []):
        name = getattr(note, "name", None)
        if name is not None:
            return str(name), note.type
        index = getattr(note, "index", None)
        if index is not None:
            return index if isinstance(index, int) else str(index), note.type
    return None, None


def _shown(path: KeyPath) -> str:
    """Name a key for people."""
    last = path[-1] if path else ""
    if isinstance(last, int):
        return f"element {last + 1} of {path[-2]}"
    return f'"{last}"'


def _unknown(key: str, path: KeyPath, kind: Any) -> str:
    """Say that a key is not known, and which may have been meant."""
    names = [field.name for field in attrs.fields(kind) if field.init]
    what = "key" if path else "section"
    text = f'unknown {what} "{key}"'
    near = get_close_matches(key, names, 1)
    if near:
        return f'{text}. Did you mean "{near[0]}"?'
    elsewhere = [
        section.name
        for section in attrs.fields(Configuration)
        if section.type is not None
        and attrs.has(section.type)
        and key in attrs.fields_dict(section.type)
    ]
    if elsewhere:
        return f"{text}. It belongs to [{elsewhere[0]}]"
    return f"{text}. There are {', '.join(names)}"


def _without(raw: Any, paths: list[KeyPath]) -> Any:
    """Copy nested tables without what stands at these paths."""
    if not paths:
        return raw
    if isinstance(raw, dict):
        return {
            key: _without(value, [p[1:] for p in paths if p[0] == key])
            for key, value in raw.items()
            if (key,) not in paths
        }
    if isinstance(raw, list):
        return [
            _without(value, [p[1:] for p in paths if p[0] == at])
            for at, value in enumerate(raw)
            if not any(p[0] == at and len(p) <= 2 for p in paths)
        ]
    return raw


# Strict hooks: TOML knows types, and nothing is made of anything else


def _converter(directory: str) -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)

    def file_path(value: Any, _: Any) -> FilePath:
        text = _exactly(str, "text in quotes")(value, None)
        return FilePath(
            os.path.normpath(os.path.join(directory, text)) if text else ""
        )

    for kind, what in (
        (bool, "true or false"),
        (int, "a whole number"),
        (str, "text in quotes"),
    ):
        converter.register_structure_hook(kind, _exactly(kind, what))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(Moment, moment)
    converter.register_structure_hook(FilePath, file_path)
    converter.register_structure_hook_func(_is_enum, _choice)
    converter.register_structure_hook_func(
        lambda kind: _origin(kind) is tuple, _listed(converter)
    )
    converter.register_structure_hook_factory(
        lambda kind: _origin(kind) is dict, _tables(converter)
    )
    converter.register_structure_hook_factory(attrs.has, _table(converter))
    return converter


def _exactly(kind: type, what: str) -> Any:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"must be {what}, not {_toml(value)}")
        return value

    return structure


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"must be a number, not {_toml(value)}")
    return float(value)


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _choice(value: Any, kind: type[Enum]) -> Enum:
    choices = [each.value for each in kind]
    if value in choices:
        return kind(value)
    near = get_close_matches(str(value), choices, 1)
    hint = f'. Did you mean "{near[0]}"?' if near else ""
    raise ValueError(
        f"must be one of {', '.join(choices)}, not {_toml(value)}{hint}"
    )


def _listed(converter: Converter) -> Any:
    """Structure lists, and nothing that merely can be gone through."""

    def structure(value: Any, kind: Any) -> Any:
        if not isinstance(value, list):
            raise ValueError(f"must be a list, not {_toml(value)}")
        inner: Any = GenericAlias(list, get_args(kind)[:1])
        return tuple(converter.structure(value, inner))

    return structure


def _tables(converter: Converter) -> Any:
    def factory(kind: Any) -> Any:
        plain = converter.gen_structure_mapping(kind)

        def structure(value: Any, wanted: Any) -> Any:
            _want_table(value)
            return plain(value, wanted)

        return structure

    return factory


def _table(converter: Converter) -> Any:
    def factory(kind: Any) -> Any:
        plain = make_dict_structure_fn(kind, converter)

        def structure(value: Any, wanted: Any) -> Any:
            _want_table(value)
            return plain(value, wanted)

        return structure

    return factory


def _want_table(value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"must be a table, not {_toml(value)}")


def _toml(value: Any) -> str:
    """Show a value as TOML would have it, in short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:60]}"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)
