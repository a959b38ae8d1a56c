"""Two sessions on one mailbox: EXPUNGE, EXISTS, flags, IDLE."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.listeners.imap import ImapSettings
from tests.support.imap import InMemory
from tests.support.store import SIMPLE, deliver
from tests.support.world import result_of

ALICE = "alice@example.test"


class TwoSessionsTests(InMemory, SynchronousTestCase):
    """Ann and Ben have the same mailbox open."""

    def setUp(self) -> None:
        self.house = self.make_house()
        for _ in range(5):
            deliver(self.house.store, ALICE)
        self.ann = self.house.sign_in(select="INBOX")
        self.ben = self.house.sign_in(select="INBOX")

    def expunge(self, numbers: str) -> None:
        """Ann takes messages away."""
        self.ann.say(f"STORE {numbers} +FLAGS.SILENT (\\Deleted)")
        self.ann.say("EXPUNGE")

    def test_numbers_stay_while_numbers_are_used(self) -> None:
        """FETCH, STORE and SEARCH by number never tell an EXPUNGE."""
        self.expunge("2")
        for command in (
            "FETCH 3 UID",
            "STORE 3 +FLAGS.SILENT (\\Flagged)",
            "SEARCH FLAGGED",
        ):
            said = self.ben.say(command)
            self.assertNotIn("EXPUNGE\n", "\n".join(said) + "\n", command)
        self.assertEqual(self.ben.say("FETCH 3 UID")[0], "* 3 FETCH (UID 3)")
        self.assertEqual(self.ben.say("NOOP")[0], "* 2 EXPUNGE")
        self.assertEqual(self.ben.say("FETCH 2 UID")[0], "* 2 FETCH (UID 3)")

    def test_expunges_are_told_from_above(self) -> None:
        """Several EXPUNGEs are told so that each number is right."""
        self.expunge("1,3,5")
        self.assertEqual(
            self.ben.say("NOOP"),
            ["* 5 EXPUNGE", "* 3 EXPUNGE", "* 1 EXPUNGE", "OK Nothing done"],
        )
        self.assertEqual(self.ben.say("UID SEARCH ALL")[0], "* SEARCH 2 4")

    def test_new_mail_waits_for_expunges(self) -> None:
        """EXISTS never counts a message that is still to be expunged."""
        self.expunge("1")
        deliver(self.house.store, ALICE)
        said = self.ben.say("FETCH 5 UID")
        self.assertEqual(said, ["* 5 FETCH (UID 5)", "OK Fetched"])
        said = self.ben.say("NOOP")
        self.assertEqual(said[:2], ["* 1 EXPUNGE", "* 5 EXISTS"])

    def test_exists_stands_before_its_flags(self) -> None:
        """EXISTS is told before anything of the new message is."""
        uid = deliver(self.house.store, ALICE)
        self.ann.say("NOOP")
        self.ann.say(f"UID STORE {uid} +FLAGS (\\Flagged)")
        said = self.ben.say("NOOP")
        self.assertEqual(
            said,
            [
                "* 6 EXISTS",
                "* 0 RECENT",
                "* 6 FETCH (UID 6 FLAGS (\\Flagged))",
                "OK Nothing done",
            ],
        )

    def test_flags_are_told_to_the_other(self) -> None:
        """Flags that one session changes are told to the other, once."""
        said = self.ann.say("STORE 2 +FLAGS.SILENT (\\Seen)")
        self.assertEqual(said, ["OK Stored"])
        self.assertEqual(
            self.ben.say("NOOP")[0], "* 2 FETCH (UID 2 FLAGS (\\Seen))"
        )
        self.assertEqual(self.ben.say("NOOP"), ["OK Nothing done"])
        self.assertEqual(self.ann.say("NOOP"), ["OK Nothing done"])

    def test_keywords_are_told_before_their_use(self) -> None:
        """A keyword that is new stands in FLAGS before it is used."""
        self.ann.say("STORE 1 +FLAGS (Blue)")
        said = self.ben.say("NOOP")
        self.assertIn("Blue", said[0])
        self.assertTrue(said[0].startswith("* FLAGS ("))
        self.assertIn("PERMANENTFLAGS", said[1])
        self.assertEqual(said[2], "* 1 FETCH (UID 1 FLAGS (Blue))")

    def test_store_on_what_is_gone(self) -> None:
        """STORE passes over what is gone and says so."""
        self.expunge("1")
        said = self.ben.say("STORE 1:2 +FLAGS (\\Seen)")
        self.assertEqual(
            said,
            [
                "* 2 FETCH (FLAGS (\\Seen))",
                "OK [EXPUNGEISSUED] Stored",
            ],
        )

    def test_added_and_gone_in_between(self) -> None:
        """A message that came and went in between is never told."""
        deliver(self.house.store, ALICE)
        self.ann.say("NOOP")
        self.expunge("6")
        self.assertEqual(self.ben.say("NOOP"), ["OK Nothing done"])

    def test_B7_16_uid_expunge_takes_only_its_set(self) -> None:
        """UID EXPUNGE takes only deleted messages of its set."""
        self.ann.say("STORE 1:3 +FLAGS.SILENT (\\Deleted)")
        said = self.ann.say("UID EXPUNGE 2:9")
        self.assertEqual(said, ["* 3 EXPUNGE", "* 2 EXPUNGE", "OK Expunged"])

    def test_B7_16_deleted_mailbox_says_bye(self) -> None:
        """Who has a mailbox open that is deleted is sent away."""
        self.ann.say("CREATE Box")
        self.ben.say("SELECT Box")
        said = self.ann.say("DELETE Box")
        self.assertEqual(said, ["OK Deleted"])
        self.assertEqual(self.ben.heard(), b"* BYE Mailbox was deleted\r\n")
        self.assertTrue(self.ben.transport.disconnecting)

    def test_B7_16_own_mailbox_deleted(self) -> None:
        """Who deletes the mailbox it has open has none open then."""
        self.ann.say("CREATE Box")
        self.ann.say("SELECT Box")
        self.assertEqual(self.ann.say("DELETE Box"), ["OK Deleted"])
        self.assertTrue(self.ann.say("FETCH 1 FLAGS")[-1].startswith("BAD"))
        self.assertEqual(self.ann.say("CREATE Box"), ["OK Created"])
        self.assertEqual(
            self.ann.say("STATUS Box (MESSAGES)")[-1], "OK Counted"
        )

    def test_B7_16_renamed_mailbox_goes_on(self) -> None:
        """A rename does not disturb; a new one of the name is another."""
        self.ann.say("CREATE Box")
        self.ann.append(SIMPLE, "Box")
        self.ben.say("SELECT Box")
        self.ann.say("RENAME Box Other")
        self.ann.say("CREATE Box")
        self.ann.append(SIMPLE, "Other")
        said = self.ben.say("NOOP")
        self.assertEqual(said[0], "* 2 EXISTS")

    def test_rename_inbox_expunges_there(self) -> None:
        """RENAME INBOX moves its messages; who has it open is told."""
        self.assertEqual(self.ann.say("RENAME INBOX Old")[-1], "OK Renamed")
        said = self.ben.say("NOOP")
        self.assertEqual(len([x for x in said if "EXPUNGE" in x]), 5)
        self.assertIn("MESSAGES 5", self.ben.say("STATUS Old (MESSAGES)")[0])

    def test_copy_into_the_open_mailbox(self) -> None:
        """COPY and MOVE into the mailbox itself tell what came and went."""
        said = self.ann.say("COPY 1 INBOX")
        self.assertEqual(said[0], "* 6 EXISTS")
        self.assertIn("[COPYUID ", said[-1])
        said = self.ann.say("MOVE 1 INBOX")
        self.assertIn("[COPYUID ", said[0])
        self.assertEqual(said[1:3], ["* 1 EXPUNGE", "* 6 EXISTS"])


class IdleTests(InMemory, SynchronousTestCase):
    """A client that waits."""

    def setUp(self) -> None:
        self.house = self.make_house()
        deliver(self.house.store, ALICE)
        self.client = self.house.sign_in(select="INBOX")

    def test_changes_are_told_at_once(self) -> None:
        """In IDLE new mail, flags and expunges are told at once."""
        self.assertEqual(self.client.send(b"x IDLE\r\n"), b"+ Idling\r\n")
        deliver(self.house.store, ALICE)
        self.assertEqual(self.client.heard(), b"* 2 EXISTS\r\n* 2 RECENT\r\n")
        other = self.house.sign_in(select="INBOX")
        other.say("STORE 1 +FLAGS (\\Deleted)")
        self.assertIn(b"* 1 FETCH (UID 1 FLAGS", self.client.heard())
        other.say("EXPUNGE")
        self.assertEqual(self.client.heard(), b"* 1 EXPUNGE\r\n")
        self.assertEqual(
            self.client.send(b"DONE\r\n"), b"x OK Done idling\r\n"
        )

    def test_many_changes_are_one_write(self) -> None:
        """What comes in one turn of the reactor is told in one write."""
        self.client.send(b"x IDLE\r\n")
        self.client.transport.written.clear()
        for _ in range(20):
            deliver(self.house.store, ALICE)
        self.assertEqual(
            self.client.heard(), b"* 21 EXISTS\r\n* 21 RECENT\r\n"
        )
        self.assertEqual(len(self.client.transport.written), 1)

    def test_what_came_before_is_told(self) -> None:
        """What came just before IDLE is told when it begins."""
        deliver(self.house.store, ALICE)
        said = self.client.send(b"x IDLE\r\n")
        self.assertEqual(said, b"+ Idling\r\n* 2 EXISTS\r\n* 2 RECENT\r\n")

    def test_B7_9_junk_ends_idle(self) -> None:
        """Anything but DONE ends IDLE with BAD; the session goes on."""
        self.client.send(b"x IDLE\r\n")
        self.assertTrue(
            self.client.send(b"y STARTTLS\r\n").startswith(b"x BAD ")
        )
        self.assertEqual(self.client.say("NOOP"), ["OK Nothing done"])

    def test_B7_9_idle_does_not_last_for_ever(self) -> None:
        """A client that never says DONE is sent away after half an hour."""
        self.client.send(b"x IDLE\r\n")
        self.house.world.advance(29 * 60)
        self.assertEqual(self.client.heard(), b"")
        self.house.world.advance(61)
        self.assertEqual(
            self.client.heard(), b"* BYE [UNAVAILABLE] Autologout\r\n"
        )
        self.assertTrue(self.client.transport.disconnecting)

    def test_B7_9_idle_holds_little(self) -> None:
        """An idle session adds an observer and no copy of the mailbox."""
        self.client.send(b"x IDLE\r\n")
        view = self.client.protocol.view
        self.assertIs(view.uids, view.mailbox.uids)

    def test_idle_mailbox_deleted(self) -> None:
        """An idling client hears at once that its mailbox is gone."""
        mail = self.house.mail()
        result_of(mail.create("Box"))
        self.client.say("SELECT Box")
        self.client.send(b"x IDLE\r\n")
        result_of(mail.delete("Box"))
        self.assertEqual(self.client.heard(), b"* BYE Mailbox was deleted\r\n")

    def test_idle_without_mailbox(self) -> None:
        """IDLE works where no mailbox is selected, and tells nothing."""
        client = self.house.sign_in()
        self.assertEqual(client.send(b"x IDLE\r\n"), b"+ Idling\r\n")
        deliver(self.house.store, ALICE)
        self.assertEqual(client.heard(), b"")
        self.assertEqual(client.send(b"DONE\r\n"), b"x OK Done idling\r\n")


class EndTests(InMemory, SynchronousTestCase):
    """How connections end."""

    def test_slow_to_sign_in(self) -> None:
        """Who does not sign in within a minute is sent away."""
        house = self.make_house(ImapSettings(plaintext_auth=True))
        client = house.connect()
        house.world.advance(61)
        self.assertEqual(client.heard(), b"* BYE [UNAVAILABLE] Autologout\r\n")

    def test_connection_is_cut_in_the_end(self) -> None:
        """Who never takes its leave is cut off after half a minute."""
        house = self.make_house()
        client = house.connect()
        client.say("LOGOUT")
        self.assertTrue(client.transport.disconnecting)
        self.assertFalse(client.transport.disconnected)
        house.world.advance(31)
        self.assertTrue(client.transport.disconnected)

    def test_stop_says_bye(self) -> None:
        """A server that stops says BYE to everybody."""
        house = self.make_house()
        client = house.sign_in(select="INBOX")
        result_of(house.factory.stop())
        self.assertEqual(
            client.heard(),
            b"* BYE [UNAVAILABLE] Server is shutting down\r\n",
        )

    def test_lost_connection_lets_go(self) -> None:
        """After a lost connection no mailbox is watched any more."""
        house = self.make_house()
        client = house.sign_in(select="INBOX")
        box = client.protocol.view.mailbox
        client.lose()
        self.assertEqual(box._observers, [])
        deliver(house.store, ALICE)
        self.assertEqual(client.gate.stages()[-1], "closed")

    def test_bug_is_not_told(self) -> None:
        """A bug is NO [SERVERBUG] without a word of Python."""
        house = self.make_house()
        client = house.sign_in(select="INBOX")

        def broken(*a: object, **k: object) -> None:
            raise RuntimeError("secret internals")

        self.patch(client.protocol.view.mailbox, "expunge", broken)
        self.assertEqual(
            client.say("EXPUNGE"), ["NO [SERVERBUG] Internal error"]
        )
        self.assertEqual(client.say("NOOP"), ["OK Nothing done"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertIn("imap.failed", house.journal.names())
