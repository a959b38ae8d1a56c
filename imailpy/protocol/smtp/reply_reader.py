"""
Read a server's replies [RFC5321 4.2].

Lenient where it costs nothing: a lone LF ends a line, the space behind the
code may be missing. Strict in number: lines and octets are bounded, because
a reply is input like any other.
"""

from __future__ import annotations

import re

from imailpy.mail import Reply

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_STATUS = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?:\s+|$)")
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class ReplyError(ValueError):
    """It is no reply, or one without end."""


class ReplyReader:
    """
    Takes octets, gives replies.

    Args:
        most_lines: In one reply.
        most_octets: In one reply.
    """

    def __init__(self, most_lines: int, most_octets: int) -> None:
        self._most_lines = most_lines
        self._most_octets = most_octets
        self._input = bytearray()
        self._lines: list[bytes] = []
        self._code = b""
        self._octets = 0

    def receive(self, octets: bytes) -> None:
        """Take what came, cut anywhere."""
        self._input += octets

    @property
    def empty(self) -> bool:
        """Whether nothing has come that was not given as a reply."""
        return not self._input and not self._lines

    def next_reply(self) -> Reply | None:
        """
        Give the next complete reply.

        Raises:
            ReplyError: What came is no reply, or too much of one.
        """
        while True:
            end = self._input.find(b"\n")
            self._bound(end + 1 if end >= 0 else len(self._input))
            if end < 0:
                return None
            line = bytes(self._input[:end]).removesuffix(b"\r")
            del self._input[: end + 1]
            self._octets += end + 1
            if self._last(line):
                return self._reply()

    def _bound(self, more: int) -> None:
        if (
            self._octets + more > self._most_octets
            or len(self._lines) >= self._most_lines
        ):
            raise ReplyError("a reply without end")

    def _last(self, line: bytes) -> bool:
        """Keep a line; whether it is the last of its reply."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise ReplyError(f"not a reply: {line[:80]!r}")
        code, mark, text = match.groups()
        if self._lines and code != self._code:
            raise ReplyError("a reply that changes its code")
        self._code = code
        self._lines.append(text or b"")
        return mark != b"-"

    def _reply(self) -> Reply:
        code = int(self._code)
        status = None
        texts = []
        for line in self._lines:
            text = line.decode("utf-8", "replace")
            match = _STATUS.match(text)
            # A status of another class than the code is text [RFC2034 4].
            if match is not None and int(match.group(1)) == code // 100:
                status = match.group().strip()
                text = text[match.end() :]
            texts.append(_UNPRINTABLE.sub("?", text))
        self._lines = []
        self._octets = 0
        return Reply(code, "\n".join(texts), status)
