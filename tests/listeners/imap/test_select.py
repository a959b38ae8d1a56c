"""SELECT, EXAMINE, STATUS, CLOSE, UNSELECT."""

from twisted.trial.unittest import SynchronousTestCase

from tests.support.imap import InMemory
from tests.support.store import deliver

ALICE = "alice@example.test"


class SelectTests(InMemory, SynchronousTestCase):
    """One session opens and closes mailboxes."""

    def setUp(self) -> None:
        self.house = self.make_house()
        self.client = self.house.sign_in()

    def test_select_tells_the_mailbox(self) -> None:
        """SELECT tells flags, counts, UIDVALIDITY, UIDNEXT, first unseen."""
        for flags in (1, 0, 0):
            deliver(self.house.store, ALICE, flags=flags)
        said = self.client.say("SELECT INBOX")
        system = "\\Seen \\Answered \\Flagged \\Deleted \\Draft"
        self.assertEqual(said[0], f"* FLAGS ({system})")
        self.assertIn(f"[PERMANENTFLAGS ({system} \\*)]", said[1])
        self.assertEqual(said[2:4], ["* 3 EXISTS", "* 3 RECENT"])
        self.assertIn("[UNSEEN 2]", said[4])
        self.assertIn("[UIDVALIDITY ", said[5])
        self.assertIn("[UIDNEXT 4]", said[6])
        self.assertEqual(said[7], "OK [READ-WRITE] Selected")

    def test_examine_changes_nothing(self) -> None:
        """After EXAMINE no command changes flags or takes messages away."""
        deliver(self.house.store, ALICE, flags=8)
        said = self.client.say("EXAMINE INBOX")
        self.assertIn("[PERMANENTFLAGS ()]", said[1])
        self.assertEqual(said[-1], "OK [READ-ONLY] Selected")
        for command in (
            "STORE 1 +FLAGS (\\Seen)",
            "EXPUNGE",
            "UID EXPUNGE 1",
            "MOVE 1 Trash",
        ):
            self.assertIn("NO [READ-ONLY]", self.client.say(command)[-1])
        self.client.say("FETCH 1 BODY[]")
        self.assertEqual(
            self.client.say("FETCH 1 FLAGS")[0],
            "* 1 FETCH (FLAGS (\\Deleted \\Recent))",
        )
        self.client.say("CLOSE")
        self.assertIn(
            "MESSAGES 1", self.client.say("STATUS INBOX (MESSAGES)")[0]
        )

    def test_failed_select_leaves_nothing_selected(self) -> None:
        """A SELECT that fails closes what was selected before."""
        self.client.say("SELECT INBOX")
        said = self.client.say("SELECT Nowhere")
        self.assertIn("[CLOSED]", said[0])
        self.assertEqual(said[-1], "NO [NONEXISTENT] No such mailbox")
        self.assertTrue(self.client.say("FETCH 1 FLAGS")[-1].startswith("BAD"))

    def test_name_that_cannot_be_closes_too(self) -> None:
        """A SELECT refused for its name closes the mailbox as well."""
        self.client.say("SELECT INBOX")
        self.assertIn("NO [CANNOT]", self.client.say("SELECT a/../b")[-1])
        self.assertIsNone(self.client.protocol.view)
        self.assertTrue(self.client.say("NOOP")[-1].startswith("OK"))

    def test_close_expunges_without_a_word(self) -> None:
        """CLOSE takes deleted messages away and tells no EXPUNGE."""
        deliver(self.house.store, ALICE, flags=8)
        deliver(self.house.store, ALICE)
        self.client.say("SELECT INBOX")
        self.assertEqual(self.client.say("CLOSE"), ["OK Closed"])
        self.assertIn(
            "(MESSAGES 1 DELETED 0)",
            self.client.say("STATUS INBOX (MESSAGES DELETED)")[0],
        )

    def test_unselect_expunges_nothing(self) -> None:
        """UNSELECT leaves deleted messages where they are."""
        deliver(self.house.store, ALICE, flags=8)
        self.client.say("SELECT INBOX")
        self.assertEqual(self.client.say("UNSELECT"), ["OK Unselected"])
        self.assertIn(
            "MESSAGES 1", self.client.say("STATUS INBOX (MESSAGES)")[0]
        )

    def test_status_tells_what_is_asked(self) -> None:
        """STATUS gives each item that was asked for, once."""
        deliver(self.house.store, ALICE, b"a: b\r\n\r\n", prefix=b"")
        said = self.client.say(
            "STATUS inbox (SIZE MESSAGES SIZE UNSEEN RECENT UIDNEXT)"
        )
        self.assertEqual(
            said[0],
            "* STATUS INBOX (SIZE 8 MESSAGES 1 UNSEEN 1 RECENT 1 UIDNEXT 2)",
        )
        self.assertIn(
            "NO [NONEXISTENT]",
            self.client.say("STATUS Nowhere (MESSAGES)")[-1],
        )

    def test_recent_is_told_once(self) -> None:
        """A message is recent for the first session that may change it."""
        deliver(self.house.store, ALICE)
        self.assertIn("* 1 RECENT", self.client.say("EXAMINE INBOX"))
        self.assertIn("* 1 RECENT", self.client.say("SELECT INBOX"))
        other = self.house.sign_in()
        self.assertIn("* 0 RECENT", other.say("SELECT INBOX"))
        self.assertIn("RECENT 0", other.say("STATUS INBOX (RECENT)")[0])
        self.assertEqual(self.client.say("SEARCH NEW")[0], "* SEARCH 1")
        self.assertEqual(other.say("SEARCH NEW")[0], "* SEARCH")

    def test_first_unseen_far_behind(self) -> None:
        """The first unseen message is found where the rest is read."""
        for flags in (1,) * 30 + (0,):
            deliver(self.house.store, ALICE, flags=flags)
        self.patch_look_at(4)
        self.assertIn("[UNSEEN 31]", "".join(self.client.say("SELECT INBOX")))

    def patch_look_at(self, count: int) -> None:
        """Make SELECT look at few messages."""
        self.patch("imailpy.listeners.imap.select", "_LOOK_AT", count)

    def patch(self, module: str, name: str, value: object) -> None:  # type: ignore[override]
        """Patch a name in a module."""
        import importlib

        super().patch(importlib.import_module(module), name, value)
