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
        SELECT e.email_id, e.refs, count(m.uid) FROM emails e
        LEFT JOIN messages m ON m.email = e.id
        GROUP BY e.id HAVING e.refs <> count(m.uid)
        """,
    ),
    (
        "blob {0}: {1} references counted, {2} found",
        """
        SELECT hex(b.hash), b.refs, count(e.id) FROM blobs b
        LEFT JOIN emails e ON e.blob = b.id
        GROUP BY b.id HAVING b.refs <> count(e.id)
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
        SELECT x.id, x.refs, (SELECT count(*) FROM blobs b
            WHERE b.extent = x.id) + (SELECT count(*) FROM spool s
            WHERE s.extent = x.id) AS found
        FROM extents x WHERE x.refs <> found
        """,
    ),
    (
        "segment {0}: {1} octets live by its count, {2} by its bodies",
        """
        SELECT s.name, s.live_octets, coalesce(sum(x.stored_octets), 0)
        FROM segments s LEFT JOIN extents x ON x.segment = s.name
        GROUP BY s.name
        HAVING s.live_octets <> coalesce(sum(x.stored_octets), 0)
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
    Ask everything, as of one moment; runs in the reader thread.

    Returns:
        One sentence a complaint.
    """
    connection.execute("BEGIN")
    try:
        complaints = [
            f"database: {text}"
            for (text,) in connection.execute("PRAGMA quick_check(10)")
            if text != "ok"
        ]
        for sentence, sql in _WRONG:
            complaints += [
                sentence.format(*row) for row in connection.execute(sql)
            ]
        suspects = _segments(connection, segments)
        stray = _stray(connection)
    finally:
        connection.execute("COMMIT")
    # A file that the sweeper removed since: its rows went before it, and
    # only the moment that was looked at still knows them.
    complaints += [
        sentence
        for name, sentence in suspects.items()
        if connection.execute(
            "SELECT 1 FROM extents WHERE segment = ? LIMIT 1", (name,)
        ).get
    ]
    return complaints + stray


def _segments(connection: Any, segments: Segments) -> dict[str, str]:
    """Segment -> what is wrong with where its bodies lie."""
    suspects: dict[str, str] = {}
    rows = connection.execute(
        "SELECT s.name, max(x.offset + x.stored_octets) FROM segments s"
        " JOIN extents x ON x.segment = s.name GROUP BY s.name"
    ).fetchall()
    for name, end in rows:
        try:
            size = segments.size_of(name)
        except OSError as error:
            suspects[name] = f"segment {name}: {error}"
            continue
        if size < end:
            suspects[name] = f"segment {name}: {size} octets, want {end}"
    return suspects


def _stray(connection: Any) -> list[str]:
    stray = connection.execute(
        "SELECT count(*) FROM extents x WHERE x.segment IS NOT NULL AND NOT"
        " EXISTS (SELECT 1 FROM segments s WHERE s.name = x.segment)"
    ).get
    if not stray:
        return []
    return [f"{stray} bodies lie in segments that are unknown"]
