"""
How a setting is declared: its type, default, meaning, and what it may be.

The declaration is all there is: the reader, the checks and the example file
are made from it, so that the manual cannot say anything else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, NewType

import attrs

from imailpy.mail import Path
from imailpy.mail.path import canonical_domain, is_host_name
from imailpy.policy.addresses import canonical_entry
from imailpy.policy.networks import parse_network

# A path in the file system; relative ones begin where the file stands.
FilePath = NewType("FilePath", str)

# Gives what is wrong with a value, None for nothing.
Check = Callable[[Any], str | None]

MOST_HELLO = 400


def setting(
    doc: str,
    default: Any,
    *,
    check: Check | None = None,
    each: Check | None = None,
    example: Any = None,
) -> Any:
    """
    Declare a setting.

    Args:
        doc: For the operator; one paragraph.
        default: What holds when nobody says anything.
        check: Of the value.
        each: Of each element, where it is a list.
        example: What the example file shows where the default is empty.
    """
    return attrs.field(
        default=default,
        metadata={
            "doc": doc,
            "check": check,
            "each": each,
            "example": default if example is None else example,
        },
    )


def section(cls: Any, doc: str = "") -> Any:
    """Declare a table; its meaning is the docstring of its class."""
    return attrs.field(factory=cls, metadata={"doc": doc or cls.__doc__})


def required(doc: str, *, example: Any, check: Check | None = None) -> Any:
    """Declare a setting that has no default."""
    return attrs.field(
        metadata={
            "doc": doc,
            "check": check,
            "each": None,
            "example": example,
        }
    )


# What a value may be


def within(low: float, high: float) -> Check:
    """A number from `low` to `high`."""

    def check(value: float) -> str | None:
        if low <= value <= high:
            return None
        return f"must be from {low:g} to {high:g}"

    return check


def port(value: int) -> str | None:
    """A TCP port; 0 stands for any free one."""
    return within(0, 65_535)(value)


def host_name(value: str) -> str | None:
    """A full host name, or nothing."""
    if not value or (is_host_name(value.lower()) and "." in value):
        return None
    return f'"{value}" is not a full host name; write mail.example.com'


def domain(value: str) -> str | None:
    """A domain, or nothing."""
    if not value:
        return None
    try:
        canonical_domain(value)
    except ValueError:
        return f'"{value}" is not a domain; write example.com'
    return None


def mail_address(value: str) -> str | None:
    """An address, or nothing."""
    if not value:
        return None
    try:
        Path.parse(value)
    except ValueError as error:
        return f'"{value}" is not an address ({error}); write a@example.com'
    return None


def ip_address(value: str) -> str | None:
    """An IP address, or nothing."""
    if not value:
        return None
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f'"{value}" is not an IP address; write 192.0.2.1 or ::1'
    return None


def loopback(value: str) -> str | None:
    """An IP address that only this machine reaches."""
    wrong = ip_address(value)
    if wrong is not None:
        return wrong
    if value and ipaddress.ip_address(value).is_loopback:
        return None
    return f'"{value}" can be reached from outside; write "127.0.0.1"'


def network(value: str) -> str | None:
    """An address, a network, or an address and its mask."""
    try:
        parse_network(value)
    except ValueError as error:
        return str(error)
    return None


def listed_address(value: str) -> str | None:
    """An address, a domain, or a tail of domains."""
    try:
        canonical_entry(value)
    except ValueError as error:
        return str(error)
    return None


def one_of(*words: str) -> Check:
    """One of a few words."""

    def check(value: str) -> str | None:
        if value in words:
            return None
        listed = " or ".join(f'"{word}"' for word in words if word)
        return f'must be {listed}, not "{value}"'

    return check


def server(value: str) -> str | None:
    """An IP address, or `192.0.2.1:53`, `[2001:db8::1]:53`."""
    try:
        read_server(value)
    except ValueError:
        return (
            f'"{value}" is not an address; write "192.0.2.1", '
            '"192.0.2.1:53" or "[2001:db8::1]:53"'
        )
    return None


def read_server(value: str, default_port: int = 53) -> tuple[str, int]:
    """Read an address with or without port; `ValueError` for neither."""
    address, number = value, default_port
    if value.startswith("["):
        address, _, rest = value[1:].partition("]")
        number = int(rest[1:]) if rest.startswith(":") else number
    elif value.count(":") == 1:
        address, _, rest = value.partition(":")
        number = int(rest)
    if not 0 < number < 65_536:
        raise ValueError("no port")
    return str(ipaddress.ip_address(address)), number


def hello(value: str) -> str | None:
    """One line for the greeting."""
    if len(value) > MOST_HELLO:
        return f"has {len(value)} characters, {MOST_HELLO} are allowed"
    if not value.strip():
        return "must say something: some clients trip over an empty greeting"
    if not (value.isascii() and value.isprintable()):
        return "must be one line of ASCII without control characters"
    return None


def delimiters(value: str) -> str | None:
    """Characters that may part words of a local part or a login name."""
    if value.isascii() and not any(
        character.isalnum() or character in ' @."' for character in value
    ):
        return None
    return 'may have punctuation only, without "@", dot, quote or blank'
