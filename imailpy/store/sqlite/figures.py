"""Sizes and counts for `imailctl status` and the metrics."""

from __future__ import annotations

from typing import Any


def figures(connection: Any) -> dict[str, int | float | str]:
    """Count, in the reader thread."""

    def one(sql: str) -> int:
        return int(connection.execute(sql).get or 0)

    return {
        "accounts": one(
            "SELECT count(*) FROM account_state WHERE removed_at IS NULL"
        ),
        "mailboxes": one(
            "SELECT count(*) FROM mailboxes WHERE deleted_at IS NULL"
        ),
        "messages": one(
            "SELECT sum(exists_n) FROM mailboxes WHERE deleted_at IS NULL"
        ),
        "message_octets": one(
            "SELECT sum(size_octets) FROM mailboxes WHERE deleted_at IS NULL"
        ),
        "segments": one("SELECT count(*) FROM segments"),
        "segment_octets": one("SELECT sum(size_octets) FROM segments"),
        "live_octets": one("SELECT sum(live_octets) FROM segments"),
        "database_octets": one(
            "SELECT page_count * page_size"
            " FROM pragma_page_count, pragma_page_size"
        ),
        "schema": one("PRAGMA user_version"),
    }
