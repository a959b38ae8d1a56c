"""The flags of a message [RFC9051 2.3.2]."""

from __future__ import annotations

from enum import IntFlag


class SystemFlag(IntFlag):
    """System flags as the bits that the store keeps."""

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16


# Upper-case wire spelling -> bit.
BY_NAME: dict[str, SystemFlag] = {
    f"\\{flag.name}": flag for flag in SystemFlag if flag.name
}

# Bit -> canonical wire spelling.
WIRE_NAME: dict[SystemFlag, str] = {
    flag: f"\\{flag.name.capitalize()}" for flag in SystemFlag if flag.name
}
