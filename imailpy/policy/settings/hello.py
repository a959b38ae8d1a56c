"""What clients may call themselves."""

from __future__ import annotations

from attrs import frozen


@frozen
class HelloRules:
    """
    Attributes:
        check_syntax: Refuse a name in HELO or EHLO that is neither a domain
            nor an address literal, on smtp listeners.
    """

    check_syntax: bool = True
