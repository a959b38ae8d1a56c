"""The tests of one listener again, on the durable store."""

from tests.listeners.imap import (
    test_append,
    test_fetch,
    test_mailboxes,
    test_search,
    test_select,
    test_sessions,
)
from tests.support.imap import OnDisk


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
