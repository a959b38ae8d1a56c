"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, server's side [RFC5802] [RFC7677]."""

from __future__ import annotations

import hmac

from attrs import frozen

from imailpy.mail import ProvenCredentials, ScramSecret
from imailpy.protocol.sasl.prepare import prepared
from imailpy.protocol.sasl.scram import (
    BINDING_TYPE,
    NONCE,
    PLAIN_NAME,
    PLUS_NAME,
    attributes,
    decode,
    decode_name,
    digest,
    encode,
    keyed,
    nonce_text,
    xor,
)
from imailpy.protocol.sasl.steps import (
    ENDED,
    MOST_OCTETS,
    Challenge,
    Failed,
    FindSecret,
    Proven,
    Step,
)


@frozen
class _ClientFirst:
    """
    The client's first message [RFC5802 7].

    Attributes:
        header: gs2-header, as sent: `c=` repeats it.
        flag: `n`, `y` or `p`.
        binding_type: With `p`, else empty.
        bare: The rest, as sent: AuthMessage begins with it.
    """

    header: bytes
    flag: bytes
    binding_type: bytes
    authzid: str
    bare: bytes
    authcid: str
    nonce: bytes


def _read_first(octets: bytes) -> _ClientFirst:
    """Read client-first-message; `ValueError` says what is wrong."""
    parts = octets.split(b",", 2)
    if len(parts) != 3:
        raise ValueError("want a gs2-header")
    flag, authzid, bare = parts
    binding_type = b""
    if flag.startswith(b"p="):
        flag, binding_type = b"p", flag[2:]
    if flag not in (b"n", b"y", b"p"):
        raise ValueError("unknown channel-binding flag")
    if authzid and not authzid.startswith(b"a="):
        raise ValueError("want an authzid or nothing")
    pairs = attributes(bare)
    if pairs[0][0] == b"m":
        raise ValueError("mandatory extension that nobody knows")
    if [letter for letter, _ in pairs[:2]] != [b"n", b"r"]:
        raise ValueError("want name and nonce")
    if NONCE.fullmatch(pairs[1][1]) is None:
        raise ValueError("not a nonce")
    authcid = prepared(decode_name(pairs[0][1]))
    if not authcid:
        raise ValueError("empty name")
    return _ClientFirst(
        header=octets[: len(octets) - len(bare)],
        flag=flag,
        binding_type=binding_type,
        authzid=decode_name(authzid[2:]) if authzid else "",
        bare=bare,
        authcid=authcid,
        nonce=pairs[1][1],
    )


class Scram:
    """
    One exchange.

    Args:
        nonce: At least 18 random octets, never used before.
        binding: 32 octets of the TLS exporter, None without TLS 1.3.
        plus: Whether this is SCRAM-SHA-256-PLUS.
    """

    def __init__(
        self, nonce: bytes, binding: bytes | None, plus: bool
    ) -> None:
        if plus and binding is None:
            raise ValueError("no channel to bind to")
        self.mechanism = PLUS_NAME if plus else PLAIN_NAME
        self._plus = plus
        self._binding = binding
        self._nonce = nonce_text(nonce)
        self._asked = self._over = False
        self._first: _ClientFirst | None = None
        self._secret: ScramSecret | None = None
        self._challenge = b""

    def start(self, initial: bytes | None) -> Step:
        if self._asked or self._over:
            return ENDED
        self._asked = True
        if initial is None:
            return Challenge(b"")
        return self.respond(initial)

    def respond(self, octets: bytes) -> Step:
        if self._over or not self._asked:
            return ENDED
        if len(octets) > MOST_OCTETS:
            return self._fail("too long")
        try:
            if self._first is None:
                return self._begin(octets)
            if self._secret is None:
                return self._fail("an answer to no challenge")
            return self._finish(octets, self._first, self._secret)
        except ValueError as error:
            # Its text may quote the client, where Python made it.
            text = "not UTF-8" if isinstance(error, UnicodeError) else error
            return self._fail(str(text))

    def secret(self, secret: ScramSecret) -> Step:
        if self._first is None or self._secret is not None or self._over:
            raise ValueError("no secret was asked for")
        self._secret = secret
        self._challenge = b"r=%b%b,s=%b,i=%d" % (
            self._first.nonce,
            self._nonce,
            encode(secret.salt),
            secret.iterations,
        )
        return Challenge(self._challenge)

    def _fail(self, reason: str, malformed: bool = True) -> Failed:
        self._over = True
        authcid = self._first.authcid if self._first is not None else ""
        return Failed(reason, malformed, authcid)

    def _begin(self, octets: bytes) -> Step:
        first = _read_first(octets)
        if self._plus and first.flag != b"p":
            return self._fail("-PLUS without channel binding")
        if not self._plus and first.flag == b"p":
            return self._fail("channel binding without -PLUS")
        if self._plus and first.binding_type != BINDING_TYPE:
            return self._fail("unsupported channel-binding type")
        # The client could bind and believes that we cannot, but we can and
        # said so: somebody changed our words on the way [RFC5802 6].
        if first.flag == b"y" and self._binding is not None:
            return self._fail("channel-binding downgrade", malformed=False)
        self._first = first
        return FindSecret(first.authcid)

    def _finish(
        self, octets: bytes, first: _ClientFirst, secret: ScramSecret
    ) -> Step:
        """Read client-final-message and weigh the proof."""
        without_proof, comma, proof_item = octets.rpartition(b",")
        if not comma or not proof_item.startswith(b"p="):
            raise ValueError("want a proof")
        proof = decode(proof_item[2:])
        pairs = attributes(without_proof)
        if [letter for letter, _ in pairs[:2]] != [b"c", b"r"]:
            raise ValueError("want channel binding and nonce")
        if len(proof) != 32:
            raise ValueError("want a proof of 32 octets")
        bound = self._binding if self._plus and self._binding else b""
        c, nonce = decode(pairs[0][1]), pairs[1][1]
        if not hmac.compare_digest(c, first.header + bound):
            return self._fail("another channel", malformed=False)
        if not hmac.compare_digest(nonce, first.nonce + self._nonce):
            return self._fail("another nonce", malformed=False)
        message = b",".join((first.bare, self._challenge, without_proof))
        stored_key = secret.stored_key.reveal()
        client_key = xor(proof, keyed(stored_key, message))
        if not hmac.compare_digest(digest(client_key), stored_key):
            return self._fail("wrong proof", malformed=False)
        self._over = True
        return Proven(
            ProvenCredentials(
                authcid=first.authcid,
                authzid=""
                if first.authzid == first.authcid
                else first.authzid,
                mechanism=self.mechanism,
            ),
            b"v=" + encode(keyed(secret.server_key.reveal(), message)),
        )
