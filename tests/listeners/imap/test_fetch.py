"""FETCH: items, sections, partials, flow control."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import StorageFull
from tests.support.imap import InMemory
from tests.support.store import SIMPLE, deliver

ALICE = "alice@example.test"

PARTS = (
    b"From: Ann <ann@client.example>\r\n"
    b"X-Odd: one\r\n"
    b"x-odd: two\r\n"
    b"Subject: parts\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n'
    b"\r\n"
    b"preamble\r\n"
    b"--b\r\n"
    b"Content-Type: text/plain\r\n"
    b"\r\n"
    b"first part\r\n"
    b"--b\r\n"
    b"Content-Type: message/rfc822\r\n"
    b"\r\n"
    b"Subject: inner\r\n"
    b"To: someone@example.test\r\n"
    b"\r\n"
    b"inner text\r\n"
    b"--b--\r\n"
)


class FetchTests(InMemory, SynchronousTestCase):
    """One session reads messages."""

    def setUp(self) -> None:
        self.house = self.make_house()
        for octets in (SIMPLE, PARTS):
            deliver(self.house.store, ALICE, octets, prefix=b"X-P: 1\r\n")
        # Recent for a session that has gone.
        self.house.sign_in(select="INBOX").say("LOGOUT")
        self.client = self.house.sign_in(select="INBOX")

    def section(self, item: str, number: int = 2) -> bytes | None:
        """Fetch one section; gives its octets, None for NIL."""
        said = self.client.send(b"x FETCH %d %b\r\n" % (number, item.encode()))
        if b"NIL)" in said:
            return None
        head, _, rest = said.partition(b"}\r\n")
        size = int(head.rpartition(b"{")[2])
        self.assertEqual(rest[size:], b")\r\nx OK Fetched\r\n")
        return rest[:size]

    def test_items_come_as_asked(self) -> None:
        """Every item is given in the order asked for."""
        said = self.client.say("FETCH 1 (RFC822.SIZE FLAGS UID INTERNALDATE)")
        size = len(SIMPLE) + len(b"X-P: 1\r\n")
        self.assertEqual(
            said[0],
            f"* 1 FETCH (RFC822.SIZE {size} FLAGS () UID 1"
            ' INTERNALDATE "15-Jun-2025 15:06:40 +0000")',
        )

    def test_fields_past_the_listed(self) -> None:
        """A field behind very many others is given and found all the same."""
        many = b"X-Many: 1\r\n" * 1200
        late = b"From: a@b.test\r\n" + many + b"Subject: late\r\n\r\nx\r\n"
        deliver(self.house.store, ALICE, late)
        self.client.say("NOOP")
        for item in (
            "BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
            "BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.99>",
        ):
            self.assertEqual(
                self.section(item, 3), b"Subject: late\r\n\r\n", item
            )
        for key in ("SUBJECT late", "HEADER subject late"):
            said = self.client.say(f"SEARCH {key} FROM a@b.test")
            self.assertEqual(said[0], "* SEARCH 3", key)
        self.assertEqual(
            self.client.say("SEARCH SUBJECT lately")[0], "* SEARCH"
        )

    def test_uid_fetch_tells_uid(self) -> None:
        """UID FETCH tells the UID, asked for or not, once."""
        for items in ("FLAGS", "(UID FLAGS)"):
            self.assertEqual(
                self.client.say(f"UID FETCH 2:9 {items}"),
                ["* 2 FETCH (UID 2 FLAGS ())", "OK Fetched"],
            )

    def test_number_that_is_not_is_bad(self) -> None:
        """A number above EXISTS is BAD, and the session goes on."""
        for numbers in ("3", "1:3", "3:*"):
            said = self.client.say(f"FETCH {numbers} FLAGS")
            self.assertEqual(said, ["BAD No such message number"])
        self.assertEqual(self.client.say("UID FETCH 99 FLAGS"), ["OK Fetched"])

    def test_empty_mailbox_takes_every_star(self) -> None:
        """FETCH 1:* of an empty mailbox gives nothing and is no error."""
        self.client.say("SELECT Trash")
        self.assertEqual(self.client.say("FETCH 1:* FLAGS"), ["OK Fetched"])
        self.assertEqual(self.client.say("UID FETCH 1:* UID"), ["OK Fetched"])

    def test_whole_message_has_its_prefix(self) -> None:
        """BODY[] is prefix and body, byte for byte."""
        self.assertEqual(
            self.section("BODY.PEEK[]", 1), b"X-P: 1\r\n" + SIMPLE
        )
        self.assertEqual(
            self.section("RFC822.HEADER", 1),
            b"X-P: 1\r\n" + SIMPLE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
        )
        self.assertEqual(self.section("RFC822.TEXT", 1), b"Good day.\r\n")

    def test_sections_of_parts(self) -> None:
        """Each part, its MIME header, and the message inside are found."""
        self.assertEqual(self.section("BODY.PEEK[1]"), b"first part")
        self.assertEqual(
            self.section("BODY.PEEK[1.MIME]"),
            b"Content-Type: text/plain\r\n\r\n",
        )
        self.assertEqual(self.section("BODY.PEEK[2.TEXT]"), b"inner text")
        self.assertEqual(
            self.section("BODY.PEEK[2.HEADER.FIELDS (SUBJECT)]"),
            b"Subject: inner\r\n\r\n",
        )
        self.assertEqual(self.section("BODY.PEEK[2.1]"), b"inner text")
        for absent in ("3", "1.1", "1.HEADER", "1.TEXT", "2.2"):
            self.assertIsNone(self.section(f"BODY.PEEK[{absent}]"), absent)

    def test_header_fields(self) -> None:
        """HEADER.FIELDS gives fields of any case, prefix included."""
        self.assertEqual(
            self.section("BODY.PEEK[HEADER.FIELDS (x-ODD X-p)]"),
            b"X-P: 1\r\nX-Odd: one\r\nx-odd: two\r\n\r\n",
        )
        self.assertEqual(
            self.section("BODY.PEEK[HEADER.FIELDS (Subject From)]"),
            b"From: Ann <ann@client.example>\r\nSubject: parts\r\n\r\n",
        )
        self.assertEqual(
            self.section(
                "BODY.PEEK[HEADER.FIELDS.NOT (X-P X-Odd From Content-Type)]"
            ),
            b"Subject: parts\r\n\r\n",
        )

    def test_listed_fields_need_no_body(self) -> None:
        """Header fields that clients list are given without the body."""
        box = self.client.protocol.view.mailbox

        async def no_body(uid: int) -> None:
            raise AssertionError("the body was opened")

        self.patch(box, "body", no_body)
        self.assertEqual(
            self.section("BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)]", 1),
            b"From: Ann <ann@client.example>\r\nSubject: Hello\r\n"
            b"Date: Thu, 1 Jan 2026 12:00:00 +0000\r\n\r\n",
        )

    def test_B7_7_partials(self) -> None:
        """Any partial gives what there is of it, or BAD; nothing breaks."""
        text = b"Good day.\r\n"
        for start, count in ((0, 4), (5, 100), (10, 1), (11, 5)):
            self.assertEqual(
                self.section(f"BODY.PEEK[TEXT]<{start}.{count}>", 1),
                text[start : start + count],
            )
        for item in ("BODY[]<4294967295.1>", "BODY[1.1.1.1.1]<7.1>"):
            self.assertTrue(
                self.client.say(f"FETCH 1 {item}")[-1].startswith("OK")
            )
        for item in (
            "BODY[]<0.0>",
            "BODY[]<18446744073709551616.1>",
            "BODY[0]",
            f"BODY[{'1.' * 200}1]",
            f"BODY[HEADER.FIELDS ({' '.join('x' * 5000)})]",
        ):
            said = self.client.say(f"FETCH 1 {item}")
            self.assertTrue(said[-1].startswith("BAD"), item)
        self.assertEqual(self.house.journal.names().count("imap.failed"), 0)

    def test_partial_of_fields(self) -> None:
        """A partial of HEADER.FIELDS is cut like any other."""
        self.assertEqual(
            self.section("BODY.PEEK[HEADER.FIELDS (SUBJECT)]<3.6>", 1),
            b"ject: ",
        )

    def test_reading_sets_seen(self) -> None:
        """A body that is read becomes \\Seen, and the answer tells so."""
        said = self.client.say("FETCH 1 BODY.PEEK[TEXT]")
        self.assertEqual(said[0], "* 1 FETCH (BODY[TEXT] {11}")
        said = self.client.say("FETCH 1 BODY[TEXT]")
        self.assertEqual(said[0], "* 1 FETCH (FLAGS (\\Seen) BODY[TEXT] {11}")
        said = self.client.say("FETCH 1 BODY[TEXT]")
        self.assertEqual(said[0], "* 1 FETCH (BODY[TEXT] {11}")
        said = self.client.say("FETCH 2 (FLAGS RFC822.TEXT)")
        self.assertIn("* 2 FETCH (FLAGS (\\Seen) RFC822.TEXT {", said[0])

    def test_full_disk_does_not_stop_reading(self) -> None:
        """A mail can be read although \\Seen cannot be kept."""

        async def full(*a: object, **k: object) -> None:
            raise StorageFull("no room")

        self.patch(self.client.protocol.view.mailbox, "store", full)
        said = self.client.say("FETCH 1 BODY[TEXT]")
        self.assertEqual(said[0], "* 1 FETCH (BODY[TEXT] {11}")
        self.assertEqual(said[-1], "OK Fetched")
        self.assertIn("imap.seen_not_kept", self.house.journal.names())

    def test_B7_6_items_twice_are_given_once(self) -> None:
        """A thousand times the same item is answered once a message."""
        items = " ".join(["BODY.PEEK[]", "FLAGS"] * 500)
        said = self.client.send(f"x FETCH 1:2 ({items})\r\n".encode())
        self.assertEqual(said.count(b"BODY[]"), 2)
        self.assertEqual(said.count(b"FLAGS"), 2)

    def test_more_than_one_portion(self) -> None:
        """A listing of many messages is complete and in order."""
        for _ in range(600):
            deliver(self.house.store, ALICE)
        client = self.house.sign_in(select="INBOX")
        said = client.say("FETCH 1:* (UID RFC822.SIZE)")
        self.assertEqual(len(said), 603)
        numbers = [int(line.split()[1]) for line in said[:-1]]
        self.assertEqual(numbers, list(range(1, 603)))

    def test_expunged_meanwhile(self) -> None:
        """A message that is gone is left out, its number stays taken."""
        other = self.house.sign_in(select="INBOX")
        other.say("STORE 1 +FLAGS.SILENT (\\Deleted)")
        other.say("EXPUNGE")
        for items in ("FLAGS", "(UID ENVELOPE)", "BODY.PEEK[]"):
            said = self.client.send(f"x FETCH 1:2 {items}\r\n".encode())
            self.assertIn(b"* 2 FETCH (", said)
            self.assertNotIn(b"* 1 FETCH (", said)
            self.assertNotIn(b"EXPUNGE\r\n", said)
            self.assertIn(b"x OK [EXPUNGEISSUED]", said)
        said = self.client.say("UID FETCH 1:2 FLAGS")
        self.assertEqual(
            said, ["* 2 FETCH (UID 2 FLAGS ())", "* 1 EXPUNGE", "OK Fetched"]
        )


class FlowTests(InMemory, SynchronousTestCase):
    """A client that reads slowly, or not at all."""

    def setUp(self) -> None:
        self.house = self.make_house()
        self.large = b"Subject: large\r\n\r\n" + b"x" * 70 * 1024 * 40
        deliver(self.house.store, ALICE, self.large, prefix=b"")
        self.client = self.house.sign_in(select="INBOX")

    def test_B7_6_unsent_is_bounded(self) -> None:
        """A body goes out as fast as the client reads, in small writes."""
        transport = self.client.transport
        transport.room = 65_536
        transport.written.clear()
        self.client.protocol.dataReceived(b"x FETCH 1 BODY.PEEK[]\r\n")
        got = []
        for _ in range(200):
            self.house.settle()
            octets = transport.read(65_536)
            self.assertLessEqual(len(octets), 256 * 1024)
            got.append(octets)
            if octets.endswith(b"x OK Fetched\r\n"):
                break
        said = b"".join(got)
        self.assertIn(self.large, said)
        self.assertLessEqual(max(transport.written), 128 * 1024)

    def test_B7_6_who_reads_nothing_is_not_answered(self) -> None:
        """Commands of a client that does not read wait, as does its input."""
        transport = self.client.transport
        transport.room = 1000
        for _ in range(200):
            self.client.protocol.dataReceived(b"x NOOP\r\n" * 1000)
        self.house.settle()
        self.assertLess(len(transport.value()), 64 * 1024)
        self.assertEqual(transport.producerState, "paused")

    def test_client_that_goes_in_the_middle(self) -> None:
        """A client that goes while a body is sent leaves nothing behind."""
        transport = self.client.transport
        transport.room = 1000
        self.client.protocol.dataReceived(b"x FETCH 1 BODY.PEEK[]\r\n")
        self.client.lose()
        self.assertEqual(self.client.gate.stages()[-1], "closed")
        self.assertEqual(len(self.house.factory.connections), 0)
        self.assertNotIn("imap.failed", self.house.journal.names())

    def test_body_cut_short_ends_the_connection(self) -> None:
        """When the store fails inside a literal, nothing more is said."""
        box = self.client.protocol.view.mailbox
        real = box.body

        async def short(uid: int) -> object:
            body = await real(uid)
            chunks = body.chunks

            class Short:
                def chunks(self, start: int, end: int) -> object:
                    return chunks(start, end - 5)

                def release(self) -> None:
                    pass

            return Short()

        self.patch(box, "body", short)
        said = self.client.send(b"x FETCH 1 BODY.PEEK[TEXT]\r\n")
        self.assertNotIn(b"\r\nx ", said)
        self.assertTrue(self.client.transport.disconnected)
        self.flushLoggedErrors()
