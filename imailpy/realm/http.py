"""
A little HTTP client over the world's network: ask an issuer, get its answer.

Twisted's Agent does the talking. It follows no redirects, keeps no cookies
and no connections; an answer has a limit in octets and in time. https is
verified; http is for loopback alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.web.client import Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from imailpy.errors import MailError
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.realm.reach import connect

MOST_OCTETS = 256 * 1024


class NoAnswer(MailError):
    """There is no answer that can be used; `private` says why."""


@implementer(IStreamClientEndpoint)
class _Endpoint:
    """One host of one URI."""

    def __init__(self, connect: Callable[[Any], Deferred[Any]]) -> None:
        self._connect = connect

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        return self._connect(protocolFactory)


@implementer(IBodyProducer)
class _Body:
    """What is sent, at once."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.length = len(octets)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._octets)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def stopProducing(self) -> None:
        pass

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass


class _Collector(Protocol):
    """Keeps a body, as long as it is not too long."""

    def __init__(self, done: Deferred[bytes]) -> None:
        self._done = done
        self._parts: list[bytes] = []
        self._size_octets = 0

    def dataReceived(self, data: bytes) -> None:
        self._size_octets += len(data)
        if self._size_octets > MOST_OCTETS:
            self._end(NoAnswer(f"more than {MOST_OCTETS} octets"))
            transport: Any = self.transport
            transport.abortConnection()
            return
        self._parts.append(data)

    def connectionLost(self, reason: Any = None) -> None:
        if reason is not None and reason.check(
            ResponseDone, PotentialDataLoss
        ):
            self._end(b"".join(self._parts))
        else:
            self._end(NoAnswer("the connection was lost"))

    def _end(self, result: bytes | Exception) -> None:
        if self._done.called:
            return
        if isinstance(result, Exception):
            self._done.errback(result)
        else:
            self._done.callback(result)


class _Timer:
    """What of a reactor the Agent uses."""

    def __init__(self, world: IWorld) -> None:
        self._clock = world.clock

    def callLater(self, delay: float, call: Any, *a: Any) -> Any:
        return self._clock.call_later(delay, call, *a)


@implementer(IAgentEndpointFactory)
class Http:
    """
    Asks for URLs.

    Args:
        tls: Verifies https.
        resolver: For names; without it only addresses can be asked.
    """

    def __init__(
        self, world: IWorld, tls: ITls | None, resolver: IResolver | None
    ) -> None:
        self._world = world
        self._tls = tls
        self._resolver = resolver

    def endpointForURI(self, uri: Any) -> _Endpoint:
        """As `IAgentEndpointFactory`."""
        host = uri.host.decode("ascii")
        tls = None
        if uri.scheme == b"https":
            if self._tls is None:
                raise NoAnswer("no TLS to ask with")
            tls = self._tls.client(host.strip("[]"), verify=True)

        def go(factory: Any) -> Deferred[Any]:
            return Deferred.fromCoroutine(
                connect(
                    self._world,
                    self._resolver,
                    host,
                    uri.port,
                    factory,
                    timeout_s=10.0,
                    tls=tls,
                )
            )

        return _Endpoint(go)

    async def ask(
        self,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        """
        GET, or POST where there is a body; gives that of a 200.

        Raises:
            NoAnswer: There is none.
        """
        asked = Deferred.fromCoroutine(self._ask(url, headers or {}, body))
        late = self._world.clock.call_later(timeout_s, asked.cancel)
        try:
            return await asked
        except NoAnswer as error:
            raise NoAnswer(f"{url}: {error.private}") from error
        except Exception as error:
            why = str(error) or type(error).__name__
            if not late.active():
                why = f"not within {timeout_s:g} s"
            raise NoAnswer(f"{url}: {why}") from error
        finally:
            late.cancel()

    async def _ask(
        self, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        agent = Agent.usingEndpointFactory(_Timer(self._world), self)
        response: Any = await agent.request(
            b"GET" if body is None else b"POST",
            url.encode("ascii"),
            Headers(
                {"User-Agent": ["imailpy"]}
                | {name: [value] for name, value in headers.items()}
            ),
            None if body is None else _Body(body),
        )
        done: Deferred[bytes] = Deferred()
        response.deliverBody(_Collector(done))
        octets = await done
        if response.code != 200:
            raise NoAnswer(f"HTTP status {response.code}")
        return octets
