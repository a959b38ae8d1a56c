"""This machine: its name, its store, its certificates, its log."""

from __future__ import annotations

from attrs import frozen

from imailpy.config import fields as f
from imailpy.config.fields import FilePath, required, setting
from imailpy.config.schema.choices import (
    LogFormat,
    LogLevel,
)


@frozen
class Server:
    """This machine."""

    host_name: str = setting(
        "Full name of this machine, in greetings, Received fields and "
        "message ids. Empty: as the system says.",
        "",
        check=f.host_name,
        example="mail.example.com",
    )
    postmaster: str = setting(
        "The account that reads mail to postmaster where a domain has none "
        "of its own. Empty: the first account.",
        "",
        check=f.mail_address,
        example="admin@example.com",
    )
    own_addresses: tuple[str, ...] = setting(
        "IP addresses of this machine as the world sees them: mail for "
        "user@[192.0.2.1] is ours then, and an MX that leads there leads "
        "back to us.",
        (),
        each=f.ip_address,
        example=("192.0.2.1",),
    )


@frozen
class Storage:
    """Where mail is kept."""

    directory: FilePath = setting(
        "The data directory; belongs to the server's user alone.",
        FilePath("/var/lib/imailpy"),
    )
    min_free_mb: int = setting(
        "With less free space (MiB) no mail is taken: 452.",
        256,
        check=f.within(1, 10**9),
    )
    min_free_percent: float = setting(
        "The same as a share of the file system; the larger of the two "
        "counts.",
        5.0,
        check=f.within(0, 90),
    )
    reserve_mb: int = setting(
        "Room (MiB) that is kept so that mail can still be removed on a "
        "full disk.",
        64,
        check=f.within(1, 100_000),
    )
    spool_mb: int = setting(
        "Room (MiB) for all messages that are arriving at one time.",
        1024,
        check=f.within(1, 10**9),
    )
    undelete_days: float = setting(
        "How long an expunged message can be brought back.",
        7.0,
        check=f.within(0, 36_600),
    )


@frozen
class Certificate:
    """A certificate and its private key, in PEM."""

    certificate: FilePath = required(
        "The certificate, with those between it and the root behind it.",
        example="/etc/imailpy/tls/certificate.pem",
    )
    key: FilePath = required(
        "Its private key; nobody but the owner may read it.",
        example="/etc/imailpy/tls/key.pem",
    )


@frozen
class Tls:
    """
    Certificates. The first serves clients that name no host, and names that
    no other one has.
    """

    legacy: bool = setting(
        "Whether smtp listeners also speak TLS 1.0 and 1.1, with senders "
        "that would use no TLS otherwise.",
        False,
    )
    trust_file: FilePath = setting(
        "PEM file of the authorities that certificates of other servers are "
        "checked with. Empty: those of the system.",
        FilePath(""),
        example="/etc/ssl/certs/ca-certificates.crt",
    )
    certificates: tuple[Certificate, ...] = setting(
        "Certificates and their keys; they are read again at a reload.", ()
    )


@frozen
class Log:
    """The log. No body, subject or password is ever in it."""

    level: LogLevel = setting(
        "info, or debug: every decision, those too that let something pass.",
        LogLevel.INFO,
    )
    format: LogFormat = setting(
        "text or json. Where twistd has a --logger, that one decides: "
        "imailpy.admin.journal.text_lines or "
        "imailpy.admin.journal.json_lines.",
        LogFormat.TEXT,
    )


@frozen
class Metrics:
    """Counters for Prometheus, on this machine only."""

    port: int = setting("0: none.", 0, check=f.port, example=9625)
    address: str = setting(
        "A loopback address.", "127.0.0.1", check=f.loopback
    )
