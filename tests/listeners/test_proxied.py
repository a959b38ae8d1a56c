"""Connections through a proxy."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from imailpy.listeners.imap.factory import ImapFactory
from imailpy.listeners.imap.settings import ImapSettings
from imailpy.listeners.pop3.factory import Pop3Factory
from imailpy.listeners.pop3.settings import Pop3Settings
from imailpy.listeners.proxied import ProxiedFactory, ProxySettings
from imailpy.policy.networks import Networks
from imailpy.protocol.proxy import SIGNATURE
from tests.listeners.smtp.serving import FakeTls, Serving, Talker
from tests.protocol.smtp.driving import codes
from tests.realm.support import SmallWorld
from tests.support.settings import Fixed

# Where clients of the still world come from.
PROXY = "192.0.2.77"
LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 25\r\n"
BINARY = (
    SIGNATURE + b"\x21\x11\0\x0c" + bytes((203, 0, 113, 9, 192, 0, 2, 1))
    + (4711).to_bytes(2, "big") + (25).to_bytes(2, "big")
)  # fmt: skip


class Behind(Serving):
    """An SMTP listener at port 25 of which a proxy is told."""

    def __init__(
        self, *peers: str, direct: bool = False, implicit_tls: bool = False
    ) -> None:
        super().__init__(implicit_tls=implicit_tls)
        self.network: Any = self.world.network
        self.network.listeners.clear()
        self.proxied = self.stand_before(self.factory, peers, direct)
        self.network.listen("192.0.2.1", 25, self.proxied)
        self._context = None

    def stand_before(
        self, inside: Any, peers: tuple[str, ...], direct: bool
    ) -> ProxiedFactory:
        tls: Any = self.tls
        return ProxiedFactory(
            self.world,
            self.journal,
            Fixed(ProxySettings(Networks.parse(peers), direct)),
            inside,
            listener="smtp",
            tls=tls,
            alpn="smtp",
        )

    def refusals(self) -> list[str]:
        return [
            facts["reason"]
            for event, facts in self.journal.events
            if event == "proxy.refused"
        ]


class ProxiedTests(SynchronousTestCase):
    """SECURITY.md B4.12."""

    def test_B4_12_listed(self) -> None:
        """A listed proxy's header tells who the client is, in any cut."""
        for header in (LINE, BINARY):
            for cut in (1, 7, 10**6):
                serving = Behind(PROXY)
                talker = serving.call()
                self.assertEqual(talker.heard, b"")
                octets = header + b"EHLO c.test\r\n"
                for at in range(0, len(octets), cut):
                    talker.say(octets[at : at + cut])
                self.assertEqual(codes(talker.heard), [220, 250])
                client = serving.gate.client
                self.assertEqual(client.address, "203.0.113.9")
                self.assertEqual(client.port, 4711)
                self.assertEqual(client.proxy, PROXY)
                self.assertEqual(serving.refusals(), [])

    def test_B4_12_listed_without(self) -> None:
        """A listed proxy that sends something else is closed."""
        serving = Behind(PROXY)
        talker = serving.call()
        talker.say(b"EHLO c.test\r\n")
        self.assertEqual(talker.heard, b"")
        self.assertTrue(talker.gone)
        self.assertEqual(serving.refusals(), ["no PROXY header"])
        self.assertEqual(serving.realm.gates, [])

    def test_B4_12_listed_and_silent(self) -> None:
        """A listed proxy that sends nothing is closed after ten seconds."""
        serving = Behind(PROXY)
        talker = serving.call()
        talker.say(LINE[:20], 9.0)
        self.assertFalse(talker.gone)
        talker.say(b"", 2.0)
        self.assertTrue(talker.gone)
        self.assertIn("within 10 s", serving.refusals()[0])

    def test_B4_12_unlisted(self) -> None:
        """On a marked listener nobody else gets in, header or not."""
        for header in (b"", LINE, BINARY):
            serving = Behind("10.0.0.5")
            talker = serving.call()
            talker.say(header)
            self.assertTrue(talker.gone)
            self.assertEqual(talker.heard, b"")
            self.assertEqual(serving.realm.gates, [])
            self.assertIn("not listed", serving.refusals()[0])

    def test_B4_12_direct(self) -> None:
        """Where others may connect they are themselves; with a header they
        are closed."""
        serving = Behind("10.0.0.5", direct=True)
        talker = serving.call()
        self.assertEqual(codes(talker.heard), [220])
        self.assertEqual(codes(talker.say(b"EHLO c\r\n")), [250])
        self.assertEqual(serving.gate.client.address, PROXY)
        self.assertEqual(serving.gate.client.proxy, "")
        talker.leave()
        self.assertEqual(len(serving.factory.connections), 0)
        for header in (LINE, BINARY):
            talker = serving.call()
            talker.say(header + b"EHLO c\r\n")
            self.assertTrue(talker.gone)
            self.assertEqual(codes(talker.heard), [220])
            self.assertEqual(len(serving.factory.connections), 0)

    def test_local_and_unknown(self) -> None:
        """A proxy's own connection is the proxy's."""
        for header in (
            b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\0\0\0",
        ):  # fmt: skip
            serving = Behind(PROXY)
            self.assertEqual(codes(serving.call().say(header)), [220])
            self.assertEqual(serving.gate.client.address, PROXY)

    def test_before_implicit_tls(self) -> None:
        """The header comes in clear text, TLS behind it."""
        serving = Behind(PROXY, implicit_tls=True)
        talker = serving.call()
        transport: Any = talker.transport
        transport.write(LINE)
        transport.startTLS("a context")
        serving.world.run()
        tls: Any = serving.tls
        self.assertEqual(tls.asked, ["smtp"])
        self.assertEqual(codes(talker.say(b"EHLO c\r\n"))[-1], 250)
        self.assertEqual(serving.gate.client.address, "203.0.113.9")
        self.assertTrue(serving.connection.engine.tls)

    def test_gone_early(self) -> None:
        """Who leaves within its header leaves nothing behind."""
        serving = Behind(PROXY)
        talker = serving.call()
        talker.say(LINE[:9])
        self.assertEqual(len(serving.proxied.arriving), 1)
        talker.leave()
        self.assertEqual(len(serving.proxied.arriving), 0)
        talker = serving.call()
        serving.proxied.stop()
        serving.world.run()
        self.assertTrue(talker.gone)

    def test_other_services(self) -> None:
        """IMAP and POP3 are told the same way."""
        serving = Behind(PROXY)
        store: Any = None
        world: Any = serving.world
        world.threads = SmallWorld()
        tls: Any = FakeTls()
        for port, inside in (
            (
                143,
                ImapFactory(
                    serving.world,
                    store,
                    serving.realm,
                    serving.journal,
                    Fixed(ImapSettings()),
                    tls=tls,
                ),
            ),
            (
                110,
                Pop3Factory(
                    serving.world,
                    store,
                    serving.realm,
                    serving.journal,
                    Fixed(Pop3Settings()),
                    tls=tls,
                ),
            ),
        ):
            proxied = serving.stand_before(inside, (PROXY,), False)
            serving.network.listen("192.0.2.1", port, proxied)
            talker = Talker(serving.world)
            serving.network.connect(
                "192.0.2.1", port, Factory.forProtocol(lambda t=talker: t)
            )
            serving.world.run()
            self.assertEqual(talker.heard, b"")
            self.assertIn(b"OK", talker.say(BINARY))
            self.assertEqual(serving.gate.client.address, "203.0.113.9")
            self.assertEqual(serving.gate.client.proxy, PROXY)
