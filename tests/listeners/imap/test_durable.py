"""The tests of one listener again, on the durable store."""

from twisted.trial.unittest import SynchronousTestCase

from tests.listeners.imap import (
    test_append,
    test_fetch,
    test_mailboxes,
    test_search,
    test_select,
    test_sessions,
)
from tests.support.imap import OnDisk
from tests.support.store import SIMPLE


class AppendTests(OnDisk, test_append.AppendTests):
    """On disk."""


class CopyMoveTests(OnDisk, test_append.CopyMoveTests):
    """On disk."""


class FetchTests(OnDisk, test_fetch.FetchTests):
    """On disk."""


class FlowTests(OnDisk, test_fetch.FlowTests):
    """On disk."""


class MailboxTests(OnDisk, test_mailboxes.MailboxTests):
    """On disk."""


class SearchTests(OnDisk, test_search.SearchTests):
    """On disk."""


class SelectTests(OnDisk, test_select.SelectTests):
    """On disk."""


class EndTests(OnDisk, test_sessions.EndTests):
    """On disk."""


class IdleTests(OnDisk, test_sessions.IdleTests):
    """On disk."""


class TwoSessionsTests(OnDisk, test_sessions.TwoSessionsTests):
    """On disk."""


class LateTests(OnDisk, SynchronousTestCase):
    """The disk takes its time."""

    def setUp(self) -> None:
        self.house = self.make_house()
        self.client = self.house.sign_in(select="INBOX")
        self.other = self.house.sign_in(select="INBOX")
        self.threads = self.house.world.threads
        self.threads.held = True

    def go(self) -> bytes:
        """Let the disk do what was asked; gives what the client hears."""
        self.threads.go()
        return self.client.heard()

    def test_late_refusals_are_refusals(self) -> None:
        """What the store refuses later is refused with its code."""
        said = self.client.send(b"a DELETE Nope\r\nb NOOP\r\n")
        self.assertEqual(said, b"")
        self.assertEqual(
            self.go(),
            b"a NO [NONEXISTENT] No such mailbox\r\nb OK Nothing done\r\n",
        )
        self.assertNotIn("imap.failed", self.house.journal.names())

    def test_yes_is_said_once_it_is_kept(self) -> None:
        """APPEND is OK only once the disk has the message."""
        said = self.client.send(
            b"a APPEND INBOX {%d+}\r\n%b\r\nb SEARCH ALL\r\n"
            % (len(SIMPLE), SIMPLE)
        )
        self.assertEqual(said, b"")
        said = self.go()
        self.assertIn(b"* 1 EXISTS\r\n* 1 RECENT\r\na OK [APPENDUID", said)
        self.assertTrue(said.endswith(b"* SEARCH 1\r\nb OK Searched\r\n"))

    def test_changes_wait_for_the_end_of_a_command(self) -> None:
        """Nothing of others is told in the middle of a command."""
        self.other.protocol.dataReceived(
            b"o APPEND INBOX {%d+}\r\n%b\r\n" % (len(SIMPLE), SIMPLE)
        )
        self.client.send(b"a CREATE Box\r\n")
        self.assertEqual(
            self.go(), b"* 1 EXISTS\r\n* 0 RECENT\r\na OK Created\r\n"
        )

    def test_lost_while_the_disk_works(self) -> None:
        """A client that goes while the disk works leaves nothing behind."""
        self.client.send(b"a SELECT INBOX\r\nb CREATE Box\r\n")
        box = self.other.protocol.view.mailbox
        self.client.lose()
        self.threads.go()
        self.house.settle()
        self.assertEqual(box._observers, [self.other.protocol.view])
        self.assertNotIn("imap.failed", self.house.journal.names())
