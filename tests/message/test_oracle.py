"""Python's own reader of mail sees the same parts."""

import email
from email.message import Message
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.structure import Structure
from tests.message.imap_reader import read_imap
from tests.message.samples import scan, vectors

_IDENTITY = ("7bit", "8bit", "binary")
_LINE = st.sampled_from([b"", b"text", b"--", b"--x", b" --b0", b"a: b", b"."])
_BODY = st.lists(_LINE, max_size=5).map(b"\r\n".join)


def theirs(message: Message) -> list[str]:
    """
    Give the media types that Python sees, in order, and where we look at a
    thing differently say it as we do.
    """
    kind = message.get_content_type()
    payload = message.get_payload()
    if kind.startswith("multipart/"):
        if not isinstance(payload, list):
            # We show a multipart without parts as the text that it is.
            return ["text/plain"]
        inside = [one for part in payload for one in theirs(part)]
        return [kind, *inside]
    if kind == "message/rfc822" and isinstance(payload, list):
        encoding = str(message.get("Content-Transfer-Encoding", "7bit"))
        if encoding.strip().lower() not in _IDENTITY:
            return ["application/octet-stream"]
        return [kind, *theirs(payload[0])]
    # Of a delivery-status Python makes messages: in IMAP it is a leaf.
    return [kind]


def ours(body: Any) -> list[str]:
    """Give the media types of a BODYSTRUCTURE, in order."""
    if isinstance(body[0], list):
        parts = [part for part in body if isinstance(part, list)]
        count = next(
            at for at, one in enumerate(body) if not isinstance(one, list)
        )
        kind = f"multipart/{body[count].decode().lower()}"
        inside = [one for part in parts[:count] for one in ours(part)]
        return [kind, *inside]
    kind = (body[0] + b"/" + body[1]).decode().lower()
    if kind == "message/rfc822":
        return [kind, *ours(body[8])]
    return [kind]


def _multipart(parts: list[bytes]) -> bytes:
    # Never a boundary of something inside: that is shorter.
    mark = b"b%d" % len(b"".join(parts))
    pieces = [b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n" % mark]
    pieces += [b"\r\n--%b\r\n%b" % (mark, part) for part in parts]
    # Closed always: of one that is not, Python drops a line end too many.
    return b"".join([*pieces, b"\r\n--%b--" % mark])


# A leaf that says where it is: its body is found again in both readings.
_LEAF = st.builds(b"Content-Type: text/x-%b\r\n\r\n%b".__mod__, st.tuples(
    st.sampled_from([b"a", b"b"]), _BODY
))  # fmt: skip
_ENTITY = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(_multipart),
        inner.map(b"Content-Type: message/rfc822\r\n\r\n".__add__),
    ),
    max_leaves=6,
)


class OracleTests(SynchronousTestCase):
    """Structures compared."""

    def test_real_messages(self) -> None:
        """Real messages have the parts that Python finds in them."""
        for name, octets in vectors():
            structure = read_imap(scan(octets).bodystructure)
            self.assertEqual(
                ours(structure), theirs(email.message_from_bytes(octets)), name
            )

    @settings(max_examples=200, deadline=None)
    @given(_ENTITY)
    def test_made_messages(self, octets: bytes) -> None:
        """Leaves of any nesting hold the octets that Python gives them."""
        message = email.message_from_bytes(octets)
        found = scan(octets)
        self.assertEqual(ours(read_imap(found.bodystructure)), theirs(message))
        structure = Structure.unpack(found.structure)
        bodies = [
            octets[part.body_start : part.body_end]
            for part in structure.parts
            if part.is_text
        ]
        leaves = [
            part.get_payload(decode=True)
            for part in message.walk()
            if not part.is_multipart()
        ]
        self.assertEqual(bodies, leaves)
