"""Settings of the store."""

from __future__ import annotations

from attrs import frozen

KIB = 1024
MIB = 1024 * KIB
DAY_S = 86_400.0


@frozen
class StoreSettings:
    """
    How the store keeps things.

    Attributes:
        directory: The data directory: ours alone, mode 0700.
        min_free_octets: Free space guard: below it no mail is taken.
        min_free_percent: The same as a share of the file system; the larger
            of the two counts.
        reserve_octets: Size of the reserve file, which is given up so that
            EXPUNGE, DSNs and checkpoints still work on a full disk.
        inline_octets: Bodies up to this lie in the database.
        own_segment_octets: Bodies over this become a segment of their own.
        segment_octets: A segment past this takes no more bodies.
        compact_below: Share of living octets under which a sealed segment
            is compacted.
        spool_memory_octets: A body in flight past this goes to a file.
        spool_octets: Budget for all bodies in flight together.
        undelete_s: How long an expunged message can be brought back.
        blob_grace_s: How long octets stay that nothing refers to.
        queue_history_s: How long final queue rows are kept.
        event_history_s: How long events are kept.
        mailboxes_most: Of one account.
        keywords_most: Of one message.
        mailbox_keywords_most: Of one mailbox.
        checkpoint_octets: A WAL past this is checkpointed.
        wal_alert_octets: A WAL past this is reported.
        sweep_every_s: Pause between two sweeps; 0 for none of its own.
    """

    directory: str
    min_free_octets: int = 256 * MIB
    min_free_percent: float = 5.0
    reserve_octets: int = 64 * MIB
    inline_octets: int = 32 * KIB
    own_segment_octets: int = MIB
    segment_octets: int = 64 * MIB
    # Every sealed segment lives to more than this: so all of them together
    # hold at most 1.3 times what lives.
    compact_below: float = 0.77
    spool_memory_octets: int = 64 * KIB
    spool_octets: int = 1024 * MIB
    undelete_s: float = 7 * DAY_S
    blob_grace_s: float = 3600.0
    queue_history_s: float = 30 * DAY_S
    event_history_s: float = 30 * DAY_S
    mailboxes_most: int = 20_000
    keywords_most: int = 64
    mailbox_keywords_most: int = 1_000
    checkpoint_octets: int = 16 * MIB
    wal_alert_octets: int = 256 * MIB
    sweep_every_s: float = 60.0
