"""What an IMAP listener can be told."""

from __future__ import annotations

from attrs import frozen


@frozen
class ImapSettings:
    """
    Settings of one IMAP listener.

    Attributes:
        greeting: What a client reads first, behind the name of the host.
        plaintext_auth: Whether a password may cross an unencrypted
            connection; without it LOGINDISABLED is told.
        scram: Whether SCRAM-SHA-256 is offered.
        tokens: Whether OAUTHBEARER and XOAUTH2 are offered.
        append_limit_octets: Largest message of an APPEND [RFC7889].
        append_most: Messages in one APPEND [RFC3502].
        before_login_s: How long a client may wait before it signs in.
        idle_s: Autologout of a client that has signed in; at least 30
            minutes [RFC9051 5.4].
        failures_most: Refused logins before the connection is closed.
    """

    greeting: str = "ready"
    plaintext_auth: bool = False
    scram: bool = False
    tokens: bool = False
    append_limit_octets: int = 64 * 1024 * 1024
    append_most: int = 1_000
    before_login_s: float = 60.0
    idle_s: float = 30 * 60.0
    failures_most: int = 3
