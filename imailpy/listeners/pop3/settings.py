"""What a POP3 listener can be told."""

from __future__ import annotations

from attrs import frozen


@frozen
class Pop3Settings:
    """
    Settings of one POP3 listener.

    Attributes:
        greeting: What a client reads first, behind the name of the host.
        plaintext_auth: Whether a password may cross an unencrypted
            connection.
        scram: Whether SCRAM-SHA-256 is offered.
        tokens: Whether OAUTHBEARER and XOAUTH2 are offered.
        handshake_s: How long a TLS handshake may take [SECURITY B2.12].
        before_login_s: How long a client may wait before it signs in.
        idle_s: Autologout of a client that has signed in; at least ten
            minutes [RFC1939 3].
        failures_most: Refused logins before the connection is closed.
    """

    greeting: str = "ready"
    plaintext_auth: bool = False
    scram: bool = False
    tokens: bool = False
    handshake_s: float = 30.0
    before_login_s: float = 60.0
    idle_s: float = 600.0
    failures_most: int = 3
