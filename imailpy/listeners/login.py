"""
Signing in: where a listener's SASL exchange meets the realm's gate.

SMTP, IMAP and POP3 differ in how they spell challenges and refusals, not in
how somebody signs in. Each listener makes a `SignIn` when its client says
AUTH, hands on the client's octets (base64 is the engine's), and answers what
comes back:

    outcome = await sign_in.begin(mechanism, initial)
    while isinstance(outcome, Challenge):
        ... send it, and with the client's answer:
        outcome = await sign_in.respond(octets)
    # SignedIn or Refused
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from attrs import frozen

from imailpy.errors import (
    LoginCancelled,
    LoginMalformed,
    LoginRefused,
    MailError,
)
from imailpy.interfaces.realm import IAvatar, IGate
from imailpy.interfaces.tls import ITls
from imailpy.mail import (
    CertificateCredentials,
    ClientCertificate,
    Credentials,
    PasswordCredentials,
    ProvenCredentials,
    Secret,
    TokenCredentials,
)
from imailpy.protocol.sasl import (
    Challenge,
    CheckExternal,
    CheckPassword,
    CheckToken,
    Exchange,
    FindSecret,
    Proven,
    Step,
    offered,
    refusal,
    server,
)
from imailpy.protocol.sasl.scram import PLUS_NAME


@frozen
class SignedIn:
    """Welcome; `gate.avatar` is this one."""

    avatar: IAvatar


@frozen
class Refused:
    """
    Not this time.

    Attributes:
        error: `LoginRefused`, its kinds `LoginMalformed` and
            `LoginCancelled`, or `LoginUnavailable`: `error.reply` is SMTP's
            answer.
    """

    error: MailError


Outcome = Challenge | SignedIn | Refused


@frozen
class Mechanisms:
    """
    What a connection has on offer, as of now; ask again once TLS is on.

    Attributes:
        names: In capitals, the strongest first; empty: no AUTH at all.
        binding: For `SignIn`.
        certificate: Likewise.
    """

    names: tuple[str, ...]
    binding: bytes | None = None
    certificate: ClientCertificate | None = None


def mechanisms(
    tls: ITls | None,
    transport: Any,
    *,
    secured: bool,
    plaintext_auth: bool,
    scram: bool,
    tokens: bool = False,
) -> Mechanisms:
    """
    Tell which mechanisms a connection may use.

    Args:
        tls: None for a listener without TLS.
        transport: Of the connection, after the handshake.
        secured: Whether TLS is on.
        plaintext_auth: Whether signing in without TLS is allowed here.
        scram: Whether SCRAM is switched on.
        tokens: Whether bearer tokens can be checked.
    """
    binding = certificate = None
    if secured and tls is not None:
        certificate = tls.client_certificate(transport)
    if secured and scram and tls is not None:
        binding = tls.exporter(transport)
    names = offered(
        secured,
        plaintext_auth,
        scram,
        binding is not None,
        tokens,
        external=certificate is not None,
    )
    return Mechanisms(names, binding, certificate)


class SignIn:
    """
    Somebody tries to sign in; `begin` again for the next attempt.

    Args:
        world: For nonces.
        gate: Of this connection.
        mechanisms: What this connection was told that it may use.
    """

    def __init__(self, world: Any, gate: IGate, found: Mechanisms) -> None:
        self._world = world
        self._gate = gate
        self._mechanisms = found
        self._exchange: Exchange | None = None
        self._proven: ProvenCredentials | None = None
        self._refused: MailError | None = None

    async def begin(self, mechanism: str, initial: bytes | None) -> Outcome:
        """
        Begin.

        Args:
            mechanism: In capitals, one of those on offer.
            initial: Decoded initial response, None when there was none.

        Raises:
            ValueError: A mechanism that is not on offer.
        """
        offer: Collection[str] = self._mechanisms.names
        if mechanism not in offer:
            raise ValueError(f"{mechanism} is not on offer")
        self._proven = self._refused = None
        self._exchange = server(
            mechanism,
            nonce=self._world.random.octets(24),
            # Only who was told of -PLUS can have lost it on the way.
            binding=self._mechanisms.binding if PLUS_NAME in offer else None,
        )
        return await self._take(self._exchange.start(initial))

    async def respond(self, octets: bytes | None) -> Outcome:
        """
        Go on.

        Args:
            octets: The client's answer to the last challenge, decoded; None
                when it gave up with `*`.
        """
        exchange, proven = self._exchange, self._proven
        if exchange is None:
            raise ValueError("nothing was begun")
        if self._refused is not None:
            # A dummy, or "*": it is refused whatever it is [RFC7628 3.2.3].
            self._exchange = None
            return Refused(self._refused)
        if octets is None:
            self._exchange = None
            return Refused(LoginCancelled("cancelled by the client"))
        if proven is None:
            return await self._take(exchange.respond(octets))
        # The client has heard our proof, and has nothing left to say.
        self._exchange = None
        if octets:
            return Refused(LoginMalformed("an answer to the last word"))
        return await self._login(proven)

    async def password(self, authcid: str, password: bytes) -> Outcome:
        """
        Sign in with IMAP's LOGIN or POP3's USER and PASS.

        Args:
            password: UTF-8, as typed; an empty one is refused here
                [SECURITY B9.3].
        """
        if not password or not authcid:
            return await self._failed("USER", authcid, "empty password")
        return await self._login(
            PasswordCredentials(authcid, Secret(password), mechanism="USER")
        )

    async def _take(self, step: Step) -> Outcome:
        """Do what the exchange asks for until the client has its turn."""
        exchange = self._exchange
        if exchange is None:
            raise ValueError("nothing was begun")
        if isinstance(step, FindSecret):
            try:
                secret = await self._gate.scram_secret(step.authcid)
            except MailError as error:
                self._exchange = None
                return Refused(error)
            step = exchange.secret(secret)
        if isinstance(step, Challenge):
            return step
        if isinstance(step, Proven):
            # None of the three protocols can carry octets with its success
            # in a way that every client reads: so one more challenge, with
            # an empty answer [RFC4954 4] [RFC5034 4] [RFC9051 6.2.2].
            self._proven = step.credentials
            return Challenge(step.final)
        if isinstance(step, CheckToken):
            return await self._show(step.credentials)
        self._exchange = None
        if isinstance(step, CheckPassword):
            return await self._login(step.credentials)
        if isinstance(step, CheckExternal):
            return await self._external(step.authzid)
        if isinstance(step, FindSecret):
            raise ValueError("a secret was asked for twice")
        if step.malformed:
            return Refused(LoginMalformed(step.reason))
        return await self._failed(
            exchange.mechanism, step.authcid, step.reason
        )

    async def _external(self, authzid: str) -> Outcome:
        certificate = self._mechanisms.certificate
        if certificate is None:
            raise ValueError("EXTERNAL is not on offer")
        return await self._login(CertificateCredentials(certificate, authzid))

    async def _show(self, credentials: TokenCredentials) -> Outcome:
        """Have a token checked; a refusal takes one more challenge."""
        outcome = await self._login(credentials)
        if isinstance(outcome, Refused) and not outcome.error.temporary:
            self._refused = outcome.error
            return Challenge(refusal(credentials.mechanism))
        self._exchange = None
        return outcome

    async def _login(
        self,
        credentials: Credentials,
    ) -> Outcome:
        try:
            return SignedIn(await self._gate.login(credentials))
        except MailError as error:
            return Refused(error)

    async def _failed(
        self, mechanism: str, authcid: str, reason: str
    ) -> Outcome:
        """Have a wrong proof counted; its answer takes its time."""
        try:
            await self._gate.login_failed(mechanism, authcid)
        except MailError as error:
            return Refused(error)
        return Refused(LoginRefused(reason))
