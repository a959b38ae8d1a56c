"""Nobody gets a report of mail that he did not send."""

from __future__ import annotations

from attrs import evolve

from tests.protocol.smtp.driving import codes
from tests.roof.rooms import ALICE, BOB, RoomsCase
from tests.support.still_world import result_of
from tests.support.store import account_of


class BackscatterTests(RoomsCase):
    """SECURITY.md B13.6, as far as the realm goes."""

    def test_B13_6_refused_in_session(self) -> None:
        """Unknown recipients and mailboxes without room are refused while
        the client is there; nothing is queued, no report is made."""
        directory = self.store.directory
        bob = account_of(self.store, BOB)
        result_of(directory.update_account(evolve(bob, quota_octets=10)))
        talker = self.call(25)
        said = talker.say(
            b"MAIL FROM:<victim@elsewhere.test>\r\n"
            b"RCPT TO:<nobody@example.test>\r\n"
            b"RCPT TO:<dan@elsewhere.test>\r\n"
            b"DATA\r\n",
            0.1,
        )
        self.assertEqual(codes(said), [250, 550, 550, 554])
        talker.say(b"RSET\r\n")
        said = talker.say(
            f"MAIL FROM:<victim@elsewhere.test> SIZE=100\r\n"
            f"RCPT TO:<{BOB}>\r\n".encode()
        )
        self.assertEqual(codes(said), [250, 452])
        talker.say(b"RSET\r\n")
        said = talker.say(
            f"MAIL FROM:<victim@elsewhere.test>\r\nRCPT TO:<{BOB}>\r\n"
            "DATA\r\nSubject: too large\r\n\r\nx\r\n.\r\n".encode()
        )
        self.assertEqual(codes(said), [250, 250, 354, 452])
        self.world.run(60.0)
        self.assertEqual(list(result_of(self.store.queue.rows())), [])
        self.assertEqual(self.mails(ALICE), [])
        self.assertNotIn("dsn.made", self.journal.names())
