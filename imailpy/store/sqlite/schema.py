"""
The schema, in numbered steps, and what runs them.

A step runs in one transaction together with its new version number: a crash
leaves the database before or after it. A database with a number above ours
was written by a newer imailpy and is left alone.

Three sets of tables, without joins or foreign keys between them: directory,
spool and queue, account data. Keys that are numbers are local to this
database; ids that others see are text.

    messages -> emails -> blobs -> extents -> segments

A *message* is a place in a mailbox. An *email* is a prefix and a blob: what
COPY shares, and what EMAILID names. A *blob* is a body inside one key domain
(an account), found there by its SHA-256. An *extent* is where octets lie; it
has no hash: only the acceptance that wrote it gives it to several key
domains and to the queue, so nobody can find out by its look-up what another
account has. Each counts what refers to it.

Each table and index that a message touches costs a page of log, so they are
few: a blob carries its rendition (bytes and numbers that listings ask for);
small bodies are not looked up by hash; histories are swept by walking them;
and a message is the event of its own coming (`created_modseq`, `save_date`),
`events` tells of what happened to it later. There is no index by MODSEQ but
for what was expunged: the open mailbox knows the others, and STORE 1:* takes
a third of the time without it.
"""

from __future__ import annotations

from typing import Any

from imailpy.errors import StoreRefused

APPLICATION_ID = 0x694D7079  # "iMpy"

_DIRECTORY = """
CREATE TABLE domains (
    name TEXT PRIMARY KEY,
    catch_all_local TEXT,
    catch_all_domain TEXT
) WITHOUT ROWID;
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    enabled INTEGER NOT NULL,
    quota_octets INTEGER
) WITHOUT ROWID;
CREATE TABLE addresses (
    folded TEXT PRIMARY KEY,
    local_part TEXT NOT NULL,
    domain TEXT NOT NULL REFERENCES domains (name),
    account TEXT REFERENCES accounts (id)
) WITHOUT ROWID;
CREATE INDEX addresses_by_domain ON addresses (domain);
CREATE INDEX addresses_by_account ON addresses (account);
CREATE TABLE alias_targets (
    alias TEXT NOT NULL REFERENCES addresses (folded) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    folded TEXT NOT NULL,
    local_part TEXT NOT NULL,
    domain TEXT NOT NULL,
    PRIMARY KEY (alias, position)
) WITHOUT ROWID;
CREATE INDEX alias_targets_by_target ON alias_targets (folded);
CREATE TABLE credentials (
    account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    password_hash TEXT,
    scram_salt BLOB,
    scram_iterations INTEGER,
    scram_stored_key BLOB,
    scram_server_key BLOB
) WITHOUT ROWID;
CREATE TABLE server_keys (
    name TEXT PRIMARY KEY,
    octets BLOB NOT NULL
) WITHOUT ROWID;
"""

_SPOOL = """
CREATE TABLE spool (
    delivery_id TEXT PRIMARY KEY,
    extent INTEGER,
    sha256 BLOB,
    body_octets INTEGER NOT NULL,
    prefix BLOB NOT NULL,
    reverse_local TEXT NOT NULL,
    reverse_domain TEXT NOT NULL,
    received_at REAL NOT NULL,
    parameters TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX spool_by_time ON spool (received_at);
CREATE TABLE queue (
    id INTEGER PRIMARY KEY,
    delivery_id TEXT NOT NULL REFERENCES spool (delivery_id),
    local_part TEXT NOT NULL,
    domain TEXT NOT NULL,
    orcpt TEXT NOT NULL,
    notify TEXT NOT NULL,
    route TEXT NOT NULL,
    state INTEGER NOT NULL,
    next_try REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    notices INTEGER NOT NULL DEFAULT 0,
    reply_code INTEGER,
    reply_status TEXT,
    reply_text TEXT,
    last_host TEXT NOT NULL DEFAULT '',
    final_at REAL
);
CREATE UNIQUE INDEX queue_recipient
    ON queue (delivery_id, local_part, domain, orcpt);
CREATE INDEX queue_due ON queue (state, next_try);
CREATE INDEX queue_final ON queue (final_at) WHERE final_at IS NOT NULL;
"""

_ACCOUNT = """
CREATE TABLE account_state (
    key INTEGER PRIMARY KEY,
    account TEXT NOT NULL UNIQUE,
    modseq INTEGER NOT NULL,
    used_octets INTEGER NOT NULL,
    removed_at REAL
);
CREATE TABLE mailboxes (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL,
    name TEXT,
    uid_validity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL,
    highest_modseq INTEGER NOT NULL,
    exists_n INTEGER NOT NULL,
    unseen_n INTEGER NOT NULL,
    deleted_n INTEGER NOT NULL,
    size_octets INTEGER NOT NULL,
    special_use TEXT,
    deleted_at REAL
);
CREATE UNIQUE INDEX mailboxes_by_name ON mailboxes (account, name);
CREATE INDEX mailboxes_deleted ON mailboxes (deleted_at)
    WHERE deleted_at IS NOT NULL;
CREATE TABLE subscriptions (
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE mailbox_keywords (
    mailbox INTEGER NOT NULL,
    keyword TEXT NOT NULL,
    PRIMARY KEY (mailbox, keyword)
) WITHOUT ROWID;
CREATE TABLE messages (
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    created_modseq INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    keywords TEXT NOT NULL,
    internal_date INTEGER NOT NULL,
    save_date INTEGER NOT NULL,
    size_octets INTEGER NOT NULL,
    email INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    expunged_at REAL,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE INDEX messages_vanished ON messages (mailbox, modseq)
    WHERE expunged_at IS NOT NULL;
CREATE INDEX messages_expunged ON messages (expunged_at)
    WHERE expunged_at IS NOT NULL;
CREATE TABLE emails (
    id INTEGER PRIMARY KEY,
    email_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    blob INTEGER NOT NULL,
    refs INTEGER NOT NULL,
    prefix BLOB NOT NULL
);
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY,
    key_domain INTEGER NOT NULL,
    hash BLOB NOT NULL,
    extent INTEGER NOT NULL,
    size_octets INTEGER NOT NULL,
    refs INTEGER NOT NULL,
    unused_since REAL,
    version INTEGER NOT NULL,
    marks INTEGER NOT NULL,
    header_octets INTEGER NOT NULL,
    sent_date INTEGER,
    sent_day INTEGER,
    hops INTEGER NOT NULL,
    longest_line INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    body BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    structure BLOB NOT NULL,
    listed_fields BLOB NOT NULL,
    subject TEXT NOT NULL,
    base_subject TEXT NOT NULL,
    message_id TEXT NOT NULL,
    refers_to TEXT NOT NULL,
    preview TEXT NOT NULL
);
CREATE UNIQUE INDEX blobs_by_hash ON blobs (hash, key_domain)
    WHERE size_octets > 8192;
CREATE INDEX blobs_unused ON blobs (unused_since)
    WHERE unused_since IS NOT NULL;
CREATE TABLE extents (
    id INTEGER PRIMARY KEY,
    codec TEXT NOT NULL DEFAULT 'none',
    key_id TEXT,
    segment TEXT,
    offset INTEGER NOT NULL DEFAULT 0,
    stored_octets INTEGER NOT NULL,
    size_octets INTEGER NOT NULL,
    refs INTEGER NOT NULL,
    octets BLOB
);
CREATE INDEX extents_by_segment ON extents (segment)
    WHERE segment IS NOT NULL;
CREATE TABLE segments (
    name TEXT PRIMARY KEY,
    own INTEGER NOT NULL,
    sealed INTEGER NOT NULL,
    size_octets INTEGER NOT NULL,
    live_octets INTEGER NOT NULL,
    dead_since REAL
) WITHOUT ROWID;
CREATE TABLE deliveries (
    delivery_id TEXT NOT NULL,
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (delivery_id, mailbox)
) WITHOUT ROWID;
CREATE TABLE threads (
    account INTEGER NOT NULL,
    message_id_hash INTEGER NOT NULL,
    thread_id TEXT NOT NULL,
    PRIMARY KEY (account, message_id_hash)
) WITHOUT ROWID;
CREATE TABLE events (
    account INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,
    what TEXT NOT NULL,
    uids TEXT NOT NULL,
    before TEXT,
    at REAL NOT NULL,
    PRIMARY KEY (account, modseq, mailbox, what)
) WITHOUT ROWID;
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""

_SENDING = """
CREATE TABLE sending_limits (
    account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    messages INTEGER,
    recipients INTEGER,
    first_time INTEGER,
    burst INTEGER,
    hold INTEGER
) WITHOUT ROWID;
CREATE TABLE sending_use (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    hour INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    PRIMARY KEY (account, hour)
) WITHOUT ROWID;
CREATE TABLE sending_alerts (
    account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE sending_known (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    mark BLOB NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (account, mark)
) WITHOUT ROWID;
CREATE INDEX sending_known_order ON sending_known (account, number);
"""

# How somebody signs in beside a password, and whom an account speaks for.
_KEYS = """
ALTER TABLE credentials
    ADD COLUMN app_passwords_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credentials ADD COLUMN imported TEXT NOT NULL DEFAULT '';
CREATE INDEX credentials_imported ON credentials (imported)
    WHERE imported != '';
CREATE TABLE grants (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    sender TEXT NOT NULL,
    PRIMARY KEY (account, sender)
) WITHOUT ROWID;
CREATE TABLE app_passwords (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    digest BLOB NOT NULL,
    note TEXT NOT NULL,
    services TEXT NOT NULL,
    networks TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    used_at REAL,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE TABLE second_factors (
    account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    secret BLOB NOT NULL,
    confirmed INTEGER NOT NULL,
    last_step INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE recovery_codes (
    account TEXT NOT NULL
        REFERENCES second_factors (account) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    PRIMARY KEY (account, digest)
) WITHOUT ROWID;
CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    note TEXT NOT NULL,
    added_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX certificates_by_account ON certificates (account);
"""

_BANS = """
CREATE TABLE bans (
    network TEXT PRIMARY KEY,
    why TEXT NOT NULL,
    session_id TEXT NOT NULL,
    since REAL NOT NULL,
    until REAL,
    by_whom TEXT NOT NULL,
    times INTEGER NOT NULL
) WITHOUT ROWID;
"""

# Number -> what it does. A number once released is never changed.
STEPS: tuple[tuple[int, str], ...] = (
    (1, _DIRECTORY + _SPOOL + _ACCOUNT),
    (2, _BANS),
    (3, _SENDING),
    (4, _KEYS),
)


def version_of(connection: Any) -> int:
    """Give a database's schema version; 0 for a fresh one."""
    found: int = connection.execute("PRAGMA user_version").get
    return found


def check_schema(
    connection: Any, steps: tuple[tuple[int, str], ...] = STEPS
) -> None:
    """
    Make sure that the database is one of ours, not newer than we are.

    Raises:
        StoreRefused: Nothing was written.
    """
    version = version_of(connection)
    newest = steps[-1][0]
    if version > newest:
        raise StoreRefused(
            f"the store has schema {version}, this imailpy knows {newest}:"
            " it was written by a newer imailpy, use that one"
        )
    application = connection.execute("PRAGMA application_id").get
    if version and application != APPLICATION_ID:
        raise StoreRefused("the database was not made by imailpy")


def upgrade(
    connection: Any,
    fault_point: Any,
    steps: tuple[tuple[int, str], ...] = STEPS,
) -> list[int]:
    """Run the steps that are missing; gives their numbers."""
    check_schema(connection, steps)
    done = []
    for number, sql in steps:
        if number <= version_of(connection):
            continue
        fault_point("store.before_schema_step")
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(sql)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            fault_point("store.within_schema_step")
            connection.execute("COMMIT")
        except BaseException:
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
            raise
        done.append(number)
    return done
