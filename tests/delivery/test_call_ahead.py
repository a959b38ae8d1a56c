"""Asking another server whether a recipient exists."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from imailpy.delivery import call_ahead
from imailpy.delivery.remote import destination_of
from imailpy.delivery.settings import NextHop
from imailpy.interfaces.realm import IRecipientCheck, Known
from imailpy.mail import Path, Reply
from tests.delivery.out import BUSY, HOST, NO_USER, OutCase

ANN = Path("ann", "out.test")
POLICY = Reply(550, "we do not like you", "5.7.1")


class CallAheadTests(OutCase):
    """`out.test` has its host, which is asked."""

    def ask(self, path: Path = ANN, seconds: float = 60) -> Known:
        asking = Deferred.fromCoroutine(self.delivery.call_ahead.known(path))
        self.world.run(seconds)
        return self.successResultOf(asking)

    def test_interface(self) -> None:
        """It is an `IRecipientCheck`."""
        verifyObject(IRecipientCheck, self.delivery.call_ahead)

    def test_answers(self) -> None:
        """Yes, no, and what is neither."""
        for name, reply, known in (
            ("a", Reply(250, "fine", "2.1.5"), Known.YES),
            ("b", NO_USER, Known.NO),
            ("c", Reply(550, "no such user"), Known.NO),
            ("d", BUSY, Known.UNKNOWN),
            ("e", POLICY, Known.UNKNOWN),
        ):
            path = Path(name, "out.test")
            self.host.rcpt[str(path)] = reply
            self.assertIs(self.ask(path), known, name)
        self.assertEqual(self.host.taken, [])

    def test_nobody_answers(self) -> None:
        """A server that is down, silent or refuses us tells nothing."""
        self.assertIs(self.ask(Path("x", "nowhere.test")), Known.UNKNOWN)
        self.host.silent_at = "Rcpt"
        self.assertIs(self.ask(Path("y", "out.test"), 400), Known.UNKNOWN)
        self.host.silent_at, self.host.drop_at = "", "Rcpt"
        self.assertIs(self.ask(Path("z", "out.test"), 400), Known.UNKNOWN)
        self.host.drop_at = ""
        self.host.greeting = Reply(554, "go away")
        self.assertIs(self.ask(Path("q", "out.test"), 400), Known.UNKNOWN)
        self.host.greeting = Reply(220, "out.test ESMTP")
        self.host.mail = Reply(550, "no null sender here", "5.1.8")
        self.assertIs(self.ask(Path("w", "out.test"), 400), Known.UNKNOWN)

    def test_patience(self) -> None:
        """A silent server costs half a minute, not five."""
        self.host.silent_at = "Rcpt"
        self.assertIs(self.ask(seconds=31), Known.UNKNOWN)

    def test_remembered(self) -> None:
        """An answer holds for a while; a no for a shorter one."""
        self.ask()
        self.ask()
        self.assertEqual(self.host.connections, 1)
        self.world.run(call_ahead.KEPT_S[Known.YES])
        self.ask()
        self.assertEqual(self.host.connections, 2)
        self.assertLess(
            call_ahead.KEPT_S[Known.NO], call_ahead.KEPT_S[Known.YES]
        )

    def test_asked_once_by_many(self) -> None:
        """Who asks the same at the same time waits for the same answer."""
        asking = [
            Deferred.fromCoroutine(self.delivery.call_ahead.known(ANN))
            for _ in range(5)
        ]
        self.world.run(60)
        for each in asking:
            self.assertIs(self.successResultOf(each), Known.YES)
        self.assertEqual(self.host.connections, 1)

    def test_bounds(self) -> None:
        """Few questions at a time, and not too many that wait."""
        self.patch(call_ahead, "MOST_WAITING", 20)
        self.patch(call_ahead, "MOST_KEPT", 15)
        asker = self.delivery.call_ahead
        asking = [
            Deferred.fromCoroutine(asker.known(Path(f"u{n}", "out.test")))
            for n in range(40)
        ]
        self.world.run(60)
        said = [self.successResultOf(each) for each in asking]
        self.assertEqual(said.count(Known.YES), 30)
        self.assertEqual(said[-1], Known.UNKNOWN)
        self.assertLessEqual(self.host.most_open, call_ahead.MOST_OPEN)
        self.assertEqual(len(asker._kept), 15)

    def test_the_route(self) -> None:
        """The arranged host is asked, and gets the mail."""
        self.change(routes={"theirs.test": NextHop(HOST, 25)})
        path = Path("ann", "theirs.test")
        self.host.rcpt[str(path)] = NO_USER
        self.assertIs(self.ask(path), Known.NO)
        self.host.rcpt.clear()
        self.out("bob@theirs.test")
        self.assertEqual(self.host.recipients(), ["bob@theirs.test"])

    def test_by_mx_despite_smart_host(self) -> None:
        """A backup MX hands on to the others, not to the smart host."""
        self.change(
            smart_host=NextHop("192.0.2.99"), by_mx=frozenset(["out.test"])
        )
        found = destination_of(self.settings.current, "out.test")
        self.assertEqual((found.domain, found.hop), ("out.test", None))
        self.out("ann@out.test")
        self.assertEqual(self.host.recipients(), ["ann@out.test"])
