"""
Mailboxes and messages, and the one door through which mail is accepted.

Names of mailboxes are Unicode text in NFC with "/" between levels; `INBOX`
is spelt so whatever the client wrote. They are database text, never paths.
"""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Sequence
from enum import Enum
from typing import Any

from attrs import frozen
from zope.interface import Attribute, Interface

from imailpy.errors import MailError
from imailpy.interfaces.bans import IBans
from imailpy.interfaces.body import IBody, ISpool
from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.queue import IQueue, QueuedRecipient
from imailpy.interfaces.sending import ISending
from imailpy.mail import MailParameters, Path, SystemFlag, UidSet

DELIMITER = "/"


@frozen
class MailboxInfo:
    """
    What LIST and STATUS tell of a mailbox.

    Attributes:
        id: Opaque text; never reused, kept over a rename (OBJECTID).
        name: Canonical.
        uid_validity: Changes if and only if UIDs given out before may now
            mean other messages [RFC9051 2.3.1.1].
        uid_next: Above every UID ever given out.
        highest_modseq: Of any change in it [RFC7162 3.1.2.1].
        exists: Messages in it.
        unseen: Those without \\Seen.
        deleted: Those with \\Deleted.
        size_octets: Of its messages together.
        special_use: Such as `\\Sent` [RFC6154], or None.
        subscribed: Whether LSUB shows it.
    """

    id: str
    name: str
    uid_validity: int
    uid_next: int
    highest_modseq: int
    exists: int
    unseen: int
    deleted: int
    size_octets: int
    special_use: str | None = None
    subscribed: bool = False


class Column(Enum):
    """
    What can be asked of a message without opening its body.

    The value tells the Python type in the row.
    """

    UID = "uid: int"
    FLAGS = "flags: int, SystemFlag bits"
    KEYWORDS = "keywords: str, blank between, sorted; empty for none"
    MODSEQ = "modseq: int"
    INTERNAL_DATE = "internal_date: int, seconds since 1970"
    SAVE_DATE = "save_date: int, seconds since 1970"
    SIZE = "size_octets: int"
    EMAIL_ID = "email_id: str"
    THREAD_ID = "thread_id: str"
    # From the rendition, see imailpy.message.rendition.Rendition.
    ENVELOPE = "envelope: bytes, IMAP's own form"
    BODY = "body: bytes, IMAP's BODY form"
    BODYSTRUCTURE = "bodystructure: bytes, IMAP's own form"
    SENT_DATE = "sent_date: int or None, seconds since 1970, UTC"
    LISTED_FIELDS = "listed_fields: bytes, header fields clients list"
    COMPLETE = "complete: int, whether those fields are all there are"
    STRUCTURE = "structure: bytes, Structure.unpack reads it"
    PREVIEW = "preview: str"
    PREFIX_SIZE = "prefix_octets: int, what stands before the shared body"

    # Enum's own goes by the name, in Python: rows are looked up by these.
    __hash__ = object.__hash__


@frozen
class NewMessage:
    """One message of an APPEND."""

    body: IBody
    flags: SystemFlag = SystemFlag(0)
    keywords: frozenset[str] = frozenset()
    internal_date: int | None = None


@frozen
class FlagChange:
    """
    What STORE does.

    Attributes:
        mode: `add`, `remove` or `replace`.
    """

    mode: str
    flags: SystemFlag = SystemFlag(0)
    keywords: frozenset[str] = frozenset()


@frozen
class FlagsChanged:
    """
    What STORE did.

    Attributes:
        changed: UIDs whose flags are different now.
        modseq: Theirs, all the same.
        refused: UIDs that `unchanged_since` left alone.
    """

    changed: UidSet
    modseq: int
    refused: UidSet = UidSet()


@frozen
class Copied:
    """
    What COPY or MOVE did [RFC4315 3].

    Attributes:
        uid_validity: Of the target.
        source: UIDs here, ascending.
        target: UIDs there, in the same order.
    """

    uid_validity: int
    source: tuple[int, ...]
    target: tuple[int, ...]


@frozen
class MailboxChange:
    """
    One committed change of a mailbox.

    Attributes:
        modseq: Of the change.
        added: New UIDs.
        expunged: UIDs that are gone.
        flags: UIDs whose flags or keywords changed.
        gone: The mailbox itself was deleted.
        by: The observer that asked for it, or None.
    """

    modseq: int
    added: tuple[int, ...] = ()
    expunged: tuple[int, ...] = ()
    flags: UidSet = UidSet()
    gone: bool = False
    by: Any = None


class IMailboxObserver(Interface):
    """Somebody who has a mailbox open."""

    def mailbox_changed(change: MailboxChange) -> None:
        """
        Called in the reactor thread, after the commit, once a change; the
        shared mailbox shows the new state already.
        """


class IMailbox(Interface):
    """
    One mailbox of one account, one object for all sessions that have it
    open. Suite: tests.store.contract.
    """

    info: MailboxInfo = Attribute("""As of now.""")

    uids: array[int] = Attribute(
        """
        UIDs, ascending; position + 1 is the sequence number of a session
        that is up to date. New ones are appended in place; an expunge puts
        a new array here: so a session that keeps (array, length) keeps its
        sequence numbers for nothing.
        """
    )

    keywords: frozenset[str] = Attribute("""Every keyword used in it.""")

    def attach(observer: Any) -> None:
        """Tell `observer` (an `IMailboxObserver`) of changes from now on."""

    def detach(observer: Any) -> None:
        """No longer."""

    def flags(uid: int) -> tuple[int, str]:
        """
        Flags as `SystemFlag` bits, keywords blank-separated and sorted.

        Raises:
            KeyError: Not there (any more).
        """

    def modseq(uid: int) -> int:
        """MODSEQ of a message; `KeyError` as above."""

    def append(
        messages: Sequence[NewMessage], *, by: Any = None
    ) -> Awaitable[Sequence[int]]:
        """
        Store messages for good, all or none.

        Returns:
            UIDs, once the messages would outlive a power cut.

        Raises:
            OverQuota, StorageFull, MailboxLimit, MailboxNotFound,
            StoreUnavailable: Nothing was stored.
        """

    def store(
        uids: UidSet,
        change: FlagChange,
        *,
        unchanged_since: int | None = None,
        by: Any = None,
    ) -> Awaitable[FlagsChanged]:
        """Change flags; UIDs that are not there are passed over."""

    def copy(uids: UidSet, target: str) -> Awaitable[Copied]:
        """
        Copy into another mailbox of the account, all or none.

        Raises:
            MailboxNotFound, OverQuota, StorageFull, StoreUnavailable.
        """

    def move(
        uids: UidSet, target: str, *, by: Any = None
    ) -> Awaitable[Copied]:
        """Move, in one transaction [RFC6851]; raises as `copy`."""

    def expunge(
        uids: UidSet | None = None, *, by: Any = None
    ) -> Awaitable[Sequence[int]]:
        """
        Remove what has \\Deleted, among `uids` or all.

        Returns:
            The UIDs that went.
        """

    def remove(uids: UidSet, *, by: Any = None) -> Awaitable[Sequence[int]]:
        """
        Remove messages whatever their flags, in one transaction: all that
        are there, or none.

        Returns:
            The UIDs that went, once they would stay away after a power cut.

        Raises:
            MailboxNotFound, StoreUnavailable: Nothing was removed.
        """

    def rows(
        uids: UidSet, columns: Sequence[Column]
    ) -> Awaitable[Sequence[tuple[Any, ...]]]:
        """
        Read columns of messages, in the order of their UIDs.

        At most 256 rows come back: the caller goes on behind the last UID.
        UIDs that are not there are passed over.
        """

    def body(uid: int) -> Awaitable[IBody | None]:
        """The message as delivered: prefix and body; None when expunged."""


class IAccountMail(Interface):
    """The mailboxes of one account."""

    account_id: str = Attribute("""Whose.""")

    def mailboxes() -> Awaitable[Sequence[MailboxInfo]]:
        """All of them by name; INBOX always among them."""

    def subscriptions() -> Awaitable[Sequence[str]]:
        """Subscribed names, of gone mailboxes too [RFC9051 6.3.7]."""

    def info(name: str) -> Awaitable[MailboxInfo]:
        """One of them. Raises `MailboxNotFound`."""

    def open(name: str) -> Awaitable[IMailbox]:
        """The shared object. Raises `MailboxNotFound`."""

    def create(
        name: str, *, special_use: str | None = None
    ) -> Awaitable[MailboxInfo]:
        """
        Make a mailbox, and those above it.

        Raises:
            MailboxExists, MailboxNameRefused, MailboxLimit.
        """

    def delete(name: str) -> Awaitable[None]:
        """
        Remove a mailbox and its messages.

        Raises:
            MailboxNotFound, MailboxHasChildren, MailboxNameRefused (INBOX).
        """

    def rename(old: str, new: str) -> Awaitable[None]:
        """
        Rename it with all below it; INBOX's messages move, INBOX stays
        [RFC9051 6.3.6].

        Raises:
            MailboxNotFound, MailboxExists, MailboxNameRefused.
        """

    def subscribe(name: str, subscribed: bool) -> Awaitable[None]:
        """Change what LSUB shows; the mailbox need not exist."""

    def used_octets() -> Awaitable[int]:
        """What counts toward the quota."""


@frozen
class MailboxDelivery:
    """
    One local copy of an accepted message.

    Attributes:
        mailbox: Made if it is missing.
        prefix: Octets of this copy alone: Return-Path, Received, marks.
        recipient: For whom: the address that was accepted.
    """

    account_id: str
    mailbox: str
    prefix: bytes
    recipient: Path
    flags: SystemFlag = SystemFlag(0)
    keywords: frozenset[str] = frozenset()


@frozen
class Acceptance:
    """
    A message for which we take responsibility.

    Attributes:
        delivery_id: Ours; accepting the same one again stores nothing twice.
        received_at: Seconds since 1970.
        queue_prefix: What stands before the body on its way to others.
    """

    delivery_id: str
    received_at: float
    reverse_path: Path
    body: IBody
    parameters: MailParameters = MailParameters()
    queue_prefix: bytes = b""
    deliveries: tuple[MailboxDelivery, ...] = ()
    queued: tuple[QueuedRecipient, ...] = ()


@frozen
class Delivered:
    """
    What became of one `MailboxDelivery`.

    Attributes:
        uid: None when `error` says why it was not stored.
    """

    delivery: MailboxDelivery
    uid: int | None
    error: MailError | None = None


class IStore(Interface):
    """The store as a whole."""

    directory: IDirectory = Attribute("""Domains, accounts, addresses.""")
    queue: IQueue = Attribute("""What waits for the world.""")
    spool: ISpool = Attribute("""Bodies in flight.""")
    sending: ISending = Attribute("""What accounts have sent.""")
    bans: IBans = Attribute("""Networks that are kept out.""")

    def account(account_id: str) -> IAccountMail:
        """The mailboxes of an account; whether it exists shows at use."""

    def accept(acceptance: Acceptance) -> Awaitable[Sequence[Delivered]]:
        """
        Take responsibility, in one transaction for all recipients.

        Returns:
            One `Delivered` for each delivery, in order, once all of it would
            outlive a power cut. When every delivery failed and nothing was
            queued, nothing was stored.

        Raises:
            StorageFull, StoreUnavailable: Nothing was stored.
            OutcomeUnknown: It may have been.
        """

    def audit() -> Awaitable[Sequence[str]]:
        """
        Check what the promises promise: every recipient in exactly one
        state, no row without its octets, UIDs, sizes and counts right.

        Returns:
            One sentence a complaint; empty when all is well.
        """

    def figures() -> Awaitable[dict[str, int | float | str]]:
        """Sizes and counts for `imailctl status` and the metrics."""

    def close() -> Awaitable[None]:
        """Finish what was accepted, then let go of files and threads."""
