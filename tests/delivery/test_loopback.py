"""Over real sockets and real TLS, on loopback."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from imailpy.delivery.service import Delivery
from imailpy.delivery.settings import DeliverySettings, NextHop, Security
from imailpy.dns.fixed import FixedResolver
from imailpy.interfaces.queue import QueuedRecipient
from imailpy.interfaces.store import Acceptance
from imailpy.mail import Path
from imailpy.tls import selfsigned
from imailpy.tls.provider import Tls
from imailpy.tls.settings import TlsSettings
from imailpy.world.real import RealWorld
from tests.delivery.hosts import MailHost
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.store import SIMPLE, make_store, spooled


class LoopbackTests(TestCase):
    """A message of four megabytes, to a server on a real socket."""

    timeout = 20

    async def setUp(self) -> None:
        self.world = RealWorld(reactor, "mx.example.test")
        self.store = make_store(self.world)
        files = selfsigned.ensure(
            self.world, self.mktemp(), ["localhost"], ["127.0.0.1"]
        )
        self.trust = Fixed(TlsSettings((files,), trust_file=files.chain_file))
        self.tls = Tls(self.world, self.trust)
        self.settings = Fixed(DeliverySettings())
        self.journal = KeptJournal()
        self.delivery = Delivery(
            self.world,
            self.settings,
            self.store,
            FixedResolver({}),
            self.tls,
            self.journal,
        )

    def host(self, **more: Any) -> MailHost:
        """Start a server; its port is closed with the test."""
        listening: list[Any] = []
        network = self.world.network

        def kept(address: str, port: int, factory: Factory, **tls: Any) -> Any:
            listening.append(network.listen(address, port, factory, **tls))
            return listening[0]

        world: Any = SimpleNamespace(network=SimpleNamespace(listen=kept))
        context = self.tls.server("smtp")
        if more.pop("implicit", False):
            more["tls"] = context
        host = MailHost(world, "127.0.0.1", 0, **more)
        host.context = context
        self.addCleanup(listening[0].stopListening)
        self.port = listening[0].getHost().port
        return host

    async def deliver(
        self, security: Security, octets: bytes = SIMPLE
    ) -> None:
        hop = NextHop("127.0.0.1", self.port, security)
        self.settings.change(
            evolve(self.settings.current, routes={"out.test": hop})
        )
        await self.store.accept(
            Acceptance(
                self.world.random.token(),
                self.world.clock.now(),
                Path.parse("alice@example.test"),
                spooled(self.store, octets),
                queued=(
                    QueuedRecipient(Path.parse("x@out.test"), "out.test"),
                ),
            )
        )
        self.delivery.start()
        for _ in range(500):
            if not (await self.store.queue.counts())["ready"]:
                break
            await deferLater(reactor, 0.01)
        await Deferred.fromCoroutine(self.delivery.stop())

    async def test_every_security(self) -> None:
        """The message arrives whole by clear text, STARTTLS with and
        without a check of the certificate, and TLS from the start."""
        octets = SIMPLE + b"0123456789" * 400_000 + b"\r\n.\r\n"
        for security, offers, tls in (
            (Security.NONE, {}, False),
            (Security.OPPORTUNISTIC, {"starttls": True}, True),
            (Security.REQUIRED, {"starttls": True}, True),
            (Security.IMPLICIT, {"implicit": True}, True),
        ):
            host = self.host(**offers)
            await self.deliver(security, octets)
            (taken,) = host.taken
            self.assertTrue(taken.octets == octets, security)
            self.assertEqual(taken.tls, tls, security)

    async def test_certificate_that_does_not_hold(self) -> None:
        """A certificate of somebody else's: where it must hold the mail
        waits, where it need not the mail goes."""
        host = self.host(starttls=True)
        self.trust.change(evolve(self.trust.current, trust_file=None))
        self.tls.reload()
        await self.deliver(Security.REQUIRED)
        self.assertEqual(host.taken, [])
        counts = await self.store.queue.counts()
        self.assertEqual(counts["deferred"], 1)
        await self.deliver(Security.OPPORTUNISTIC)
        self.assertTrue(host.taken[0].tls)
