"""
Lists that lie in files of their own, one entry a line.

A long list takes seconds to read: one that has not changed since the last
time is not read again, at a reload as between the check and the use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from imailpy.config.schema import Configuration
from imailpy.interfaces.world import IDisk
from imailpy.policy.addresses import AddressList
from imailpy.policy.networks import Networks, parse_network

T = TypeVar("T")

MOST_OCTETS = 256 << 20
_MOST_KNOWN = 16
# (kind, file, entries of the configuration) -> (digest of the file, list)
_known: dict[tuple[Any, ...], tuple[bytes, Any]] = {}


def networks(
    configuration: Configuration,
    section: str,
    name: str,
    file: str = "",
    disk: IDisk | None = None,
) -> Networks:
    """
    Give the networks of a setting, and those of a file; each entry knows
    its line.

    Raises:
        ValueError: With file and line, for a line that is none.
        OSError: The file cannot be read.
    """
    texts = getattr(getattr(configuration, section), name)
    own = tuple(
        parse_network(text, configuration.entry(section, name, at))
        for at, text in enumerate(texts)
    )
    if not file or disk is None:
        return Networks(own)
    return _read(
        ("networks", file, own),
        disk,
        file,
        lambda text: Networks.read(text, file, own),
    )


def addresses(
    configuration: Configuration,
    section: str,
    name: str,
    file: str = "",
    disk: IDisk | None = None,
) -> AddressList:
    """As `networks`, for addresses and domains."""
    own = tuple(
        (text, configuration.entry(section, name, at))
        for at, text in enumerate(
            getattr(getattr(configuration, section), name)
        )
    )

    def made(text: str) -> AddressList:
        found = AddressList()
        for entry, place in own:
            found.add(entry, place)
        if text:
            found.add_lines(text, file)
        return found

    if not file or disk is None:
        return made("")
    return _read(("addresses", file, own), disk, file, made)


def address_file(file: str, disk: IDisk) -> AddressList:
    """Read a file of addresses; raises as `networks`."""

    def made(text: str) -> AddressList:
        found = AddressList()
        found.add_lines(text, file)
        return found

    return _read(("addresses", file), disk, file, made)


def _read(
    key: tuple[Any, ...], disk: IDisk, file: str, make: Callable[[str], T]
) -> T:
    octets = disk.read_foreign(file, MOST_OCTETS)
    seen = hashlib.sha256(octets).digest()
    known = _known.get(key)
    if known is not None and known[0] == seen:
        found: T = known[1]
        return found
    # The old one goes before the new one comes: both may be large.
    _known.pop(key, None)
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise ValueError(f"{file}:{line}: not UTF-8") from None
    del octets
    made = make(text)
    if len(_known) >= _MOST_KNOWN:
        _known.pop(next(iter(_known)))
    _known[key] = seen, made
    return made
