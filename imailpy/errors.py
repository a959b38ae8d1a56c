"""
What may go wrong between rooms.

The peer is wrong: `PeerError`. The world is wrong: a `MailError`. Our own
caller is wrong: `ValueError`, a bug. A refusal by policy is a `Decision`,
not an exception.
"""

from __future__ import annotations

from imailpy.mail import Reply


class PeerError(Exception):
    """
    The SMTP peer said something wrong; `reply` is what it is told.

    `fatal` says that the stream is no longer framed: answer, then close.
    """

    def __init__(self, reply: Reply, fatal: bool = False) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.fatal = fatal


class MailError(Exception):
    """
    Something in the world is not as we need it.

    Attributes:
        temporary: Whether the same may work later.
        enhanced_status: [RFC3463] code that fits.
        public: Safe to tell a stranger.
        private: For the log.
    """

    temporary = True
    enhanced_status = "4.3.0"
    public = "Temporary failure, please try again later"

    def __init__(self, private: str, public: str | None = None) -> None:
        super().__init__(private)
        self.private = private
        if public is not None:
            self.public = public

    @property
    def reply(self) -> Reply:
        """The SMTP reply that tells it."""
        code = 451 if self.temporary else 554
        return Reply(code, self.public, self.enhanced_status)


class StoreUnavailable(MailError):
    """Nothing was stored; the same call may work later."""


class OutcomeUnknown(StoreUnavailable):
    """
    A commit or flush failed: what was asked may or may not be stored.

    The process answers 4xx and ends; recovery at the next start decides.
    """


class StorageFull(StoreUnavailable):
    """No room on the disk, or the free space guard was reached."""

    enhanced_status = "4.3.1"
    public = "Insufficient system storage"

    @property
    def reply(self) -> Reply:
        return Reply(452, self.public, self.enhanced_status)


class StoreRefused(MailError):
    """
    The store cannot be opened; `private` says what is wrong and the remedy.

    Attributes:
        exit_code: With which the process ends.
    """

    temporary = False
    exit_code: int = 78


class StoreForbidden(StoreRefused):
    """The data directory is not ours, or others can get at it."""

    exit_code = 77


class StoreLocked(StoreRefused):
    """Another process has the store open for writing."""

    temporary = True
    exit_code = 75


class OverQuota(MailError):
    """The account's quota leaves no room; nothing was stored."""

    temporary = False
    enhanced_status = "5.2.2"
    public = "Mailbox full"

    @property
    def reply(self) -> Reply:
        return Reply(552, self.public, self.enhanced_status)


class MessageTooLarge(MailError):
    """Over the size that we take."""

    temporary = False
    enhanced_status = "5.3.4"
    public = "Message too big"

    @property
    def reply(self) -> Reply:
        return Reply(552, self.public, self.enhanced_status)


class MailboxError(MailError):
    """An IMAP mailbox operation cannot be done as asked."""

    temporary = False
    enhanced_status = "5.2.0"
    # IMAP response code that tells it [RFC9051 7.1], None for none.
    response_code: str | None = None


class MailboxNotFound(MailboxError):
    """No mailbox of that name."""

    response_code = "NONEXISTENT"
    public = "No such mailbox"


class MailboxExists(MailboxError):
    """There is one of that name already."""

    response_code = "ALREADYEXISTS"
    public = "Mailbox exists already"


class MailboxNameRefused(MailboxError):
    """Not a name that a mailbox may have here."""

    response_code = "CANNOT"
    public = "Invalid mailbox name"


class MailboxHasChildren(MailboxError):
    """It cannot go while it has children or while it is what it is."""

    response_code = "HASCHILDREN"
    public = "Mailbox has children"


class MailboxLimit(MailboxError):
    """Too many mailboxes, keywords, or something else countable."""

    response_code = "LIMIT"
    public = "Too many"


class LoginRefused(MailError):
    """
    Wrong name, password or proof; which one is told to nobody.

    Raised after the same work whether or not the account exists.
    """

    temporary = False
    enhanced_status = "5.7.8"
    public = "Authentication failed"

    @property
    def reply(self) -> Reply:
        return Reply(535, self.public, self.enhanced_status)


class LoginUnavailable(MailError):
    """Whether the login is right could not be found out."""

    enhanced_status = "4.7.0"
    public = "Temporary authentication failure"

    @property
    def reply(self) -> Reply:
        return Reply(454, self.public, self.enhanced_status)


class DirectoryUnavailable(MailError):
    """Whether an address exists could not be found out."""

    enhanced_status = "4.3.0"


class LookupFailed(MailError):
    """DNS did not answer, or not with anything that can be trusted."""

    enhanced_status = "4.4.3"
    public = "DNS lookup failed temporarily"


class ObjectNotFound(MailError):
    """An operator named something that is not there."""

    temporary = False
    public = "Not found"


class ObjectExists(MailError):
    """An operator adds something that is there already."""

    temporary = False
    public = "Exists already"


class QueueFull(MailError):
    """A bounded pool or queue of our own has no room left just now."""

    enhanced_status = "4.3.2"
    public = "Too busy, please try again later"


class LoginMalformed(LoginRefused):
    """The client broke the syntax of a SASL mechanism: nothing was tried."""

    enhanced_status = "5.5.2"
    public = "Malformed authentication exchange"

    @property
    def reply(self) -> Reply:
        return Reply(501, self.public, self.enhanced_status)


class LoginCancelled(LoginRefused):
    """The client gave up with `*`: nothing was tried."""

    enhanced_status = "5.7.0"
    public = "Authentication cancelled"

    @property
    def reply(self) -> Reply:
        return Reply(501, self.public, self.enhanced_status)


class ProcessFailed(MailError):
    """A process ended without an answer."""


class Stuck(BaseException):
    """
    A call was ended by the watchdog.

    No `except Exception` of the code that is stuck catches it.
    """


class HistoryUnavailable(MailError):
    """The decision history is switched off, or cannot be read just now."""

    public = "The decision history is not available"
