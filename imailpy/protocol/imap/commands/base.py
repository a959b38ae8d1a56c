"""What commands are made of."""

from __future__ import annotations

from attrs import frozen

# Stands for "*" in a sequence set: the largest number in use.
STAR = 0


@frozen
class SequenceSet:
    """
    A sequence-set as written: message numbers or UIDs.

    Attributes:
        ranges: (first, last) with `STAR` for "*", in the order written.
        saved: It is "$", the saved result [RFC5182].
    """

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False


@frozen
class Command:
    """
    One command.

    Attributes:
        tag: To be repeated in the tagged response; safe to echo.
    """

    tag: bytes
