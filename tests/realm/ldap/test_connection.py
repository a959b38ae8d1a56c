"""One connection to a server that a test plays."""

from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from imailpy.realm.ldap import codec
from imailpy.realm.ldap.connection import LdapConnection, LdapDown
from tests.realm.support import StillClock


def result(kind: Any, number: int, code: int = 0, text: str = "") -> bytes:
    said = kind(resultCode=code, errorMessage=text.encode())
    return pureldap.LDAPMessage(said, id=number).toWire()


def entry(number: int, dn: bytes, **attributes: list[bytes]) -> bytes:
    pairs = [(name.encode(), values) for name, values in attributes.items()]
    said = pureldap.LDAPSearchResultEntry(dn, pairs)
    return pureldap.LDAPMessage(said, id=number).toWire()


class ConnectionTests(SynchronousTestCase):
    """Answers whole, in pieces, late, and nonsense."""

    def setUp(self) -> None:
        self.clock = StillClock()
        clock: Any = self.clock
        self.connection = LdapConnection(clock, "server", 5.0)
        self.transport = StringTransport()
        self.connection.makeConnection(self.transport)

    def bind(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.connection.bind("cn=a", b"secret"))

    def search(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(
            self.connection.search("dc=x", "(a=b)", ("mail",), 2)
        )

    def test_bind(self) -> None:
        """A bind gives the server's result."""
        done = self.bind()
        self.connection.dataReceived(
            result(pureldap.LDAPBindResponse, 1, 49, "no")
        )
        self.assertEqual(self.successResultOf(done), codec.Done(49, "no"))

    def test_search_in_pieces(self) -> None:
        """Entries are collected, however the octets come."""
        octets = entry(1, b"cn=a", Mail=[b"a@b", b"c@d"]) + result(
            pureldap.LDAPSearchResultDone, 1
        )
        for size in (1, 3, len(octets)):
            self.setUp()
            done = self.search()
            for at in range(0, len(octets), size):
                self.connection.dataReceived(octets[at : at + size])
            (found,) = self.successResultOf(done)
            self.assertEqual(found.dn, "cn=a")
            self.assertEqual(found.attributes, {"mail": (b"a@b", b"c@d")})

    def test_several_at_a_time(self) -> None:
        """Each answer goes to its question."""
        one, two = self.search(), self.search()
        self.connection.dataReceived(
            entry(2, b"cn=two")
            + entry(1, b"cn=one")
            + result(pureldap.LDAPSearchResultDone, 2)
            + result(pureldap.LDAPSearchResultDone, 1)
        )
        self.assertEqual(self.successResultOf(one)[0].dn, "cn=one")
        self.assertEqual(self.successResultOf(two)[0].dn, "cn=two")

    def test_codes(self) -> None:
        """Too many, or no such base, are answers; all else is not."""
        for code in (0, 4, 32):
            done = self.search()
            number = self.connection._number
            self.connection.dataReceived(
                result(pureldap.LDAPSearchResultDone, number, code)
            )
            self.assertEqual(self.successResultOf(done), [])
        for code in (1, 3, 10, 50, 51, 52, 80):
            done = self.search()
            number = self.connection._number
            self.connection.dataReceived(
                result(pureldap.LDAPSearchResultDone, number, code, "why")
            )
            self.failureResultOf(done, LdapDown)

    def test_B9_3_empty_password(self) -> None:
        """No bind without name or password ever goes out."""
        for dn, password in (("cn=a", b""), ("", b"x"), ("", b"")):
            done = Deferred.fromCoroutine(self.connection.bind(dn, password))
            self.failureResultOf(done, ValueError)
        self.assertEqual(self.transport.value(), b"")

    def test_late(self) -> None:
        """A server that says nothing is given up."""
        one, two = self.bind(), self.search()
        self.clock.reactor.advance(5)
        for done in (one, two):
            error = self.failureResultOf(done, LdapDown).value
            self.assertIn("within 5 s", error.private)
        self.assertTrue(self.transport.disconnected)
        self.failureResultOf(self.bind(), LdapDown)

    def test_lost(self) -> None:
        """When the connection ends, so do the questions."""
        done = self.bind()
        self.connection.connectionLost()
        self.failureResultOf(done, LdapDown)

    def test_nonsense(self) -> None:
        """What is no LDAP ends the connection, at once."""
        for octets in (
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x30\x84\x7f\xff\xff\xff",
            b"\x30\x85\x01",
            b"\x30\x80",
            b"\x30\x05\x02\x01\x01\x61\x00",
            b"\x30\x03\x02\x01\x01",
            b"\x30\x00",
        ):
            self.setUp()
            done = self.bind()
            self.connection.dataReceived(octets)
            self.failureResultOf(done, LdapDown)
            self.assertTrue(self.transport.disconnected, octets)

    def test_hangs_up(self) -> None:
        """A notice of disconnection ends it [RFC4511 4.4.1]."""
        done = self.bind()
        self.connection.dataReceived(
            result(pureldap.LDAPExtendedResponse, 0, 52)
        )
        self.failureResultOf(done, LdapDown)

    def test_starttls_injection(self) -> None:
        """Octets that came in clear text behind the answer to STARTTLS are
        nobody's answer."""
        done = Deferred.fromCoroutine(self.connection.start_tls(object()))
        self.connection.dataReceived(
            result(pureldap.LDAPExtendedResponse, 1)
            + result(pureldap.LDAPBindResponse, 2)[:-1]
        )
        self.failureResultOf(done, LdapDown)
        self.assertTrue(self.transport.disconnected)

    def test_starttls_refused(self) -> None:
        """A server without STARTTLS is not talked to."""
        done = Deferred.fromCoroutine(self.connection.start_tls(object()))
        self.connection.dataReceived(
            result(pureldap.LDAPExtendedResponse, 1, 2, "unsupported")
        )
        self.failureResultOf(done, LdapDown)
