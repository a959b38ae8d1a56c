"""Any octets: an event or a refusal, never an exception; linear cost."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.imap.grammar import READERS, read_command
from imailpy.protocol.imap.input import Input
from imailpy.protocol.imap.lexer import Lexer
from imailpy.protocol.imap.refusal import Refusal
from imailpy.protocol.imap.state import State
from tests.protocol.imap.talk import SECURE, Grants
from tests.protocol.imap.work import calls
from tests.support.dialogue import pieces

_WORDS = st.sampled_from(
    [verb.encode() for verb in READERS]
    + b'a ( ) [ ] < > { } * % $ , : . " \\ \\Seen 1 0 1:* FLAGS BODY[ TEXT '
    b"HEADER.FIELDS BODY.PEEK[ RETURN CHARSET UTF-8 OR NOT ALL UID NIL "
    b"INBOX &AOQ- &- ~ + DONE = ../x (USE".split()
    + [b" ", b"\r\n", b"\n", b"\r", b"\0", b"\xc3\xa4", b'""', b'"a b"']
    + [b"{3}\r\n", b"{3+}\r\nabc", b"~{2+}\r\n\0\0", b"{5+}\r\n", b"{0}\r\n"]
    + [b'" 1-Jan-2000 00:00:00 +0000"', b"1-Jan-2000", b"t ", b"\r\nt "]
)
_SAID = st.lists(_WORDS | st.binary(max_size=4), min_size=1, max_size=25).map(
    b"".join
)
_STATES = st.sampled_from(
    [State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED]
)


class AnyOctetsTests(SynchronousTestCase):
    """What nobody foresaw."""

    @settings(max_examples=300, deadline=None)
    @given(_SAID, _STATES, st.integers(1, 20))
    def test_session(self, octets: bytes, state: State, size: int) -> None:
        """Any octets in any cut are heard alike and answered in ASCII."""
        whole = Grants(SECURE, state).hear(octets)
        cut = Grants(SECURE, state).hear(pieces(octets, size))
        self.assertEqual(cut.said, whole.said)
        self.assertEqual(cut.events, whole.events)
        self.assertTrue(whole.said.isascii())
        self.assertNotIn(b"\0", whole.said)
        for line in whole.said.split(b"\r\n")[:-1]:
            self.assertNotIn(b"\r", line)
            self.assertNotIn(b"\n", line)

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(sorted(READERS)),
        st.lists(_WORDS | st.just(b" "), max_size=15).map(b"".join),
    )
    def test_grammar(self, verb: str, arguments: bytes) -> None:
        """Any arguments give a command or a refusal."""
        lexer = Lexer(b" " + arguments)
        try:
            command = read_command(verb, b"t", lexer)
        except Refusal as refusal:
            self.assertIn(refusal.status, ("BAD", "NO"))
            self.assertTrue(refusal.text.isascii())
            return
        self.assertEqual(command.tag, b"t")
        hash(command)


class CostTests(SynchronousTestCase):
    """Reading costs the length of what is read."""

    def test_B7_2_linear(self) -> None:
        """Twice as much costs at most twice the work."""
        for shape in (
            lambda n: b"a SEARCH" + b" SEEN" * n,
            lambda n: b"a SEARCH " + b"(" * n,
            lambda n: b"a SEARCH OR" + b" SEEN" * n,
            lambda n: b"a FETCH " + b"1," * n + b"1 FLAGS",
            lambda n: b"a FETCH 1 (" + b"FLAGS " * n + b"FLAGS)",
            lambda n: b"a FETCH 1 BODY[HEADER.FIELDS (" + b"x " * n + b"x)]",
            lambda n: b"a STORE 1 FLAGS (" + b"\\Seen " * n + b"x)",
            lambda n: b'a LIST "" (' + b"a " * n + b"a)",
            lambda n: b'a SELECT "' + b"\\\\" * n + b'"',
            lambda n: b'a SELECT "' + b"x" * n,
            lambda n: b"a SELECT " + b"&AOQ-" * n,
            lambda n: b'a LIST "" "' + b"%*" * n + b'"',
            lambda n: b"a SEARCH" + b" TO {1+}\r\nx" * (n // 2),
            lambda n: b'"' * n + b"{5}",
            lambda n: b" " * n,
            lambda n: b"\r" * n,
            lambda n: b"\n" * n,
        ):
            costs = []
            for n in (2000, 4000):
                heard = Grants(state=State.SELECTED)
                octets = shape(n) + b"\r\n"
                costs.append(calls(lambda h=heard, o=octets: h.hear(o)))
            self.assertLess(costs[1], 2.2 * costs[0] + 50, shape(3))

    def test_byte_by_byte(self) -> None:
        """A line that comes octet by octet is scanned once, not each time."""
        waiting = Input()
        for _ in range(100):
            waiting.receive(b"x" * 10)
            self.assertIsNone(waiting.line(5000))
            self.assertEqual(waiting._scanned, len(waiting))
        costs = []
        for n in (2000, 4000):
            heard = Grants(state=State.SELECTED)
            octets = b"a SEARCH TEXT " + b"x" * n
            costs.append(calls(lambda h=heard, o=octets: h.hear(pieces(o, 1))))
        self.assertLess(costs[1], 2.2 * costs[0])
