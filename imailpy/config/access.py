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
from imailpy.policy.networks import NOWHERE, Networks, parse_network
from imailpy.policy.settings import (
    AccessEntry,
    AccessList,
    AccessRules,
)

_UNTIL = "until="
# Longer lists are packed, and have no room for notes.
MOST_NOTED = 10_000


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
    more = NOWHERE
    if told.file and disk is not None:
        timed, more = read_list(told.file, disk)
        entries += timed
    return AccessList.of(told.mode, entries, told.answer, where("mode"), more)


def read_list(path: str, disk: IDisk) -> tuple[list[AccessEntry], Networks]:
    """
    Read a file of entries.

    Returns:
        Those with an end or a note, and the others. In a file of more than
        `MOST_NOTED` lines notes are left in the file.

    Raises:
        OSError: It cannot be read.
        ValueError: The first line that is no entry, with words for people.
    """
    text = disk.read_foreign(path).decode("utf-8", "replace")
    noted = text.count("\n") <= MOST_NOTED
    if not noted and _UNTIL not in text:
        return [], Networks.read(text, path)
    entries = []
    plain = []
    for number, line in enumerate(text.splitlines(), 1):
        said, _, note = line.partition("#")
        special = _UNTIL in said or (noted and said.strip())
        plain.append("" if special else said)
        if not special:
            continue
        where = f"{path}:{number}"
        try:
            entries.append(_entry(said, note.strip(), where))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    more = NOWHERE if noted else Networks.read("\n".join(plain), path)
    return entries, more


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
