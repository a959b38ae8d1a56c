"""How clients are met: listeners, limits, logins, reading."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from imailpy.config import fields as f
from imailpy.config.fields import FilePath, setting
from imailpy.config.schema.choices import (
    ListenerTls,
    Service,
)


@frozen
class ListenerTable:
    """
    What is listened on. The listeners smtp, submission, submissions and
    imaps are on; lmtp, imap, pop3 and pop3s wait for enabled = true. Others
    may be added under any name, with service and port.
    """

    enabled: bool | None = setting("Whether it is opened.", None)
    service: Service | None = setting(
        "smtp (from the world), submission (from users), lmtp, imap, pop3.",
        None,
    )
    address: str | None = setting(
        "IP address to listen on; empty: all of this machine.",
        None,
        check=f.ip_address,
    )
    port: int | None = setting("TCP port.", None, check=f.port)
    tls: ListenerTls | None = setting(
        "none, starttls (offered in clear text), implicit (from the start).",
        None,
    )
    auth: bool | None = setting("Whether users can sign in.", None)
    tls_client_ca: FilePath | None = setting(
        "Ask clients for a certificate signed by an authority in this PEM "
        "file; who shows one may sign in by SASL EXTERNAL.",
        None,
        example="client-ca.pem",
    )
    optional: bool | None = setting(
        "Whether the server starts without it when its port is taken.", None
    )
    plaintext_auth: bool | None = setting(
        "Whether a password may cross a connection without TLS.", None
    )
    open_relay: bool | None = setting(
        'Whether the relay policy "anyone" may hold here although others '
        "than this machine can reach it.",
        None,
    )
    proxy: tuple[str, ...] | None = setting(
        "Proxies that must say for whom they connect, by the PROXY protocol "
        "(version 1 or 2). Nobody else may connect then.",
        None,
        each=f.network,
        example=("10.0.0.5",),
    )
    proxy_direct: bool | None = setting(
        "Whether others than the proxies may connect, without a header.",
        None,
    )
    proxy_header_s: float | None = setting(
        "How long a proxy may take to send its header; 10 unless said.",
        None,
        check=f.within(1, 60),
    )


@frozen
class Limits:
    """
    How many connections there may be at once, and how many a minute; 0 lifts
    a limit.
    """

    per_address: int = setting(
        "From one IPv4 address or one IPv6 /64, for each service.",
        20,
        check=f.within(0, 10**6),
    )
    per_network: int = setting(
        "From one IPv4 /24 or one IPv6 /48, for each service.",
        60,
        check=f.within(0, 10**6),
    )
    total: int = setting("Of all together.", 20_000, check=f.within(0, 10**6))
    address_rate: int = setting(
        "New connections a minute from one address, for each service.",
        300,
        check=f.within(0, 10**6),
    )
    network_rate: int = setting(
        "The same from one network.", 1000, check=f.within(0, 10**6)
    )
    message_rate: int = setting(
        "Messages a minute from an address that has not signed in; the next "
        "gets 450.",
        600,
        check=f.within(0, 10**6),
    )
    exempt: tuple[str, ...] = setting(
        "Clients that only the total applies to.",
        (),
        each=f.network,
        example=("192.0.2.10",),
    )


@frozen
class Login:
    """How users sign in."""

    failure_delay_s: float = setting(
        "The answer to a failed login comes so much later; 0: at once.",
        2.0,
        check=f.within(0, 60),
    )
    failure_windows: bool = setting(
        "Refuse to check logins from networks that failed too often, as the "
        "next two settings say.",
        True,
    )
    failures_a_minute: tuple[int, ...] = setting(
        "Three numbers: from one IPv4 address or IPv6 /64, from one /26 or "
        "/48, from one /21 or /32.",
        (10, 30, 90),
        each=f.within(1, 10**6),
    )
    failures_a_day: tuple[int, ...] = setting(
        "The same in a day.", (50, 150, 450), each=f.within(1, 10**6)
    )
    slow_after: int = setting(
        "Failed logins of one account in an hour, from wherever, after which "
        "addresses that it has not used before have to wait; 0: never.",
        20,
        check=f.within(0, 10**6),
    )
    slow_step_s: float = setting(
        "Each failure more makes that wait so much longer.",
        0.5,
        check=f.within(0, 10),
    )
    slow_most_s: float = setting(
        "The longest wait.", 15.0, check=f.within(0, 60)
    )
    known_days: int = setting(
        "So long an address is known to an account after a login.",
        30,
        check=f.within(1, 365),
    )
    cache_s: float = setting(
        "A password that was right is known so long without hashing it "
        "again; 0: never.",
        300.0,
        check=f.within(0, 3600),
    )
    hash_threads: int = setting(
        "Threads that check passwords; read at start only.",
        2,
        check=f.within(1, 64),
    )
    host_delimiters: str = setting(
        "What may stand for the @ of a login name: user%host.",
        "%",
        check=f.delimiters,
    )
    default_domain: str = setting(
        "Domain of a login name without one. Empty: such names are refused.",
        "",
        check=f.domain,
        example="example.com",
    )
    scram: bool = setting(
        "Offer SCRAM-SHA-256. Only accounts whose password was set for SCRAM "
        "can use it, and many programs insist on it once it is offered.",
        False,
    )


@frozen
class Hello:
    """
    What is said first: one line of ASCII each, 400 characters at most. As
    they are they tell neither product nor version.
    """

    smtp: str = setting(
        "Behind the host's name, by smtp, submission and lmtp listeners.",
        "ESMTP",
        check=f.hello,
    )
    imap: str = setting(
        "Behind the host's name, by imap listeners.", "ready", check=f.hello
    )
    pop3: str = setting(
        "Behind the host's name, by pop3 listeners.", "ready", check=f.hello
    )
    check_syntax: bool = setting(
        "Refuse clients of smtp listeners that call themselves something "
        "that is neither a domain nor an address literal.",
        True,
    )


def _before_login() -> Any:
    return setting(
        "How long a client may take to sign in.",
        60.0,
        check=f.within(5, 3600),
    )


def _failures() -> Any:
    return setting(
        "Failed logins on one connection before it is closed.",
        3,
        check=f.within(1, 100),
    )


@frozen
class Imap:
    """imap listeners."""

    append_limit_mb: int = setting(
        "Largest message (MiB) of an APPEND.", 64, check=f.within(1, 1024)
    )
    before_login_s: float = _before_login()
    idle_minutes: float = setting(
        "A client that says nothing for so long is let go; the standard "
        "wants 30 at least.",
        30.0,
        check=f.within(30, 10_080),
    )
    failures: int = _failures()


@frozen
class Pop3:
    """pop3 listeners."""

    before_login_s: float = _before_login()
    idle_minutes: float = setting(
        "A client that says nothing for so long is let go; the standard "
        "wants 10 at least.",
        10.0,
        check=f.within(10, 1440),
    )
    failures: int = _failures()
