"""
What the writer knows by heart.

It is the only one that writes, so rows of accounts, mailboxes and counters
may be kept here and written once a group. A message that fails gives back
what it had changed; a group that fails makes the writer forget everything.
"""

from __future__ import annotations

from typing import Any

from imailpy.errors import MailboxNotFound, ObjectNotFound

# Numbers are allowed this far ahead: a start goes on behind what was allowed,
# and a commit in a thousand writes the counter.
_AHEAD = 1_000

# Past so many kept rows everything is forgotten between two groups.
_MOST_KEPT = 50_000


class Remembered:
    """A row whose numbers can be saved and restored."""

    __slots__ = ()
    _numbers: tuple[str, ...] = ()

    def save(self) -> tuple[Any, ...]:
        """Give the numbers."""
        return tuple([getattr(self, name) for name in self._numbers])

    def restore(self, saved: tuple[Any, ...]) -> None:
        """Take the numbers back."""
        for name, value in zip(self._numbers, saved, strict=True):
            setattr(self, name, value)


class AccountRow(Remembered):
    """An account's counters and its quota."""

    __slots__ = ("id", "key", "modseq", "quota_octets", "used_octets")
    _numbers = ("modseq", "used_octets", "quota_octets")

    def __init__(
        self,
        key: int,
        account_id: str,
        modseq: int,
        used_octets: int,
        quota_octets: int | None,
    ) -> None:
        self.key = key
        self.id = account_id
        self.modseq = modseq
        self.used_octets = used_octets
        self.quota_octets = quota_octets

    def save(self) -> tuple[Any, ...]:
        return self.modseq, self.used_octets, self.quota_octets

    def next_modseq(self) -> int:
        """Draw the account's next MODSEQ."""
        self.modseq += 1
        return self.modseq


class MailboxRow(Remembered):
    """A mailbox and its counters; `keywords`: folded -> as spelt."""

    __slots__ = (
        "account",
        "deleted_n",
        "exists_n",
        "highest_modseq",
        "key",
        "keywords",
        "name",
        "size_octets",
        "uid_next",
        "uid_validity",
        "unseen_n",
    )
    _numbers = (
        "uid_next",
        "highest_modseq",
        "exists_n",
        "unseen_n",
        "deleted_n",
        "size_octets",
        "keywords",
    )

    def __init__(self, row: tuple[Any, ...], keywords: dict[str, str]) -> None:
        (
            self.key,
            self.account,
            self.name,
            self.uid_validity,
            self.uid_next,
            self.highest_modseq,
            self.exists_n,
            self.unseen_n,
            self.deleted_n,
            self.size_octets,
        ) = row
        self.keywords = keywords

    def save(self) -> tuple[Any, ...]:
        return (
            self.uid_next,
            self.highest_modseq,
            self.exists_n,
            self.unseen_n,
            self.deleted_n,
            self.size_octets,
            self.keywords,
        )


MAILBOX_COLUMNS = (
    "key, account, name, uid_validity, uid_next, highest_modseq,"
    " exists_n, unseen_n, deleted_n, size_octets"
)


class State:
    """Rows that the writer keeps."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._accounts: dict[str, AccountRow] = {}
        self._by_key: dict[int, AccountRow] = {}
        self._mailboxes: dict[int, MailboxRow] = {}
        self._names: dict[tuple[int, str], MailboxRow] = {}
        self._touched: dict[int, tuple[Remembered, tuple[Any, ...]]] = {}
        self._dirty: dict[int, Remembered] = {}
        # Last number drawn, and how far the database allows to draw.
        self._numbers: dict[str, int] = {}
        self._allowed: dict[str, int] = {}
        # How far the sweeper has walked a table without an index by time.
        self.walks: dict[str, tuple[Any, ...] | None] = {}
        self._load_numbers()
        # Part of every id that others see: so ids of two servers, or of one
        # that was set up anew, are never the same.
        self.shard: str = connection.execute(
            "SELECT value FROM facts WHERE name = 'shard'"
        ).get

    # --- drawing numbers

    def draw(self, name: str) -> int:
        """Draw a number that was never drawn before."""
        number = self._numbers.get(name, 0) + 1
        self._numbers[name] = number
        return number

    # --- looking up

    def account(self, account_id: str) -> AccountRow:
        """Raise `ObjectNotFound` when there is none."""
        found = self._accounts.get(account_id)
        return found if found is not None else self._load_account(account_id)

    def account_of(self, mailbox: MailboxRow) -> AccountRow:
        """Give the account of a mailbox."""
        found = self._by_key.get(mailbox.account)
        if found is not None:
            return found
        row = self._connection.execute(
            "SELECT account FROM account_state WHERE key = ?",
            (mailbox.account,),
        ).get
        return self._load_account(row or "")

    def mailbox(self, key: int) -> MailboxRow:
        """Raise `MailboxNotFound` when it was deleted."""
        found = self._mailboxes.get(key)
        if found is None:
            found = self._load_mailbox("key = ?", (key,))
        if found is None:
            raise MailboxNotFound("the mailbox was deleted")
        return found

    def named(self, account: AccountRow, name: str) -> MailboxRow | None:
        """Give the mailbox of a canonical name, if there is one."""
        found = self._names.get((account.key, name))
        if found is None:
            found = self._load_mailbox(
                "account = ? AND name = ?", (account.key, name)
            )
        return found

    def forget_mailbox(self, mailbox: MailboxRow) -> None:
        """Forget one that was deleted or renamed; its numbers are written."""
        self._write(mailbox)
        self._dirty.pop(id(mailbox), None)
        self._mailboxes.pop(mailbox.key, None)
        self._names.pop((mailbox.account, mailbox.name), None)

    def forget_account(self, account: AccountRow) -> None:
        """Forget one whose directory row changed or went."""
        self._write(account)
        self._dirty.pop(id(account), None)
        self._accounts.pop(account.id, None)
        self._by_key.pop(account.key, None)

    # --- changing

    def touch(self, row: Remembered) -> None:
        """`row` is about to change."""
        if id(row) not in self._touched:
            self._touched[id(row)] = (row, row.save())

    def keep(self) -> None:
        """The job went well: what it touched is written with the group."""
        for key, (row, _) in self._touched.items():
            self._dirty[key] = row
        self._touched.clear()

    def give_back(self) -> None:
        """The job failed: what it touched is as it was."""
        for row, saved in self._touched.values():
            row.restore(saved)
        self._touched.clear()

    def write(self) -> None:
        """Write what changed; just before the commit."""
        for row in self._dirty.values():
            self._write(row)
        self._dirty.clear()
        for name, number in self._numbers.items():
            if number > self._allowed.get(name, 0):
                self._allow(name, number + _AHEAD)

    def _allow(self, name: str, upto: int) -> None:
        self._connection.execute(
            "INSERT INTO counters (name, value) VALUES (?1, ?2)"
            " ON CONFLICT (name) DO UPDATE SET value = ?2",
            (name, upto),
        )
        self._allowed[name] = upto

    def committed(self) -> None:
        """What was written is on the disk."""
        if len(self._mailboxes) + len(self._accounts) > _MOST_KEPT:
            self._forget_rows()

    def forget(self) -> None:
        """The group was lost: read anew what is asked for."""
        self._forget_rows()
        # Numbers drawn by what was lost are lost too: drawing on above them
        # is right whatever the database holds.
        self._allowed = {}

    def _forget_rows(self) -> None:
        self._accounts.clear()
        self._by_key.clear()
        self._mailboxes.clear()
        self._names.clear()
        self._touched.clear()
        self._dirty.clear()

    # --- rows

    def _load_numbers(self) -> None:
        self._numbers = dict(
            self._connection.execute("SELECT name, value FROM counters")
        )
        self._allowed = dict(self._numbers)

    def _load_account(self, account_id: str) -> AccountRow:
        row = self._connection.execute(
            "SELECT key, modseq, used_octets FROM account_state"
            " WHERE account = ? AND removed_at IS NULL",
            (account_id,),
        ).fetchone()
        if row is None:
            raise ObjectNotFound(f"account {account_id}")
        # The directory is another set of tables: no join, a second look.
        quota = self._connection.execute(
            "SELECT quota_octets FROM accounts WHERE id = ?", (account_id,)
        ).get
        account = AccountRow(row[0], account_id, row[1], row[2], quota)
        self._accounts[account_id] = self._by_key[account.key] = account
        return account

    def _load_mailbox(
        self, where: str, bindings: tuple[Any, ...]
    ) -> MailboxRow | None:
        row = self._connection.execute(
            f"SELECT {MAILBOX_COLUMNS} FROM mailboxes"
            f" WHERE {where} AND deleted_at IS NULL",
            bindings,
        ).fetchone()
        if row is None:
            return None
        words = self._connection.execute(
            "SELECT keyword FROM mailbox_keywords WHERE mailbox = ?",
            (row[0],),
        ).fetchall()
        mailbox = MailboxRow(row, {word.lower(): word for (word,) in words})
        self._mailboxes[mailbox.key] = mailbox
        self._names[mailbox.account, mailbox.name] = mailbox
        return mailbox

    def _write(self, row: Remembered) -> None:
        if isinstance(row, MailboxRow):
            self._connection.execute(
                "UPDATE mailboxes SET uid_next = ?, highest_modseq = ?,"
                " exists_n = ?, unseen_n = ?, deleted_n = ?, size_octets = ?"
                " WHERE key = ?",
                (*row.save()[:6], row.key),
            )
        elif isinstance(row, AccountRow):
            self._connection.execute(
                "UPDATE account_state SET modseq = ?, used_octets = ?"
                " WHERE key = ?",
                (row.modseq, row.used_octets, row.key),
            )
