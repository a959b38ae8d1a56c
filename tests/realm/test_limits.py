"""Counting connections and failures."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Client
from imailpy.realm.counters import Counters
from imailpy.realm.limits import Connections, Failures
from imailpy.realm.settings import FailureWindow
from tests.realm.support import StillClock


def client(address: str, service: str = "smtp") -> Client:
    return Client(address, 1, service, service, "s")


class ConnectionsTests(SynchronousTestCase):
    """Open connections."""

    def setUp(self) -> None:
        self.open = Connections()

    def test_networks(self) -> None:
        """IPv4 counts by /32 and /24, IPv6 by /64 and /48."""
        for address, expected in (
            ("192.0.2.1", (1, 1)),
            ("192.0.2.1", (2, 2)),
            ("192.0.2.9", (1, 3)),
            ("192.0.3.1", (1, 1)),
            ("2001:db8::1", (1, 1)),
            ("2001:db8::2", (2, 2)),
            ("2001:db8:0:1::1", (1, 3)),
            ("2001:db8:1::1", (1, 1)),
        ):
            self.assertEqual(self.open.enter(client(address)), expected)
        self.assertEqual(self.open.total, 8)

    def test_services_apart(self) -> None:
        """A user's ten IMAP connections leave room for mail."""
        self.open.enter(client("192.0.2.1", "imap"))
        self.assertEqual(self.open.enter(client("192.0.2.1")), (1, 1))

    def test_nothing_left_behind(self) -> None:
        """When all are gone, nothing of them is kept."""
        clients = [client(f"192.0.2.{at % 7}") for at in range(50)]
        clients.append(client("/run/socket"))
        for each in clients:
            self.open.enter(each)
        for each in clients:
            self.open.leave(each)
        self.assertEqual((self.open.total, len(self.open)), (0, 0))


class FailuresTests(SynchronousTestCase):
    """Failed logins."""

    WINDOW = (FailureWindow(60, 2, 3, 4),)

    def setUp(self) -> None:
        self.clock = StillClock()
        clock: Any = self.clock
        self.table = Counters(clock, b"a key", 64)
        self.failures = Failures(Counters(clock, b"a key", 1 << 12))

    def test_widths(self) -> None:
        """Address, /26 and /21 have limits of their own; IPv6 likewise."""
        for address, near, far, outside in (
            ("192.0.2.1", "192.0.2.2", "192.0.3.1", "192.0.8.1"),
            (
                "2001:db8:1:1::1",
                "2001:db8:1:2::1",
                "2001:db8:2::1",
                "2001:db9::1",
            ),
        ):
            self.failures.add(address, self.WINDOW)
            self.assertIsNone(self.failures.over(address, self.WINDOW))
            self.failures.add(address, self.WINDOW)
            self.assertIn(
                "2 logins failed",
                self.failures.over(address, self.WINDOW) or "",
            )
            self.assertIsNone(self.failures.over(near, self.WINDOW))
            self.failures.add(near, self.WINDOW)
            self.assertIsNotNone(self.failures.over(near, self.WINDOW))
            self.assertIsNone(self.failures.over(far, self.WINDOW))
            self.failures.add(far, self.WINDOW)
            self.assertIsNotNone(self.failures.over(far, self.WINDOW))
            self.assertIsNone(self.failures.over(outside, self.WINDOW))

    def test_families_apart(self) -> None:
        """An IPv6 /32 is not the IPv4 address of the same number."""
        for _ in range(4):
            self.failures.add("2001:db8::1", self.WINDOW)
        self.assertIsNone(self.failures.over("32.1.13.184", self.WINDOW))
        self.assertIsNotNone(self.failures.over("2001:db8::1", self.WINDOW))

    def test_bounded(self) -> None:
        """Ten thousand addresses take no more room than the bound."""
        failures = Failures(self.table)
        for at in range(10_000):
            failures.add(f"10.{at >> 8 & 255}.{at & 255}.1", self.WINDOW)
        self.assertLessEqual(len(self.table), 64)
