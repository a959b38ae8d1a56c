"""
What a server's side of an exchange says, one step at a time.

`start` once, then `respond` to what the client answers to each `Challenge`.
`FindSecret` waits for `secret`. `CheckPassword`, `CheckToken`,
`CheckExternal`, `Proven` and `Failed` end the exchange: whatever comes after
them is `Failed` again, so a proof can never be shown twice [SECURITY B9.6].
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from imailpy.mail import (
    PasswordCredentials,
    ProvenCredentials,
    ScramSecret,
    TokenCredentials,
)

# Octets of a client's message after base64: what an AUTH line of 12,288
# octets [RFC4954 4] can carry.
MOST_OCTETS = 9216


@frozen
class Challenge:
    """Send these octets and hand the client's answer to `respond`."""

    octets: bytes


@frozen
class CheckPassword:
    """Name and password are complete: have them checked. The end."""

    credentials: PasswordCredentials


@frozen
class CheckExternal:
    """
    Whoever the channel says it is wants to come in. The end.

    Attributes:
        authzid: Whom to act as; empty: whom the channel names.
    """

    authzid: str


@frozen
class CheckToken:
    """
    Name and bearer token are complete: have them checked. The end.

    A refusal is told in one more challenge, `bearer.refusal`, and the
    client's answer to that, whatever it is, is the end [RFC7628 3.2.3].
    """

    credentials: TokenCredentials


@frozen
class FindSecret:
    """
    Look up what SCRAM needs to know, then go on with `secret`.

    Attributes:
        authcid: Prepared, not empty.
    """

    authcid: str


@frozen
class Proven:
    """
    The client has proven itself. The end.

    Attributes:
        credentials: Who it is.
        final: What the server has yet to say to prove itself.
    """

    credentials: ProvenCredentials
    final: bytes


@frozen
class Failed:
    """
    It came to nothing. The end.

    Attributes:
        reason: For the log; holds nothing that the client said.
        malformed: The client broke the mechanism's syntax, as opposed to
            having shown a wrong proof.
        authcid: Whose proof it was; empty when that is not known.
    """

    reason: str
    malformed: bool = True
    authcid: str = ""


Step = (
    Challenge
    | CheckPassword
    | CheckToken
    | CheckExternal
    | FindSecret
    | Proven
    | Failed
)

ENDED = Failed("the exchange is over")


class Exchange(Protocol):
    """One mechanism at work, server's side."""

    mechanism: str

    def start(self, initial: bytes | None) -> Step:
        """
        Begin.

        Args:
            initial: The initial response, decoded; None when there was none
                [RFC4422 5.1].
        """
        ...

    def respond(self, octets: bytes) -> Step:
        """Take the client's answer to a challenge, decoded."""
        ...

    def secret(self, secret: ScramSecret) -> Step:
        """Take what `FindSecret` asked for."""
        ...
