"""What an SMTP server says back."""

from __future__ import annotations

from attrs import frozen


@frozen(cache_hash=True)
class Reply:
    """
    One SMTP reply [RFC5321 4.2].

    Attributes:
        code: Three digits.
        text: For a person; lines are parted by a bare LF, no other control.
        enhanced_status: Such as `5.7.1` [RFC3463], put before every line.
    """

    code: int
    text: str
    enhanced_status: str | None = None

    @property
    def positive(self) -> bool:
        """Whether it is a 2xx or 3xx."""
        return self.code < 400

    @property
    def temporary(self) -> bool:
        """Whether trying again later may help: a 4xx."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """Whether trying again is useless: a 5xx."""
        return self.code >= 500

    def __bytes__(self) -> bytes:
        status = f"{self.enhanced_status} " if self.enhanced_status else ""
        if "\n" not in self.text:
            return f"{self.code} {status}{self.text}\r\n".encode()
        *lines, last = self.text.split("\n")
        octets = "".join(f"{self.code}-{status}{line}\r\n" for line in lines)
        return f"{octets}{self.code} {status}{last}\r\n".encode()

    def __str__(self) -> str:
        status = f"{self.enhanced_status} " if self.enhanced_status else ""
        return f"{self.code} {status}{self.text}"
