"""
What the writer does to mailboxes as a whole.

Each function runs in the transaction; names are canonical.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imailpy.errors import (
    MailboxExists,
    MailboxHasChildren,
    MailboxLimit,
    MailboxNameRefused,
    MailboxNotFound,
)
from imailpy.interfaces.store import DELIMITER
from imailpy.mail import UidSet
from imailpy.store.names import (
    FIRST_MAILBOXES,
    INBOX,
    canonical_name,
    is_below,
    parents,
)
from imailpy.store.shared import Effect
from imailpy.store.sqlite.state import AccountRow, MailboxRow

if TYPE_CHECKING:
    from imailpy.store.sqlite.writer import Tx

ALL = UidSet(((1, 2**32 - 1),))


def make_account(tx: Tx, account_id: str) -> None:
    """Make the mail of a new account, with its first mailboxes."""
    tx.execute(
        "INSERT INTO account_state (key, account, modseq, used_octets)"
        " VALUES (?, ?, 0, 0)",
        (tx.state.draw("account"), account_id),
    )
    account = tx.state.account(account_id)
    for name, special_use in FIRST_MAILBOXES:
        subscribe(tx, account, name, True)
        _insert(tx, account, name, special_use)


def remove_account(tx: Tx, account_id: str) -> None:
    """Take an account out of sight; the sweeper does the rest."""
    account = tx.state.account(account_id)
    rows = tx.execute(
        "SELECT key FROM mailboxes WHERE account = ? AND deleted_at IS NULL",
        (account.key,),
    ).fetchall()
    for (key,) in rows:
        _remove(tx, account, tx.state.mailbox(key))
    tx.state.forget_account(account)
    tx.execute(
        "UPDATE account_state SET removed_at = ? WHERE key = ?",
        (tx.now, account.key),
    )
    tx.execute("DELETE FROM subscriptions WHERE account = ?", (account.key,))


def find(tx: Tx, account: AccountRow, name: str) -> MailboxRow:
    """Raise `MailboxNotFound` when there is none."""
    try:
        mailbox = tx.state.named(account, canonical_name(name))
    except MailboxNameRefused:
        mailbox = None
    if mailbox is None:
        raise MailboxNotFound(f"mailbox {name!r}")
    return mailbox


def make(
    tx: Tx, account: AccountRow, name: str, special_use: str | None = None
) -> MailboxRow:
    """Make a mailbox and those above it; raises as `IAccountMail.create`."""
    name = canonical_name(name)
    if tx.state.named(account, name) is not None:
        raise MailboxExists(f"mailbox {name!r}")
    missing = [n for n in parents(name) if tx.state.named(account, n) is None]
    count = tx.execute(
        "SELECT count(*) FROM mailboxes"
        " WHERE account = ? AND name IS NOT NULL",
        (account.key,),
    ).get
    most = tx.settings.mailboxes_most
    if count + len(missing) + 1 > most:
        raise MailboxLimit(f"{most} mailboxes")
    for above in missing:
        _insert(tx, account, above, None)
    return _insert(tx, account, name, special_use)


def _insert(
    tx: Tx, account: AccountRow, name: str, special_use: str | None
) -> MailboxRow:
    tx.state.touch(account)
    key = tx.state.draw("mailbox")
    tx.execute(
        "INSERT INTO mailboxes (key, id, account, name, uid_validity,"
        " uid_next, highest_modseq, exists_n, unseen_n, deleted_n,"
        " size_octets, special_use)"
        " VALUES (?, ?, ?, ?, ?, 1, ?, 0, 0, 0, 0, ?)",
        (
            key,
            f"m{tx.state.shard}{key:x}",
            account.key,
            name,
            tx.state.draw("uid_validity"),
            account.next_modseq(),
            special_use,
        ),
    )
    return tx.state.mailbox(key)


def delete(tx: Tx, account: AccountRow, name: str) -> None:
    """Remove one; raises as `IAccountMail.delete`."""
    mailbox = find(tx, account, name)
    if mailbox.name == INBOX:
        raise MailboxNameRefused("INBOX cannot be deleted")
    if _below(tx, account, mailbox.name):
        raise MailboxHasChildren(f"mailbox {name!r}")
    _remove(tx, account, mailbox)


def _remove(tx: Tx, account: AccountRow, mailbox: MailboxRow) -> None:
    tx.state.touch(account)
    account.used_octets -= mailbox.size_octets
    modseq = account.next_modseq()
    tx.state.forget_mailbox(mailbox)
    tx.execute(
        "UPDATE mailboxes SET name = NULL, deleted_at = ?, highest_modseq = ?"
        " WHERE key = ?",
        (tx.now, modseq, mailbox.key),
    )
    event(tx, account, mailbox.key, modseq, "delete", "", mailbox.name)
    tx.effects.append(Effect(mailbox.key, modseq, gone=True))


def _below(tx: Tx, account: AccountRow, name: str) -> list[tuple[int, str]]:
    """(key, name) of the mailboxes below a name."""
    start = name + DELIMITER
    found: list[tuple[int, str]] = tx.execute(
        "SELECT key, name FROM mailboxes"
        " WHERE account = ? AND name > ? AND name < ?",
        # "0" is the character behind "/".
        (account.key, start, name + chr(ord(DELIMITER) + 1)),
    ).fetchall()
    return found


def rename(
    tx: Tx, account: AccountRow, old: str, new: str
) -> list[tuple[int, str]]:
    """
    Rename one with all below it; raises as `IAccountMail.rename`.

    Returns:
        (key, name) of what has another name now.
    """
    mailbox = find(tx, account, old)
    old, new = mailbox.name, canonical_name(new)
    if tx.state.named(account, new) is not None:
        raise MailboxExists(f"mailbox {new!r}")
    if old == INBOX:
        _move_inbox(tx, mailbox, make(tx, account, new).name)
        return []
    if is_below(new, old):
        raise MailboxNameRefused("a mailbox cannot be below itself")
    moves = [
        (key, canonical_name(new + name[len(old) :]))
        for key, name in ((mailbox.key, old), *_below(tx, account, old))
    ]
    for key, name in moves:
        if tx.state.named(account, name) is not None:
            raise MailboxExists(f"mailbox {name!r}")
        tx.state.forget_mailbox(tx.state.mailbox(key))
        tx.execute("UPDATE mailboxes SET name = ? WHERE key = ?", (name, key))
    for above in parents(new):
        if tx.state.named(account, above) is None:
            _insert(tx, account, above, None)
    tx.state.touch(account)
    event(tx, account, mailbox.key, account.next_modseq(), "rename", "", old)
    return moves


def _move_inbox(tx: Tx, inbox: MailboxRow, target: str) -> None:
    """[RFC9051 6.3.6]: INBOX's messages go, INBOX stays."""
    from imailpy.store.sqlite.message_jobs import move

    move(tx, inbox.key, ALL, target, None)


def subscribe(
    tx: Tx, account: AccountRow, name: str, subscribed: bool
) -> None:
    """Change a subscription."""
    if subscribed:
        tx.execute(
            "INSERT INTO subscriptions (account, name) VALUES (?, ?)"
            " ON CONFLICT DO NOTHING",
            (account.key, name),
        )
    else:
        tx.execute(
            "DELETE FROM subscriptions WHERE account = ? AND name = ?",
            (account.key, name),
        )


def event(
    tx: Tx,
    account: AccountRow,
    mailbox: int,
    modseq: int,
    what: str,
    uids: str,
    before: str | None = None,
) -> None:
    """Write down what happened: one row, however many UIDs."""
    tx.execute(
        "INSERT INTO events (account, modseq, mailbox, what, uids, before,"
        " at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (account.key, modseq, mailbox, what, uids, before, tx.now),
    )
