"""POP3 on loopback with Python's own client, and with TLS."""

from __future__ import annotations

import os
import poplib
import socket
import ssl
from base64 import b64decode, b64encode
from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from imailpy.listeners.pop3 import Pop3Factory, Pop3Settings
from imailpy.mail import Secret
from imailpy.protocol.sasl import client
from imailpy.tls import CertificateFiles, Tls, TlsSettings
from imailpy.tls.selfsigned import ensure
from imailpy.world.real import RealWorld
from tests.support.journal import KeptJournal
from tests.support.pop3 import ALICE, KnownRealm
from tests.support.settings import Fixed
from tests.support.store import deliver, make_store

LOOPBACK = "127.0.0.1"


class SocketTests(TestCase):
    """One listener with STLS, one with TLS from the first octet."""

    def setUp(self) -> None:
        world = RealWorld(reactor, "pop.example.test")
        directory = os.path.abspath(self.mktemp())
        files = ensure(world, directory, ["pop.example.test"], [LOOPBACK])
        self.files: CertificateFiles = files
        self.tls = Tls(world, Fixed(TlsSettings((files,))))
        self.tls.reload()
        self.store = make_store(world)
        self.realm = KnownRealm(self.store)
        self.ports = []
        for implicit in (False, True):
            factory = Pop3Factory(
                world,
                self.store,
                self.realm,
                KeptJournal(),
                Fixed(Pop3Settings(scram=True)),
                tls=self.tls,
                implicit_tls=implicit,
            )
            port = world.network.listen(
                LOOPBACK,
                0,
                factory,
                tls=self.tls.server("pop3") if implicit else None,
            )
            self.addCleanup(port.stopListening)
            self.ports.append(port.getHost().port)
        self.world = world
        for number in range(5):
            deliver(self.store, ALICE, b"Subject: %d\r\n\r\nhi\r\n" % number)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.files.chain_file)

    def _session(self, pop: poplib.POP3) -> tuple[int, list[bytes]]:
        pop.user(ALICE)
        pop.pass_("secret")
        count, _ = pop.stat()
        lines = pop.retr(1)[1]
        pop.dele(1)
        pop.quit()
        return count, lines

    async def test_stls(self) -> None:
        """poplib reads and removes mail after STLS."""

        def talk() -> tuple[int, list[bytes]]:
            pop = poplib.POP3(LOOPBACK, self.ports[0], timeout=10)
            if "USER" in pop.capa():
                raise AssertionError("USER in clear")
            pop.stls(self.context())
            return self._session(pop)

        count, lines = await deferToThread(talk)
        self.assertEqual(count, 5)
        self.assertEqual(lines[1:], [b"Subject: 0", b"", b"hi"])
        gate = self.realm.gates[0]
        self.assertIn(
            ("secured", "TLSv1.3 TLS_AES_256_GCM_SHA384"), gate.asked
        )

    async def test_implicit_tls(self) -> None:
        """poplib reads and removes mail over TLS from the first octet."""

        def talk() -> tuple[int, list[bytes]]:
            pop = poplib.POP3_SSL(
                LOOPBACK, self.ports[1], context=self.context(), timeout=10
            )
            return self._session(pop)

        count, _ = await deferToThread(talk)
        self.assertEqual(count, 5)

    async def test_scram_plus(self) -> None:
        """SCRAM-SHA-256-PLUS binds the sign-in to the channel."""
        for bend, expected in ((b"", b"+OK"), (b"x", b"-ERR")):
            said = await deferToThread(self._scram, bend)
            self.assertTrue(said.startswith(expected), said)

    def _scram(self, bend: bytes) -> bytes:
        stream = socket.create_connection((LOOPBACK, self.ports[1]), 10)
        stream.settimeout(None)
        connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), stream)
        connection.set_connect_state()
        connection.do_handshake()
        handle = SimpleNamespace(getHandle=lambda: connection)
        binding = self.tls.exporter(handle)
        assert binding is not None
        exchange = client(
            "SCRAM-SHA-256-PLUS",
            ALICE,
            Secret(b"secret"),
            nonce=os.urandom(24),
            binding=(bend + binding)[:32],
        )

        def ask(line: bytes) -> bytes:
            connection.sendall(line + b"\r\n")
            return bytes(connection.recv(4096)).strip()

        connection.recv(4096)
        initial = exchange.start() or b""
        said = ask(b"AUTH SCRAM-SHA-256-PLUS " + b64encode(initial))
        while said.startswith(b"+ "):
            said = ask(b64encode(exchange.step(b64decode(said[2:]))))
        if said.startswith(b"+OK"):
            self.assertTrue(exchange.finished)
        connection.shutdown()
        stream.close()
        return said

    async def test_B2_12_handshake_that_never_comes(self) -> None:
        """A client that does not shake hands is cut off in time."""
        self.patch(
            Pop3Factory, "buildProtocol", _impatient(Pop3Factory.buildProtocol)
        )

        def wait() -> bytes:
            stream = socket.create_connection((LOOPBACK, self.ports[1]), 10)
            try:
                return stream.recv(100)
            except ConnectionResetError:
                return b""
            finally:
                stream.close()

        self.assertEqual(await deferToThread(wait), b"")


def _impatient(build: Any) -> Any:
    """Have protocols wait 50 ms for a handshake instead of 30 s."""

    def quicker(self: Any, addr: Any) -> Any:
        protocol = build(self, addr)
        protocol.settings = Pop3Settings(handshake_s=0.05)
        return protocol

    return quicker
