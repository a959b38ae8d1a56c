"""
How octets are kept, counted, and let go of; inside the transaction.

One acceptance writes its body once, as one extent, whatever number of key
domains (accounts) and queue rows it goes to: each key domain gets a blob row
of its own that points there. Deduplication looks inside one key domain only,
so neither quota nor time nor an answer tells what another account has. With
encryption at rest, later, each key domain would get an extent of its own.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from imailpy.interfaces.body import IBody
from imailpy.message.rendition import RENDERER_VERSION, Rendition
from imailpy.store.sqlite.segments import Place
from imailpy.store.sqlite.state import AccountRow

if TYPE_CHECKING:
    from imailpy.store.sqlite.writer import Tx

# Bodies up to 8 KB are not looked for: the look-up would cost more than the
# octets that it saves. The index has the same condition.
_RENDITION = (
    "version", "marks", "header_octets", "sent_date", "sent_day", "hops",
    "longest_line", "envelope", "body", "bodystructure", "structure",
    "listed_fields", "subject", "base_subject", "message_id", "refers_to",
    "preview",
)  # fmt: skip
_INSERT_BLOB = (
    "INSERT INTO blobs (id, key_domain, hash, extent, size_octets, refs,"
    f" {', '.join(_RENDITION)})"
    f" VALUES (?, ?, ?, ?, ?, 1, {', '.join('?' * len(_RENDITION))})"
    " ON CONFLICT (hash, key_domain) WHERE size_octets > 8192 DO NOTHING"
)
_UPDATE_RENDITION = (
    f"UPDATE blobs SET {', '.join(f'{name} = ?' for name in _RENDITION)}"
    " WHERE id = ?"
)

# Bits of `blobs.marks`.
COMPLETE, TRUNCATED, HAS_8BIT, HAS_8BIT_HEADER, HAS_NUL = 1, 2, 4, 8, 16


class Keeping:
    """One body on its way into one or more key domains."""

    __slots__ = (
        "_blobs",
        "_body",
        "_extent",
        "_place",
        "_refs",
        "_rendition",
        "_tx",
    )

    def __init__(
        self, tx: Tx, body: IBody, place: Place, rendition: Rendition
    ) -> None:
        self._tx = tx
        self._body = body
        self._place = place
        self._rendition = rendition
        self._extent = 0
        self._refs = 0
        # Key domain -> the blob it has of this body.
        self._blobs: dict[int, int] = {}

    def extent(self) -> int:
        """Refer to the extent once more; gives its number."""
        if not self._extent:
            self._extent = self._tx.state.draw("object")
        self._refs += 1
        return self._extent

    def blob(self, key_domain: int) -> int:
        """
        Give the blob of this body in a key domain: what is there, if it is
        sound, or a new one. One reference is counted.
        """
        number = self._blobs.get(key_domain)
        if number is not None:
            self._tx.execute(
                "UPDATE blobs SET refs = refs + 1 WHERE id = ?", (number,)
            )
            return number
        number = self._new(key_domain)
        self._blobs[key_domain] = number
        return number

    def _new(self, key_domain: int) -> int:
        tx, body = self._tx, self._body
        number = tx.state.draw("object")
        extent = self._extent or tx.state.draw("object")
        tx.execute(
            _INSERT_BLOB,
            (
                number,
                key_domain,
                body.sha256,
                extent,
                body.size_octets,
                *rendition_row(self._rendition),
            ),
        )
        if not tx.changes():
            return self._found(key_domain)
        self._extent = extent
        self._refs += 1
        return number

    def finish(self) -> None:
        """Write the extent with the references that were taken."""
        if not self._refs:
            return
        tx, place, size = self._tx, self._place, self._body.size_octets
        tx.execute(
            "INSERT INTO extents (id, segment, offset, stored_octets,"
            " size_octets, refs, octets) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._extent,
                place.segment or None,
                place.offset,
                size,
                size,
                self._refs,
                place.octets,
            ),
        )
        if place.segment:
            count_in_segment(tx, place, size)

    def _found(self, key_domain: int) -> int:
        """Take a blob that is there, after a look at its octets."""
        tx = self._tx
        number, extent = tx.execute(
            "UPDATE blobs SET refs = refs + 1, unused_since = NULL"
            " WHERE hash = ? AND key_domain = ? AND size_octets > 8192"
            " RETURNING id, extent",
            (self._body.sha256, key_domain),
        ).fetchone()
        if not is_sound(tx, extent, self._body.sha256):
            # The old copy is damaged: this is the chance to mend it.
            release_extents(tx, [(extent, 1)])
            tx.execute(
                "UPDATE blobs SET extent = ? WHERE id = ?",
                (self.extent(), number),
            )
        return int(number)


def keep_email(
    tx: Tx,
    account: AccountRow,
    keeping: Keeping,
    prefix: bytes,
    rendition: Any,
) -> tuple[int, int]:
    """Store an email with one reference; gives the numbers (email, blob)."""
    blob = keeping.blob(account.key)
    email = tx.state.draw("object")
    email_id = f"e{tx.state.shard}{email:x}"
    thread_id = thread_of(tx, account, rendition, email)
    tx.execute(
        "INSERT INTO emails (id, email_id, thread_id, blob, refs, prefix)"
        " VALUES (?, ?, ?, ?, 1, ?)",
        (email, email_id, thread_id, blob, prefix),
    )
    return email, blob


def thread_of(
    tx: Tx, account: AccountRow, rendition: Rendition, email: int
) -> str:
    """
    Give the thread [RFC8474 5.2]: that of the nearest message it refers to,
    whether that is here or was only referred to itself; else a new one.
    """
    new = f"t{tx.state.shard}{email:x}"
    refers_to = rendition.references[-_REFERENCES_MOST:]
    hashes = [_id_hash(text) for text in refers_to]
    if rendition.message_id:
        hashes.append(_id_hash(rendition.message_id))
    thread = new
    for number in reversed(hashes[:-1] if len(hashes) > 1 else ()):
        found = tx.execute(
            "SELECT thread_id FROM threads"
            " WHERE account = ? AND message_id_hash = ?",
            (account.key, number),
        ).get
        if found is not None:
            thread = found
            break
    for number in reversed(hashes):
        tx.execute(
            "INSERT INTO threads (account, message_id_hash, thread_id)"
            " VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (account.key, number, thread),
        )
        if thread is new and not tx.changes():
            # Somebody referred to this message before it came.
            thread = tx.execute(
                "SELECT thread_id FROM threads"
                " WHERE account = ? AND message_id_hash = ?",
                (account.key, number),
            ).get
    return thread


# References looked at for the thread, from the newest.
_REFERENCES_MOST = 8


def _id_hash(message_id: str) -> int:
    digest = hashlib.blake2b(
        message_id.encode("utf-8", "replace"), digest_size=8
    ).digest()
    return int.from_bytes(digest, "big", signed=True)


def count_in_segment(tx: Tx, place: Place, size: int) -> None:
    """Count a living body in its segment, which may be new."""
    tx.used.add(place.segment)
    end = place.offset + size
    tx.execute(
        "INSERT INTO segments (name, own, sealed, size_octets, live_octets)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
        " size_octets = max(size_octets, excluded.size_octets),"
        " live_octets = live_octets + excluded.live_octets,"
        " dead_since = NULL",
        (place.segment, int(place.own), int(place.own), end, size),
    )


def is_sound(tx: Tx, extent: int, sha256: bytes) -> bool:
    """Whether the octets of an extent are still what they were."""
    row = tx.execute(
        "SELECT segment, offset, stored_octets, octets FROM extents"
        " WHERE id = ?",
        (extent,),
    ).fetchone()
    if row is None:
        return False
    segment, offset, size, octets = row
    if segment is None:
        return hashlib.sha256(octets).digest() == sha256
    digest = hashlib.sha256()
    try:
        for chunk in tx.segments.open_alone(segment).chunks(offset, size):
            digest.update(chunk)
    except OSError:
        return False
    return digest.digest() == sha256


def release_extents(tx: Tx, extents: list[tuple[int, int]]) -> None:
    """Take references (number, how many); the last one ends an extent."""
    for extent, count in extents:
        row = tx.execute(
            "UPDATE extents SET refs = refs - ? WHERE id = ?"
            " RETURNING refs, segment, stored_octets",
            (count, extent),
        ).fetchone()
        if row is None or row[0] > 0:
            continue
        tx.execute("DELETE FROM extents WHERE id = ?", (extent,))
        if row[1] is not None:
            tx.execute(
                "UPDATE segments SET live_octets = live_octets - ?1,"
                " dead_since = CASE WHEN live_octets - ?1 <= 0 THEN ?2 END"
                " WHERE name = ?3",
                (row[2], tx.now, row[1]),
            )


def release_emails(tx: Tx, emails: list[tuple[int, int]]) -> None:
    """Take references from emails; blobs without any begin their grace."""
    for email, count in emails:
        row = tx.execute(
            "UPDATE emails SET refs = refs - ? WHERE id = ?"
            " RETURNING refs, blob",
            (count, email),
        ).fetchone()
        if row is None or row[0] > 0:
            continue
        tx.execute("DELETE FROM emails WHERE id = ?", (email,))
        tx.execute(
            "UPDATE blobs SET refs = refs - 1, unused_since ="
            " CASE WHEN refs <= 1 THEN ? END WHERE id = ?",
            (tx.now, row[1]),
        )


def write_rendition(tx: Tx, blob: int, rendition: Rendition) -> None:
    """Put a rendition in the place of an older one."""
    tx.execute(_UPDATE_RENDITION, (*rendition_row(rendition), blob))


def rendition_row(rendition: Rendition) -> tuple[Any, ...]:
    """Spell a rendition as columns."""
    r = rendition
    marks = (
        COMPLETE * r.header_complete
        | TRUNCATED * r.truncated
        | HAS_8BIT * r.has_8bit
        | HAS_8BIT_HEADER * r.has_8bit_header
        | HAS_NUL * r.has_nul
    )
    return (
        RENDERER_VERSION,
        marks,
        r.header_octets,
        r.sent_date,
        r.sent_day,
        r.hops,
        r.longest_line,
        r.envelope,
        r.body,
        r.bodystructure,
        r.structure,
        r.listed_fields,
        _text(r.subject),
        _text(r.base_subject),
        _text(r.message_id),
        _text("\n".join(r.references)),
        _text(r.preview),
    )


def _text(text: str) -> str:
    """Text that UTF-8 can carry: a lone surrogate becomes `?`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
