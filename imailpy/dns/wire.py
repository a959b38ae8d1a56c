"""
Questions and answers as octets [RFC1035 4.1] [RFC6891].

The codec is that of twisted.names; what it lets through and we do not is
caught by `frame` before and by the checks here behind.
"""

from __future__ import annotations

import re

from attrs import frozen
from twisted.names import dns

from imailpy.dns.frame import (
    AAAA,
    CNAME,
    HEADER_OCTETS,
    MX,
    OPT,
    PTR,
    SOA,
    TXT,
    A,
    Frame,
    Malformed,
)

TYPE_NAMES = {A: "A", AAAA: "AAAA", MX: "MX", TXT: "TXT", PTR: "PTR"}
IN = 1

# Answers of more octets come over TCP: no fragment, nothing to forge
# [RFC6891 6.2.5] [RFC9715].
UDP_PAYLOAD = 1232
_DO = 0x8000
# In the third octet of the header.
_TC = 0x02

# Letters, digits, hyphen, and the underscore of service names.
_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.IGNORECASE
)

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)


@frozen
class Question:
    """
    What is asked.

    Attributes:
        name: Absolute, lower-case A-labels, no trailing dot.
        kind: Number of the record type.
    """

    name: str
    kind: int

    @classmethod
    def about(cls, name: str, kind: int) -> Question:
        """
        Make a question.

        Raises:
            ValueError: Not a name that DNS could know.
        """
        if not _NAME.fullmatch(name):
            raise ValueError("not a domain name")
        return cls(name.lower(), kind)

    def __str__(self) -> str:
        return f"{self.name} {TYPE_NAMES.get(self.kind, str(self.kind))}"


class _StrictMessage(dns.Message):
    """Decodes the types whose form `frame` has checked, leaves the rest."""

    # Our own frame bounds the work; a thousand MX records need more
    # pointers than the codec would follow.
    maxCompressionPointers = 40_000
    _CHECKED = {
        A: dns.Record_A,
        AAAA: dns.Record_AAAA,
        CNAME: dns.Record_CNAME,
        MX: dns.Record_MX,
        PTR: dns.Record_PTR,
        SOA: dns.Record_SOA,
        TXT: dns.Record_TXT,
    }

    def lookupRecordType(self, type: int) -> type:
        return self._CHECKED.get(type, dns.UnknownRecord)


def write_query(
    question: Question, name: bytes, message_id: int, *, edns: bool
) -> bytes:
    """
    Spell a query.

    Args:
        name: The question's name, in the case it shall be sent.
        message_id: 0 to 65535.
        edns: With an OPT record; without for servers that choke on it.
    """
    message = dns.Message(message_id, recDes=1, authenticData=1)
    message.queries = [dns.Query(name, question.kind, IN)]
    if edns:
        message.additional = [
            dns.RRHeader(
                b"", OPT, UDP_PAYLOAD, _DO, payload=dns.UnknownRecord(b"")
            )
        ]
    return bytes(message.toStr())


def read_response(
    octets: bytes, query: bytes, question: Question
) -> dns.Message:
    """
    Read a response to `query`.

    Raises:
        Malformed: It is not sound, or not an answer to this query: another
            id, another question, another case of its letters.
    """
    if octets[:2] != query[:2]:
        raise Malformed("answer to another id")
    asked = query[HEADER_OCTETS : HEADER_OCTETS + len(question.name) + 6]
    if len(octets) > HEADER_OCTETS and octets[2] & _TC:
        # Cut anywhere: only its header and question can be read, and all
        # that it says is "ask over TCP".
        question_section = octets[HEADER_OCTETS : HEADER_OCTETS + len(asked)]
        octets = octets[:4] + b"\0\1" + bytes(6) + question_section
    frame = Frame(octets)
    message = _StrictMessage()
    try:
        message.fromStr(octets)
    except Exception as error:
        # Whatever the codec stumbles over: the packet is bad, not we.
        raise Malformed(f"codec: {error!r}") from None
    if not message.answer or message.opCode != 0:
        raise Malformed("not a response to a query")
    # Old servers answer FORMERR to EDNS with nothing but a header.
    if frame.question != asked and (
        frame.question or message.rCode not in (FORMERR, NOTIMP)
    ):
        raise Malformed("answer to another question")
    return message
