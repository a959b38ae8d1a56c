"""What the promises promise, as questions to the database."""

from __future__ import annotations

from typing import Any

from imailpy.store.sqlite.segments import Segments

# Each gives rows that should not be; `{}` in the sentence are its columns.
_WRONG: tuple[tuple[str, str], ...] = (
    (
        "mailbox {0}: {1} of it is {2}, by its messages {3}",
        """
        SELECT b.id, 'exists', b.exists_n, count(m.uid) FROM mailboxes b
        LEFT JOIN messages m ON m.mailbox = b.key AND m.expunged_at IS NULL
        WHERE b.deleted_at IS NULL
        GROUP BY b.key HAVING b.exists_n <> count(m.uid)
        UNION ALL
        SELECT b.id, 'unseen', b.unseen_n, coalesce(sum(m.flags & 1 = 0), 0)
        FROM mailboxes b
        LEFT JOIN messages m ON m.mailbox = b.key AND m.expunged_at IS NULL
        WHERE b.deleted_at IS NULL
        GROUP BY b.key
        HAVING b.unseen_n <> coalesce(sum(m.flags & 1 = 0), 0)
        UNION ALL
        SELECT b.id, 'deleted', b.deleted_n,
            coalesce(sum(m.flags & 8 <> 0), 0) FROM mailboxes b
        LEFT JOIN messages m ON m.mailbox = b.key AND m.expunged_at IS NULL
        WHERE b.deleted_at IS NULL
        GROUP BY b.key
        HAVING b.deleted_n <> coalesce(sum(m.flags & 8 <> 0), 0)
        UNION ALL
        SELECT b.id, 'size', b.size_octets, coalesce(sum(m.size_octets), 0)
        FROM mailboxes b
        LEFT JOIN messages m ON m.mailbox = b.key AND m.expunged_at IS NULL
        WHERE b.deleted_at IS NULL
        GROUP BY b.key
        HAVING b.size_octets <> coalesce(sum(m.size_octets), 0)
        """,
    ),
    (
        "mailbox {0}: UIDNEXT {1} is not above UID {2}",
        """
        SELECT b.id, b.uid_next, max(m.uid) FROM mailboxes b
        JOIN messages m ON m.mailbox = b.key
        GROUP BY b.key HAVING max(m.uid) >= b.uid_next
        """,
    ),
    (
        "mailbox {0}: HIGHESTMODSEQ {1} is below MODSEQ {2}",
        """
        SELECT b.id, b.highest_modseq, max(m.modseq) FROM mailboxes b
        JOIN messages m ON m.mailbox = b.key
        GROUP BY b.key HAVING max(m.modseq) > b.highest_modseq
        """,
    ),
    (
        "account {0}: MODSEQ {1} is below that of a mailbox, {2}",
        """
        SELECT a.account, a.modseq, max(b.highest_modseq)
        FROM account_state a JOIN mailboxes b ON b.account = a.key
        GROUP BY a.key HAVING max(b.highest_modseq) > a.modseq
        """,
    ),
    (
        "account {0}: {1} octets used, by its mailboxes {2}",
        """
        SELECT a.account, a.used_octets, coalesce(sum(b.size_octets), 0)
        FROM account_state a
        LEFT JOIN mailboxes b ON b.account = a.key AND b.deleted_at IS NULL
        WHERE a.removed_at IS NULL
        GROUP BY a.key HAVING a.used_octets <> coalesce(sum(b.size_octets), 0)
        """,
    ),
    (
        "message {0}/{1} has no email or blob",
        """
        SELECT m.mailbox, m.uid FROM messages m
        LEFT JOIN emails e ON e.id = m.email AND e.blob = m.blob
        LEFT JOIN blobs b ON b.id = m.blob
        WHERE e.id IS NULL OR b.id IS NULL
        """,
    ),
    (
        "email {0}: {1} references counted, {2} found",
        """
        WITH found AS (SELECT email, count(*) AS n FROM messages
            GROUP BY email)
        SELECT e.email_id, e.refs, coalesce(f.n, 0) FROM emails e
        LEFT JOIN found f ON f.email = e.id
        WHERE e.refs <> coalesce(f.n, 0)
        """,
    ),
    (
        "blob {0}: {1} references counted, {2} found",
        """
        WITH found AS (SELECT blob, count(*) AS n FROM emails GROUP BY blob)
        SELECT hex(b.hash), b.refs, coalesce(f.n, 0) FROM blobs b
        LEFT JOIN found f ON f.blob = b.id
        WHERE b.refs <> coalesce(f.n, 0)
        """,
    ),
    (
        "blob {0} has no octets",
        """
        SELECT hex(b.hash) FROM blobs b
        LEFT JOIN extents x ON x.id = b.extent WHERE x.id IS NULL
        """,
    ),
    (
        "extent {0}: {1} references counted, {2} found",
        """
        WITH found AS (SELECT extent, count(*) AS n FROM (
                SELECT extent FROM blobs UNION ALL SELECT extent FROM spool
            ) GROUP BY extent)
        SELECT x.id, x.refs, coalesce(f.n, 0) FROM extents x
        LEFT JOIN found f ON f.extent = x.id
        WHERE x.refs <> coalesce(f.n, 0)
        """,
    ),
    (
        "segment {0}: {1} octets live by its count, {2} by its bodies",
        """
        WITH found AS (SELECT segment, sum(stored_octets) AS n FROM extents
            WHERE segment IS NOT NULL GROUP BY segment)
        SELECT s.name, s.live_octets, coalesce(f.n, 0) FROM segments s
        LEFT JOIN found f ON f.segment = s.name
        WHERE s.live_octets <> coalesce(f.n, 0)
        """,
    ),
    (
        "delivery {0}: a recipient waits and the octets are gone",
        """
        SELECT DISTINCT q.delivery_id FROM queue q
        LEFT JOIN spool s ON s.delivery_id = q.delivery_id
        LEFT JOIN extents x ON x.id = s.extent
        WHERE q.state < 3 AND x.id IS NULL
        """,
    ),
    (
        "delivery {0}: octets are kept for recipients that are all final",
        """
        SELECT s.delivery_id FROM spool s WHERE s.extent IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM queue q
            WHERE q.delivery_id = s.delivery_id AND q.state < 3)
        """,
    ),
    (
        "delivery {0}: recorded as UID {1}, which was never given out",
        """
        SELECT d.delivery_id, d.uid FROM deliveries d
        JOIN mailboxes b ON b.key = d.mailbox WHERE d.uid >= b.uid_next
        """,
    ),
)


def audit(connection: Any, segments: Segments) -> list[str]:
    """
    Ask everything; runs in the reader thread.

    Each question sees one moment; all of them together would hold up the
    log for too long.

    Returns:
        One sentence a complaint.
    """
    complaints = [
        f"database: {text}"
        for (text,) in connection.execute("PRAGMA quick_check(10)").fetchall()
        if text != "ok"
    ]
    for sentence, sql in _WRONG:
        rows = connection.execute(sql).fetchall()
        complaints += [sentence.format(*row) for row in rows]
    return complaints + _segments(connection, segments)


_ENDS = (
    "SELECT s.name, max(x.offset + x.stored_octets) FROM segments s"
    " JOIN extents x ON x.segment = s.name"
)


def _segments(connection: Any, segments: Segments) -> list[str]:
    """Whether every body lies within its file."""
    complaints = []
    rows = connection.execute(f"{_ENDS} GROUP BY s.name").fetchall()
    for name, end in rows:
        complaint = _segment(segments, name, end)
        # What was compacted meanwhile is no trouble: its row is gone.
        if (
            complaint
            and connection.execute(
                f"{_ENDS} WHERE s.name = ? GROUP BY s.name", (name,)
            ).fetchall()
        ):
            complaints.append(complaint)
    stray = connection.execute(
        "SELECT count(*) FROM extents x WHERE x.segment IS NOT NULL AND NOT"
        " EXISTS (SELECT 1 FROM segments s WHERE s.name = x.segment)"
    ).get
    if stray:
        complaints.append(f"{stray} bodies lie in segments that are unknown")
    return complaints


def _segment(segments: Segments, name: str, end: int) -> str:
    try:
        size = segments.size_of(name)
    except OSError as error:
        return f"segment {name}: {error}"
    if size < end:
        return f"segment {name}: {size} octets, want {end}"
    return ""
