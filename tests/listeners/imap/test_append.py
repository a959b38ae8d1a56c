"""APPEND, COPY, MOVE: what goes into mailboxes."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import StorageFull, StoreUnavailable
from imailpy.listeners.imap import ImapSettings
from tests.support.imap import InMemory
from tests.support.store import SIMPLE, account_of
from tests.support.world import result_of

ALICE = "alice@example.test"


class AppendTests(InMemory, SynchronousTestCase):
    """One client stores messages."""

    def setUp(self) -> None:
        self.house = self.make_house(
            ImapSettings(plaintext_auth=True, append_limit_octets=10_000)
        )
        self.client = self.house.sign_in()

    def count(self, mailbox: str = "INBOX") -> str:
        """How many messages there are."""
        said = self.client.say(f"STATUS {mailbox} (MESSAGES)")[0]
        return said.rpartition(" ")[2].rstrip(")")

    def test_what_went_in_comes_out(self) -> None:
        """A message, its flags and its date are kept as they were given."""
        date = '"17-Jul-1996 02:44:25 -0700"'
        head = f"APPEND Sent (\\Seen $Forwarded) {date} {{{len(SIMPLE)}+}}\r\n"
        said = self.client.say(head.encode() + SIMPLE)
        self.assertRegex(said[-1], r"^OK \[APPENDUID \d+ 1\] Appended$")
        self.client.say("SELECT Sent")
        said = self.client.say("FETCH 1 (FLAGS INTERNALDATE)")
        self.assertEqual(
            said[0],
            "* 1 FETCH (FLAGS (\\Seen \\Recent $Forwarded)"
            ' INTERNALDATE "17-Jul-1996 09:44:25 +0000")',
        )
        octets = self.client.send(b"x FETCH 1 BODY.PEEK[]\r\n")
        self.assertIn(SIMPLE + b")\r\n", octets)

    def test_waiting_literal(self) -> None:
        """A literal that waits is invited, and not before it is wanted."""
        head = f"x APPEND INBOX {{{len(SIMPLE)}}}\r\n".encode()
        self.assertTrue(self.client.send(head).startswith(b"+ "))
        said = self.client.send(SIMPLE + b"\r\n")
        self.assertIn(b"x OK [APPENDUID", said)

    def test_missing_mailbox(self) -> None:
        """APPEND to what is not there is told before the message comes."""
        self.assertEqual(
            self.client.send(b"x APPEND Nope {5}\r\n"),
            b"x NO [TRYCREATE] No such mailbox\r\n",
        )
        self.assertEqual(
            self.client.append(SIMPLE, "Nope"),
            ["NO [TRYCREATE] No such mailbox"],
        )
        self.assertEqual(self.client.say("NOOP"), ["OK Nothing done"])

    def test_too_big(self) -> None:
        """A message over the limit is NO [TOOBIG] before it comes."""
        said = self.client.send(b"x APPEND INBOX {10001}\r\n")
        self.assertTrue(said.startswith(b"x NO [TOOBIG]"))
        self.assertEqual(self.client.say("NOOP"), ["OK Nothing done"])
        said = self.client.append(b"a" * 10_001)
        self.assertTrue(said[0].startswith("NO [TOOBIG]"))
        # What is pushed without asking is not read to its end.
        self.assertTrue(said[1].startswith("* BYE"))
        self.client = self.house.sign_in()
        self.assertEqual(self.count(), "0")

    def test_over_quota(self) -> None:
        """A message that the quota has no room for is NO [OVERQUOTA]."""
        account = account_of(self.house.store, ALICE)
        result_of(
            self.house.store.directory.update_account(
                evolve(account, quota_octets=400)
            )
        )
        client = self.house.sign_in()
        self.assertIn("OK ", client.append(SIMPLE)[-1])
        self.assertEqual(
            client.send(b"x APPEND INBOX {300}\r\n"),
            b"x NO [OVERQUOTA] Mailbox full\r\n",
        )
        said = client.send(
            b"x APPEND INBOX {%d+}\r\n%b {%d+}\r\n%b\r\n"
            % (len(SIMPLE), SIMPLE, len(SIMPLE), SIMPLE)
        )
        self.assertEqual(said, b"x NO [OVERQUOTA] Mailbox full\r\n")
        self.assertEqual(self.count(), "1")

    def test_multiappend_is_all_or_none(self) -> None:
        """Several messages go in together, or none of them does."""
        size = len(SIMPLE)
        said = self.client.send(
            b"x APPEND INBOX (\\Seen) {%d+}\r\n%b (\\Flagged) {%d+}\r\n%b\r\n"
            % (size, SIMPLE, size, SIMPLE)
        )
        self.assertRegex(said, rb"^x OK \[APPENDUID \d+ 1:2\]")
        said = self.client.send(
            b"x APPEND INBOX {%d+}\r\n%b (\\Flagged) {10001+}\r\n%b\r\n"
            % (size, SIMPLE, b"a" * 10_001)
        )
        self.assertTrue(said.startswith(b"x NO [TOOBIG]"), said)
        self.client.lose()
        self.assertIsNone(self.client.protocol.appending)
        self.client = self.house.sign_in()
        self.assertEqual(self.count(), "2")

    def test_too_many_in_one(self) -> None:
        """More messages than we take in one command are none."""
        house = self.make_house(
            ImapSettings(plaintext_auth=True, append_most=2)
        )
        client = house.sign_in()
        said = client.send(b"x APPEND INBOX" + b" {2+}\r\nab" * 3 + b"\r\n")
        self.assertTrue(said.startswith(b"x NO [LIMIT]"), said)
        self.assertIn("MESSAGES 0", client.say("STATUS INBOX (MESSAGES)")[0])

    def test_disk_full_while_it_comes(self) -> None:
        """No room for a message is told at once; the session goes on."""

        class Full:
            size_octets = 0

            def write(self, octets: bytes) -> None:
                raise StorageFull("no room")

            def discard(self) -> None:
                pass

        self.patch(self.house.store.spool, "incoming", lambda size: Full())
        said = self.client.append(SIMPLE)
        self.assertEqual(
            said, ["NO [UNAVAILABLE] Insufficient system storage"]
        )
        self.assertEqual(self.client.say("NOOP"), ["OK Nothing done"])

    def test_store_unavailable(self) -> None:
        """A store that cannot store just now is NO [UNAVAILABLE]."""
        box = result_of(self.house.mail().open("INBOX"))

        async def down(*a: object, **k: object) -> None:
            raise StoreUnavailable("the disk hangs")

        self.patch(box, "append", down)
        said = self.client.append(SIMPLE)
        self.assertTrue(said[-1].startswith("NO [UNAVAILABLE]"))
        self.assertNotIn("hangs", said[-1])
        self.assertIn("imap.refused", self.house.journal.names())

    def test_connection_lost_in_the_middle(self) -> None:
        """Half a message is no message."""
        self.client.send(b"x APPEND INBOX {100+}\r\nabc")
        appending = self.client.protocol.appending
        self.client.lose()
        self.assertIsNone(appending.incoming)
        self.assertIsNone(self.client.protocol.appending)
        self.client = self.house.sign_in()
        self.assertEqual(self.count(), "0")

    def test_append_to_the_open_mailbox(self) -> None:
        """APPEND to the selected mailbox tells EXISTS before its OK."""
        self.client.say("SELECT INBOX")
        said = self.client.append(SIMPLE)
        self.assertEqual(said[:2], ["* 1 EXISTS", "* 1 RECENT"])
        self.assertIn("APPENDUID", said[2])


class CopyMoveTests(InMemory, SynchronousTestCase):
    """One client copies and moves."""

    def setUp(self) -> None:
        self.house = self.make_house()
        self.client = self.house.sign_in(select="INBOX")
        for _ in range(3):
            self.client.append(SIMPLE, flags="\\Flagged")

    def test_copyuid_tells_pairs(self) -> None:
        """COPYUID tells which UIDs became which."""
        said = self.client.say("UID COPY 1,3:9 Archive")
        self.assertRegex(said[0], r"^OK \[COPYUID \d+ 1,3 1:2\] Copied$")
        self.assertEqual(
            self.client.say("UID COPY 99 Archive"), ["OK Nothing to copy"]
        )

    def test_move_tells_before_it_expunges(self) -> None:
        """MOVE tells COPYUID, then the EXPUNGEs, then OK."""
        said = self.client.say("MOVE 1:2 Archive")
        self.assertRegex(said[0], r"^\* OK \[COPYUID \d+ 1:2 1:2\] Moved$")
        self.assertEqual(said[1:], ["* 2 EXPUNGE", "* 1 EXPUNGE", "OK Moved"])
        self.client.say("SELECT Archive")
        self.assertIn("\\Flagged", self.client.say("FETCH 1 FLAGS")[0])

    def test_target_that_is_not(self) -> None:
        """COPY and MOVE to what is not there are NO [TRYCREATE]."""
        for command in ("COPY", "MOVE", "UID COPY", "UID MOVE"):
            self.assertEqual(
                self.client.say(f"{command} 1 Nope"),
                ["NO [TRYCREATE] No such mailbox"],
            )
        self.assertEqual(self.client.say("SEARCH ALL")[0], "* SEARCH 1 2 3")

    def test_store_modes(self) -> None:
        """STORE replaces, adds and takes away flags and keywords."""
        for command, flags in (
            ("FLAGS (\\Seen A)", "(\\Seen \\Recent A)"),
            ("+FLAGS (\\Draft B)", "(\\Seen \\Draft \\Recent A B)"),
            ("-FLAGS (\\Seen A)", "(\\Draft \\Recent B)"),
            ("FLAGS ()", "(\\Recent)"),
        ):
            said = self.client.say(f"STORE 2 {command}")
            self.assertEqual(said[-2], f"* 2 FETCH (FLAGS {flags})")
        said = self.client.say("UID STORE 2 +FLAGS (\\Seen)")
        self.assertEqual(said[0], "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))")
