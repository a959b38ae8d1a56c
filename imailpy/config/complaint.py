"""What is wrong with a configuration, all of it at once."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen(order=True)
class Complaint:
    """
    One thing that is wrong.

    Attributes:
        line: In the file, from 1.
        column: In the line, from 1.
        section: Its table as it is written in brackets; empty for none.
        text: What it is, and what to write instead.
        file: As the operator named it.
    """

    line: int
    column: int
    section: str
    text: str
    file: str = "imailpy.toml"

    def __str__(self) -> str:
        section = f"[{self.section}] " if self.section else ""
        return f"{self.file}:{self.line}:{self.column}: {section}{self.text}"


class ConfigError(Exception):
    """
    A configuration that cannot be used; the one before stays in use.

    Attributes:
        complaints: In the order of the file, at least one.
    """

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(sorted(complaints))
        super().__init__("\n".join(str(each) for each in self.complaints))
