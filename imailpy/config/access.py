"""
Access lists: entries in the configuration, and in files of their own.

A file has one entry a line, and what is behind "#" is its note:

    203.0.113.9                      # tried for weeks
    198.51.100.0/24 until=2026-12-31
"""

from __future__ import annotations

import tomllib

from imailpy.config.schema import Access, Configuration
from imailpy.config.schema.defence import moment
from imailpy.interfaces.world import IDisk
from imailpy.policy.networks import parse_network
from imailpy.policy.settings import (
    AccessEntry,
    AccessList,
    AccessRules,
)

_UNTIL = "until="


def access_rules(
    configuration: Configuration, disk: IDisk | None
) -> AccessRules:
    """Make the rules of all services; raises `OSError`, `ValueError`."""
    return AccessRules(
        {
            service: _rule(configuration, service, told, disk)
            for service, told in configuration.access.items()
        }
    )


def _rule(
    configuration: Configuration,
    service: str,
    told: Access,
    disk: IDisk | None,
) -> AccessList:
    def where(*path: str | int) -> str:
        return configuration.entry("access", service, *path)

    entries = [
        AccessEntry(parse_network(text, where("networks", at)))
        for at, text in enumerate(told.networks)
    ]
    entries += [
        AccessEntry(
            parse_network(each.network, where("entries", at)),
            each.until,
            each.note,
        )
        for at, each in enumerate(told.entries)
    ]
    if told.file and disk is not None:
        entries += read_list(told.file, disk)
    return AccessList.of(told.mode, entries, told.answer, where("mode"))


def read_list(path: str, disk: IDisk) -> list[AccessEntry]:
    """
    Read a file of entries.

    Raises:
        OSError: It cannot be read.
        ValueError: The first line that is no entry, with words for people.
    """
    text = disk.read_foreign(path).decode("utf-8", "replace")
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        said, _, note = line.partition("#")
        if not said.strip():
            continue
        where = f"{path}:{number}"
        try:
            entries.append(_entry(said, note.strip(), where))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return entries


def _entry(said: str, note: str, where: str) -> AccessEntry:
    network, _, until = said.partition(_UNTIL)
    return AccessEntry(
        parse_network(network.strip(), where),
        _moment(until.strip()) if until else None,
        note,
    )


def _moment(text: str) -> float:
    try:
        return moment(tomllib.loads(f"moment = {text}")["moment"])
    except tomllib.TOMLDecodeError:
        raise ValueError(
            f'"{text}" is no date; write until=2026-12-31 or '
            "until=2026-12-31T12:00:00Z"
        ) from None
