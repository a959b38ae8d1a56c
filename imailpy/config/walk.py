"""Going through a configuration, value by value, with paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from imailpy.config.lines import KeyPath


def values(
    value: Any, path: KeyPath = ()
) -> Iterator[tuple[KeyPath, Any, attrs.Attribute[Any]]]:
    """Give (path, value, declaration) of every setting, tables left out."""
    for declared in attrs.fields(type(value)):
        if not declared.init:
            continue
        inner = getattr(value, declared.name)
        here = (*path, declared.name)
        if attrs.has(type(inner)):
            yield from values(inner, here)
        elif isinstance(inner, dict):
            for key, each in inner.items():
                yield from values(each, (*here, key))
        elif isinstance(inner, tuple) and any(
            attrs.has(type(each)) for each in inner
        ):
            for at, each in enumerate(inner):
                yield from values(each, (*here, at))
        else:
            yield here, inner, declared
