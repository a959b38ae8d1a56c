"""Tokens against an issuer's web server, and whose they are."""

import json
from typing import Any

from attrs import evolve
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from imailpy.errors import LoginUnavailable
from imailpy.mail import Secret, TokenCredentials
from imailpy.realm.http import MOST_OCTETS, Http, NoAnswer
from imailpy.realm.settings import LoginSettings
from imailpy.realm.tokens.check import TokenChecker
from imailpy.realm.tokens.settings import Introspection, TokenSettings
from imailpy.world.real import RealWorld
from tests.realm.support import ANN, SmallDirectory
from tests.support.issuer import AUDIENCE, Issuer, IssuerSite, made_key
from tests.support.settings import Fixed


class LateClock:
    """The machine's clock, and a monotonic one that a test moves on."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.moved = Clock()
        self.now, self.call_later = real.now, real.call_later

    def monotonic(self) -> float:
        return self.moved.seconds()


class CheckTests(TestCase):
    """An issuer on loopback."""

    def setUp(self) -> None:
        self.world: Any = RealWorld(reactor)
        self.world.clock = self.clock = LateClock(self.world.clock)
        self.issuer = Issuer()
        self.site = IssuerSite(self.issuer).__enter__()
        self.addCleanup(self.site.close)
        self.directory: Any = SmallDirectory()
        self.directory.add(ANN)
        self.settings = Fixed(
            TokenSettings(
                issuer=self.issuer.name, audiences=(AUDIENCE,), timeout_s=5
            )
        )
        self.checker = TokenChecker(
            self.world,
            Http(self.world, None, None),
            self.settings,
            self.directory,
            LoginSettings,
        )

    def show(self, token: bytes, name: str = "") -> Deferred[str]:
        return Deferred.fromCoroutine(
            self.checker.check(TokenCredentials(name, Secret(token)))
        )

    async def refuse(self, token: bytes, name: str = "") -> str:
        try:
            await self.show(token, name)
        except UnauthorizedLogin as error:
            return str(error)
        raise AssertionError("it was taken")

    async def fail_for_now(self, token: bytes) -> str:
        try:
            await self.show(token)
        except LoginUnavailable as error:
            return error.private
        raise AssertionError("it could be told")

    async def test_discovered(self) -> None:
        """The keys are found by discovery, once for many logins."""
        for name in ("", "ann@local.test", "ANN%local.test"):
            self.assertEqual(
                await self.show(self.issuer.token(), name), "id-ann"
            )
        await gatherResults(
            [self.show(self.issuer.token(kind)) for kind in ("EC", "OKP")]
        )
        self.assertEqual(
            self.site.asked, ["/.well-known/openid-configuration", "/keys"]
        )

    async def test_whose(self) -> None:
        """A token is for its owner's account, which has to be there."""
        token = self.issuer.token()
        self.assertIn("another", await self.refuse(token, "bob@local.test"))
        self.assertIn("another", await self.refuse(token, "ann@local.test "))
        other = self.issuer.token(email="nobody@local.test")
        self.assertIn("no such account", await self.refuse(other))
        self.directory.disable(ANN)
        self.assertIn("disabled", await self.refuse(token))

    async def test_claim(self) -> None:
        """The operator says which claim names the account."""
        self.settings.change(
            evolve(
                self.settings.current,
                claim="preferred_username",
                verified=False,
            )
        )
        token = self.issuer.token(
            email=None, email_verified=None, preferred_username=str(ANN)
        )
        self.assertEqual(await self.show(token), "id-ann")
        await self.refuse(self.issuer.token())

    async def test_new_key(self) -> None:
        """A key that is not known is looked for, once a minute at most."""
        await self.show(self.issuer.token())
        self.clock.moved.advance(61)
        asked = len(self.site.asked)
        for _ in range(5):
            await self.refuse(self.issuer.token(header={"kid": "x/../y"}))
        self.assertEqual(len(self.site.asked), asked + 2)
        self.issuer.keys["new"] = made_key("RSA")
        new = self.issuer.token(header={"kid": "new"})
        await self.refuse(new)
        self.clock.moved.advance(61)
        self.assertEqual(await self.show(new), "id-ann")

    async def test_B9_7_down(self) -> None:
        """An issuer that cannot be asked is a failure for now, never a
        wrong token; keys that were had once serve on."""
        token = self.issuer.token()
        self.site.status = 500
        self.assertIn("HTTP status 500", await self.fail_for_now(token))
        asked = len(self.site.asked)
        await self.fail_for_now(token)
        self.assertEqual(len(self.site.asked), asked)
        self.site.status = 200
        self.clock.moved.advance(61)
        self.assertEqual(await self.show(token), "id-ann")
        self.site.status = 404
        self.clock.moved.advance(3601)
        self.assertEqual(await self.show(token), "id-ann")
        # Whether this key is new cannot be told just now.
        strange = self.issuer.token(header={"kid": "strange"})
        await self.fail_for_now(strange)

    async def test_nobody_there(self) -> None:
        """Nor does it count as wrong where nobody listens."""
        self.settings.change(
            evolve(self.settings.current, issuer="http://127.0.0.1:9")
        )
        await self.fail_for_now(self.issuer.token())

    async def test_large_answer(self) -> None:
        """An answer without end is not read to its end."""
        self.site.padding = b" " * MOST_OCTETS
        self.assertIn("octets", await self.fail_for_now(self.issuer.token()))

    async def test_another_issuer(self) -> None:
        """A discovery document that speaks for somebody else is none."""
        self.issuer.name = "https://evil.test"
        why = await self.fail_for_now(self.issuer.token())
        self.assertIn("another issuer", why)

    async def test_keys_in_clear(self) -> None:
        """Keys are not fetched from a place that is less safe than what the
        operator wrote."""
        for place in ("http://192.0.2.1/keys", "file:///keys", "ftp://a/"):
            said = {"issuer": self.issuer.name, "jwks_uri": place}
            self.site.page = (  # type: ignore
                lambda path, body, said=said: json.dumps(said).encode()
            )
            self.clock.moved.advance(61)
            why = await self.fail_for_now(self.issuer.token())
            self.assertIn("jwks_uri", why)

    async def test_keys_at_hand(self) -> None:
        """With a file of keys nobody is asked."""
        self.settings.change(
            evolve(self.settings.current, jwks=self.issuer.jwks())
        )
        self.assertEqual(await self.show(self.issuer.token()), "id-ann")
        await self.refuse(self.issuer.token(header={"kid": "other"}))
        self.assertEqual(self.site.asked, [])

    async def test_off(self) -> None:
        """Without an issuer no token is taken."""
        self.settings.change(TokenSettings())
        await self.refuse(self.issuer.token())

    # Introspection

    def ask(self, cache_s: float = 60) -> None:
        self.settings.change(
            evolve(
                self.settings.current,
                introspection=Introspection(
                    self.site.url + "/ask",
                    "imailpy:1",
                    Secret(b"s3cret &="),
                    cache_s,
                ),
            )
        )

    async def test_introspection(self) -> None:
        """An opaque token is good when the issuer says so, and is known for
        a while."""
        self.ask()
        self.site.active["opaque"] = {"active": True, **self.issuer.claims()}
        for _ in range(3):
            self.assertEqual(await self.show(b"opaque"), "id-ann")
        self.assertEqual(self.site.asked, ["/ask"])
        # imailpy%3A1:s3cret+%26%3D [RFC6749 2.3.1]
        self.assertEqual(
            self.site.authorization,
            ["Basic aW1haWxweSUzQTE6czNjcmV0KyUyNiUzRA=="],
        )
        self.clock.moved.advance(61)
        self.site.active.clear()
        self.assertIn("not active", await self.refuse(b"opaque"))

    async def test_introspection_each_time(self) -> None:
        """With 0 seconds the issuer is asked each time."""
        self.ask(0)
        self.site.active["opaque"] = {"active": True, **self.issuer.claims()}
        await self.show(b"opaque")
        await self.show(b"opaque")
        self.assertEqual(len(self.site.asked), 2)

    async def test_introspection_claims(self) -> None:
        """What the issuer says besides is looked at, too."""
        self.ask()
        for number, claims in enumerate(
            ({"aud": "else"}, {"iss": "x"}, {"exp": 1}, {"email": None})
        ):
            token = f"opaque{number}"
            self.site.active[token] = {
                "active": True,
                **self.issuer.claims(**claims),
            }
            await self.refuse(token.encode())
        self.site.active["bare"] = {
            "active": True,
            "email": "ann@local.test",
            "email_verified": True,
        }
        self.assertEqual(await self.show(b"bare"), "id-ann")

    async def test_introspection_down(self) -> None:
        """An issuer that is down is a failure for now."""
        self.ask()
        self.site.status = 503
        await self.fail_for_now(b"opaque")
        self.site.status = 200
        self.site.page = lambda path, body: b"[]"  # type: ignore
        await self.fail_for_now(b"opaque")

    # HTTP

    async def test_silence(self) -> None:
        """Somebody who never answers is not waited for."""
        from twisted.internet.protocol import Factory, Protocol

        port = self.world.network.listen(
            "127.0.0.1", 0, Factory.forProtocol(Protocol)
        )
        self.addCleanup(port.stopListening)
        url = f"http://127.0.0.1:{port.getHost().port}/"
        with self.assertRaises(NoAnswer) as caught:
            await Http(self.world, None, None).ask(url, timeout_s=0.1)
        self.assertIn("not within 0.1 s", caught.exception.private)
