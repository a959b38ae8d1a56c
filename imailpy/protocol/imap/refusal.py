"""What the grammar says no to."""

from __future__ import annotations


class Refusal(Exception):
    """
    A command that is not even asked of the store.

    Attributes:
        status: `BAD` for a syntax error, `NO` for what can never be.
        text: For a person; never an echo of what the client sent.
        code: Response code without brackets, or None.
    """

    def __init__(
        self, status: str, text: str, code: bytes | None = None
    ) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text
        self.code = code


def bad(text: str, code: bytes | None = None) -> Refusal:
    """Give a syntax error [RFC9051 7.1.3]."""
    return Refusal("BAD", text, code)
