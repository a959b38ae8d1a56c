"""SECURITY.md B1: nothing in a message becomes a command."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Reply
from imailpy.protocol.smtp import events
from tests.protocol.smtp.driving import (
    ENVELOPE,
    Flavour,
    Granting,
    Limits,
    LineEnds,
    codes,
    dialogue_cuts,
    greeted,
    in_data,
    options,
)

FORGED = b"MAIL FROM:<e@x.test>\r\nRCPT TO:<u@local.test>\r\nDATA\r\nevil\r\n"


class SmugglingTests(SynchronousTestCase):
    """Only CR LF . CR LF ends a message."""

    def _refused(self, ending: bytes) -> None:
        octets = b"hi" + ending + FORGED + b".\r\n"
        for cut in dialogue_cuts(octets):
            driver = in_data()
            said = driver.feed(*cut)
            self.assertEqual(codes(said), [550], (ending, cut[0]))
            self.assertIn(b"5.6.0", said)
            self.assertEqual(driver.messages, [])
            self.assertEqual(len(driver.aborted), 1)
            self.assertTrue(driver.session.closing)

    def test_B1_1_lf_dot_crlf(self) -> None:
        """LF . CRLF ends no message."""
        self._refused(b"\n.\r\n")

    def test_B1_2_lf_dot_lf(self) -> None:
        """LF . LF ends no message."""
        self._refused(b"\n.\n")

    def test_B1_3_crlf_dot_lf(self) -> None:
        """CRLF . LF ends no message."""
        self._refused(b"\r\n.\n")

    def test_B1_4_cr_dot_cr(self) -> None:
        """CR . CR and CR . CRLF end no message."""
        self._refused(b"\r.\r")
        self._refused(b"\r.\r\n")

    def test_B1_5_extra_cr(self) -> None:
        """A CR too many makes it no end."""
        self._refused(b"\r\n.\r\r\n")
        self._refused(b"\r\r\n.\r\r\n")

    def test_B1_5_extra_cr_before(self) -> None:
        """CR CRLF . CRLF is an end behind a bare CR: refused, closed."""
        for cut in dialogue_cuts(b"hi\r\r\n.\r\n" + FORGED + b".\r\n"):
            driver = in_data()
            said = driver.feed(*cut)
            self.assertEqual(codes(said), [550])
            self.assertTrue(driver.session.closing)

    def test_normalize(self) -> None:
        """Where line ends are mended, they are so in the message alone."""
        octets = b"a\n.\nb\rc\r.\rd\r\r\n.e\n\r\n..\n\r\n.\r\n"
        for cut in dialogue_cuts(octets):
            driver = in_data(options(line_ends=LineEnds.NORMALIZE))
            said = driver.feed(*cut)
            self.assertEqual(codes(said), [250])
            self.assertEqual(
                driver.messages[0][1],
                b"a\r\n.\r\nb c . d \r\ne\r\n\r\n.\r\n\r\n",
            )

    def test_B1_6_line_feed_in_command(self) -> None:
        """A bare LF ends no command; the second one ends the session."""
        driver = greeted()
        line = b"MAIL FROM:<a@x.test>\nRCPT TO:<u@local.test>\r\n"
        said = driver.feed(line)
        self.assertEqual(codes(said), [501])
        self.assertEqual(codes(driver.feed(b"DATA\r\n")), [503])
        self.assertFalse(driver.session.closing)
        self.assertEqual(codes(driver.feed(line)), [501])
        self.assertTrue(driver.session.closing)

    def test_B1_7_long_line_stays_data(self) -> None:
        """However long a line of a message is, it stays a message."""
        driver = in_data()
        said = driver.feed(
            b"A" * 20_000 + b"\r\n", b"MAIL FROM:<e@x.test>\r\n", b"more"
        )
        self.assertEqual(said, b"")
        said = driver.feed(b"\r\n.\r\n")
        self.assertEqual(codes(said), [250])
        self.assertEqual(len(driver.messages), 1)
        self.assertEqual(len(driver.messages[0][1]), 20_030)

    def test_B1_8_endless_line(self) -> None:
        """A line of 60 MB is refused, and never kept."""
        driver = in_data()
        session = driver.session
        given = 0
        piece = b"A" * 65_536
        for _ in range(60 * 16):
            session.receive(piece)
            self.assertLessEqual(len(session._input), 65_536)
            while (event := session.next_event()) is not None:
                if isinstance(event, events.BodyChunk):
                    given += len(event.octets)
            self.assertEqual(len(session._input), 0)
        driver.feed(b"\r\n.\r\n")
        self.assertEqual(driver.said, b"552 5.3.4 Message too big\r\n")
        self.assertLessEqual(given, 50 * 1024 * 1024)

    def test_B1_9_dots(self) -> None:
        """Exactly one dot is taken away."""
        octets = b"..\r\n..a\r\n.x\r\nb.\r\n.\r\n"
        for cut in dialogue_cuts(octets):
            driver = in_data()
            driver.feed(*cut)
            self.assertEqual(driver.messages[0][1], b".\r\n.a\r\nx\r\nb.\r\n")

    def test_B1_10_nul(self) -> None:
        """A NUL is refused, in a command and in a message."""
        driver = greeted()
        self.assertEqual(codes(driver.feed(b"NOOP \0\r\n")), [501])
        driver = in_data()
        said = driver.feed(b"a\0b\r\n.\r\nNOOP\r\n")
        self.assertEqual(codes(said), [550, 250])
        self.assertIn(b"5.6.0", said)
        self.assertEqual(driver.messages, [])


class ChunkTests(SynchronousTestCase):
    """BDAT."""

    def test_B1_11_no_dots_same_policy(self) -> None:
        """Dots mean nothing in BDAT, bare line feeds what they always do."""
        octets = ENVELOPE + b"BDAT 10\r\n0123456789BDAT 5 LAST\r\nabc\n."
        driver = greeted()
        self.assertEqual(codes(driver.feed(octets)), [250, 250, 250, 550])
        self.assertTrue(driver.session.closing)
        driver = greeted(options(line_ends=LineEnds.NORMALIZE))
        self.assertEqual(codes(driver.feed(octets)), [250, 250, 250, 250])
        self.assertEqual(driver.messages[0][1], b"0123456789abc\r\n.")

    def test_cr_at_the_border(self) -> None:
        """A CR LF may be split between two chunks, a lone CR may not end."""
        driver = greeted()
        driver.feed(ENVELOPE + b"BDAT 2\r\na\rBDAT 1 LAST\r\n\n")
        self.assertEqual(driver.messages[0][1], b"a\r\n")
        for last in (b"BDAT 2 LAST\r\na\r", b"BDAT 2\r\na\rBDAT 0 LAST\r\n"):
            driver = greeted()
            said = driver.feed(ENVELOPE + last)
            self.assertEqual(codes(said)[-1], 550)

    def test_B1_12_no_number(self) -> None:
        """A size that is none ends the connection: framing is lost."""
        for argument in (
            b"4294967296", b"-1", b"1_0", b"0x10", b"5 LASTX", b"", b"LAST",
            b"5 LAST LAST", b"+5", b"\xd9\xa3", b"99999999999999999999999",
        ):  # fmt: skip
            driver = greeted()
            said = driver.feed(
                ENVELOPE + b"BDAT " + argument + b"\r\nNOOP\r\n"
            )
            self.assertEqual(codes(said), [250, 250, 501], argument)
            self.assertTrue(driver.session.closing)

    def test_B1_13_out_of_place(self) -> None:
        """Octets of a BDAT out of place are no commands."""
        octets = b"BDAT 20 LAST\r\n" + b"MAIL FROM:<e@x.te>\r\n" + b"NOOP\r\n"
        for cut in dialogue_cuts(octets):
            driver = greeted()
            self.assertEqual(codes(driver.feed(*cut)), [503, 250])
            self.assertEqual(len(driver.events), 2)

    def test_B1_14_tiny_chunks(self) -> None:
        """A flood of tiny chunks ends with 421, soon."""
        driver = greeted()
        said = driver.feed(ENVELOPE, *[b"BDAT 1\r\nx" * 1000] * 100)
        self.assertEqual(codes(said)[-1], 421)
        self.assertEqual(len(codes(said)), 2 + 1000 + 1)
        self.assertEqual(driver.aborted, ["closed by us"])

    def test_B1_14_fair_chunks(self) -> None:
        """A client that sends chunks of 4 KB may send as many as it needs."""
        driver = greeted()
        chunk = b"BDAT 4096\r\n" + b"x" * 4096
        driver.feed(ENVELOPE, *[chunk] * 5000)
        driver.feed(b"BDAT 0 LAST\r\n")
        self.assertEqual(len(driver.messages[0][1]), 4096 * 5000)

    def test_B1_15_mixed_with_data(self) -> None:
        """DATA has no place behind BDAT, failed or not."""
        driver = greeted()
        said = driver.feed(ENVELOPE + b"BDAT 1\r\nxDATA\r\nBDAT 0 LAST\r\n")
        self.assertEqual(codes(said), [250, 250, 250, 503, 250])
        driver = greeted(options(max_message_octets=10))
        said = driver.feed(ENVELOPE + b"BDAT 11\r\n01234567890DATA\r\n")
        self.assertEqual(codes(said), [250, 250, 552, 503])
        said = driver.feed(b"BDAT 5 LAST\r\nhelloRCPT TO:<u@local.test>\r\n")
        self.assertEqual(codes(said), [503, 503])
        self.assertEqual(driver.messages, [])
        said = driver.feed(ENVELOPE + b"BDAT 2 LAST\r\nok")
        self.assertEqual(codes(said), [250, 250, 250])

    def test_refused_at_the_first(self) -> None:
        """A refused first chunk is read all the same."""
        driver = greeted(
            answers={events.DataBegins: Reply(451, "Later", "4.3.0")}
        )
        said = driver.feed(ENVELOPE + b"BDAT 6\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual(codes(said), [250, 250, 451, 250])
        self.assertIn(events.Reset(), driver.events)

    def test_too_large_to_read_on(self) -> None:
        """A huge chunk that nobody wants ends the connection."""
        driver = greeted(options(limits=Limits(swallowed_octets=100)))
        said = driver.feed(b"BDAT 101\r\nNOOP\r\n")
        self.assertEqual(codes(said), [503])
        self.assertTrue(driver.session.closing)

    def test_one_large_chunk(self) -> None:
        """A message may come as one chunk, up to the limit."""
        driver = greeted(options(max_message_octets=1_000_000))
        octets = ENVELOPE + b"BDAT 1000000 LAST\r\n" + b"x" * 1_000_000
        driver.feed(octets)
        self.assertEqual(len(driver.messages[0][1]), 1_000_000)
        driver.said = b""
        driver.feed(octets.replace(b"1000000", b"1000001") + b"xNOOP\r\n")
        self.assertEqual(codes(driver.said), [250, 250, 552, 250])


class LongLineTests(SynchronousTestCase):
    """B1.18."""

    def test_B1_18_long_command(self) -> None:
        """A command over 2,048 octets is refused, the session goes on."""
        driver = greeted()
        self.assertEqual(
            codes(driver.feed(b"NOOP " + b"x" * 2041 + b"\r\n")), [250]
        )
        said = driver.feed(b"NOOP " + b"x" * 2042 + b"\r\nNOOP\r\n")
        self.assertEqual(codes(said), [500, 250])
        self.assertIn(b"5.5.2", said)
        self.assertEqual(driver.offences, ["long-line"])

    def test_B1_18_endless_command(self) -> None:
        """A command without end is not kept: closed within 16 KB."""
        driver = greeted()
        kept = 0
        for _ in range(1024):
            driver.feed(b"x" * 1024)
            kept = max(kept, len(driver.session._input))
        self.assertEqual(codes(driver.said), [500])
        self.assertTrue(driver.session.closing)
        self.assertLessEqual(kept, 16 * 1024)

    def test_B1_18_auth(self) -> None:
        """AUTH may have 12,288 octets, and no more."""
        offered = options(mechanisms=lambda tls: ("PLAIN",))
        # Base64 comes in fours: 11 + 12272 + 2 octets of line.
        line = b"AUTH PLAIN " + b"AAAA" * 3068 + b"\r\n"
        driver = greeted(offered)
        self.assertEqual(codes(driver.feed(line)), [235])
        driver = greeted(offered)
        line = b"AUTH PLAIN " + b"AAAA" * 3069 + b"\r\n"
        said = driver.feed(line + b"NOOP\r\n")
        self.assertEqual(codes(said), [500, 250])
        self.assertIn(b"5.5.6", said)

    def test_B1_18_auth_response(self) -> None:
        """A response of more than 12,288 octets ends the exchange."""
        driver = greeted(
            options(mechanisms=lambda tls: ("PLAIN",)),
            answers={events.Authenticate: b""},
        )
        self.assertEqual(driver.feed(b"AUTH PLAIN\r\n"), b"334 \r\n")
        said = driver.feed(b"AAAA" * 3072 + b"\r\n")
        self.assertEqual(codes(said), [500])
        self.assertIn(b"5.5.6", said)
        self.assertEqual(codes(driver.feed(b"NOOP\r\n")), [250])


def reference(octets: bytes) -> tuple[bytes, bytes] | None:
    """Read DATA the slow and plain way: message, and what is behind it."""
    lines = octets.split(b"\r\n")
    kept = []
    for number, line in enumerate(lines[:-1]):
        if line == b".":
            behind = b"\r\n".join(lines[number + 1 :])
            return b"".join(kept), behind
        kept.append(line.removeprefix(b".") + b"\r\n")
    return None


PARTS = st.sampled_from(
    [b"\r\n", b".", b"\r", b"\n", b"\r\n.", b"\r\n.\r\n", b"a", b"bc", b"\0"]
)


class AnyOctetsTests(SynchronousTestCase):
    """DATA against a reader that goes line by line."""

    @settings(max_examples=150, deadline=None)
    @given(st.lists(PARTS, max_size=25), st.data())
    def test_same_as_line_by_line(self, parts, data) -> None:
        """Scanning in bulk finds what reading lines finds, in any cut."""
        octets = b"".join(parts) + b"\r\n.\r\n"
        answer = reference(octets)
        self.assertIsNotNone(answer)
        message, behind = answer
        ended = octets[: len(octets) - len(behind)]
        bad = b"\r" in ended.replace(b"\r\n", b"") or b"\n" in ended.replace(
            b"\r\n", b""
        )
        driver = in_data()
        driver.session.receive(b"")
        at = 0
        while at < len(octets):
            size = data.draw(st.integers(1, len(octets)))
            driver.session.receive(octets[at : at + size])
            driver.turn()
            at += size
        first = codes(driver.said)[0]
        if bad:
            self.assertEqual(first, 550)
            self.assertTrue(driver.session.closing)
        elif b"\0" in ended:
            self.assertEqual(first, 550)
        else:
            self.assertEqual(first, 250)
            self.assertEqual(driver.messages[0][1], message)

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=200), st.sampled_from(list(Flavour)), st.data())
    def test_any_octets(self, octets, flavour, data) -> None:
        """Whatever comes, there is an answer and no crash, in any cut."""
        words = data.draw(
            st.lists(
                st.sampled_from(
                    [
                        b"EHLO c\r\n", b"LHLO c\r\n", ENVELOPE, b"DATA\r\n",
                        b"BDAT 5\r\n", b"BDAT 3 LAST\r\n", b"\r\n.\r\n",
                        b"RSET\r\n", b"QUIT", b"\r\n", octets,
                    ]
                ),
                max_size=12,
            )
        )  # fmt: skip
        stream = b"".join(words)
        whole = Granting(options(flavour=flavour))
        whole.feed(stream)
        at = data.draw(st.integers(0, len(stream)))
        cut = Granting(options(flavour=flavour))
        cut.feed(stream[:at], stream[at:])
        self.assertEqual(whole.outcome(), cut.outcome())
        single = Granting(options(flavour=flavour))
        single.feed(*(stream[i : i + 1] for i in range(len(stream))))
        self.assertEqual(whole.outcome(), single.outcome())
