"""
A reader of IMAP data, to hold what we write against the grammar.

NIL is None, strings are bytes, numbers are int, lists are lists.
"""

import re
from typing import Any

_TOKEN = re.compile(
    rb"(?P<open>\()|(?P<close>\))|(?P<blank> )|(?P<nil>NIL)|(?P<number>\d+)"
    rb'|"(?P<quoted>(?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]'
    rb'|\\["\\])*)"|\{(?P<literal>\d+)\}\r\n'
)


def read_imap(octets: bytes) -> Any:
    """Read one value; anything that is not IMAP is a ValueError."""
    stack: list[list[Any]] = [[]]
    at = 0
    blank = True
    while at < len(octets):
        match = _TOKEN.match(octets, at)
        if match is None:
            raise ValueError(f"at {at}: {octets[at : at + 40]!r}")
        at = match.end()
        kind = match.lastgroup
        if kind == "blank":
            blank = True
            continue
        if kind == "open":
            stack.append([])
            blank = True
            continue
        if kind == "close":
            value: Any = stack.pop()
        elif kind == "nil":
            value = None
        elif kind == "number":
            value = int(match["number"])
        elif kind == "quoted":
            value = re.sub(rb"\\(.)", rb"\1", match["quoted"])
        else:
            size = int(match["literal"])
            value = octets[at : at + size]
            if len(value) != size or b"\0" in value:
                raise ValueError("a literal that is none")
            at += size
        if not blank and not isinstance(value, list):
            raise ValueError(f"no blank before {value!r}")
        stack[-1].append(value)
        blank = False
    if len(stack) != 1 or len(stack[0]) != 1:
        raise ValueError("not one value")
    return stack[0][0]


def check_body(body: Any, extended: bool) -> None:
    """
    Hold a BODY or BODYSTRUCTURE against [RFC9051 9].

    Raises:
        ValueError: It is not `body`.
    """
    work = [body]
    while work:
        value = work.pop()
        if isinstance(value[0], list):
            parts = 0
            while isinstance(value[parts], list):
                work.append(value[parts])
                parts += 1
            rest = value[parts:]
            _want(isinstance(rest[0], bytes), "multipart subtype", value)
            _want(len(rest) == (5 if extended else 1), "extension", value)
            if extended:
                _parameters(rest[1])
                _extension(rest[2:])
            continue
        kind, subtype, parameters, *rest = value
        _want(
            isinstance(kind, bytes) and isinstance(subtype, bytes),
            "media type",
            value,
        )
        _parameters(parameters)
        _want(rest[0] is None or isinstance(rest[0], bytes), "id", value)
        _want(rest[1] is None or isinstance(rest[1], bytes), "text", value)
        _want(isinstance(rest[2], bytes), "encoding", value)
        _want(isinstance(rest[3], int), "octets", value)
        rest = rest[4:]
        if kind == b"TEXT":
            _want(isinstance(rest.pop(0), int), "lines", value)
        elif kind == b"MESSAGE" and subtype in (b"RFC822", b"GLOBAL"):
            check_envelope(rest.pop(0))
            work.append(rest.pop(0))
            _want(isinstance(rest.pop(0), int), "lines", value)
        _want(len(rest) == (4 if extended else 0), "extension", value)
        if extended:
            _extension(rest[1:])


def check_envelope(envelope: Any) -> None:
    """Hold an ENVELOPE against [RFC9051 9]; ValueError when it is none."""
    _want(len(envelope) == 10, "ten fields", envelope)
    for at in (0, 1, 8, 9):
        value = envelope[at]
        _want(value is None or isinstance(value, bytes), "string", envelope)
    for addresses in envelope[2:8]:
        if addresses is None:
            continue
        _want(len(addresses) > 0, "addresses", envelope)
        for address in addresses:
            _want(len(address) == 4, "four fields", envelope)
            for value in address:
                _want(
                    value is None or isinstance(value, bytes),
                    "address",
                    envelope,
                )


def _parameters(value: Any) -> None:
    _want(
        value is None
        or (
            len(value) > 0
            and len(value) % 2 == 0
            and all(isinstance(one, bytes) for one in value)
        ),
        "parameters",
        value,
    )


def _extension(value: Any) -> None:
    disposition, language, location = value
    if disposition is not None:
        _want(isinstance(disposition[0], bytes), "disposition", value)
        _parameters(disposition[1])
    if isinstance(language, list):
        _want(all(isinstance(one, bytes) for one in language), "tags", value)
    _want(location is None or isinstance(location, bytes), "place", value)


def _want(sound: bool, what: str, value: Any) -> None:
    if not sound:
        raise ValueError(f"{what}: {value!r}")
