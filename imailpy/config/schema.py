"""
What `imailpy.toml` may say.

The docstring of a class is the remark above its section in the example.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

from imailpy.config import fields as f
from imailpy.config.fields import FilePath, required, section, setting
from imailpy.config.lines import LineMap
from imailpy.policy.settings import OverQuota, RelayPolicy


class Service(Enum):
    """What a listener speaks, and to whom."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"
    IMAP = "imap"
    POP3 = "pop3"


class ListenerTls(Enum):
    """How a listener is secured."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Security(Enum):
    """How a connection to another server is secured."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    IMPLICIT = "implicit"


class LogFormat(Enum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"


class LogLevel(Enum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"


class BareLineEnds(Enum):
    """What becomes of a message with a bare CR or LF."""

    AUTO = "auto"
    REJECT = "reject"
    NORMALIZE = "normalize"


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
    optional: bool | None = setting(
        "Whether the server starts without it when its port is taken.", None
    )
    plaintext_auth: bool | None = setting(
        "Whether a password may cross a connection without TLS.", None
    )


@frozen
class Smtp:
    """Taking mail: smtp, submission and lmtp listeners."""

    max_recipients: int = setting(
        "Recipients of one message; the next gets 452.",
        1000,
        check=f.within(100, 100_000),
    )
    max_message_mb: int = setting(
        "Largest message (MiB).", 50, check=f.within(1, 1024)
    )
    failures: int = setting(
        "Failed logins on one connection before it is closed.",
        5,
        check=f.within(1, 100),
    )
    max_errors: int = setting(
        "Mistakes on one connection before it is closed.",
        20,
        check=f.within(1, 10**6),
    )
    max_junk_commands: int = setting(
        "Commands without a message (NOOP, RSET, VRFY ...) before the "
        "connection is closed.",
        100,
        check=f.within(10, 10**6),
    )
    bare_line_ends: BareLineEnds = setting(
        "What becomes of a message with a bare CR or LF: reject, normalize, "
        "or auto (normalize what users send, reject the rest). They never "
        "end a message.",
        BareLineEnds.AUTO,
    )
    refuse_early_talk: bool = setting(
        "Send away clients that speak before they were greeted.", False
    )
    max_hops: int = setting(
        "Received fields from which a message counts as looping.",
        50,
        check=f.within(10, 1000),
    )


@frozen
class Relay:
    """
    Who may send to addresses that are not ours. Everybody must authenticate
    before, except those whom the policy names.
    """

    policy: RelayPolicy = setting(
        'none: nobody ("No mail relay"). addresses: the clients below '
        '("Relay mail for addresses").',
        RelayPolicy.NONE,
    )
    addresses: tuple[str, ...] = setting(
        "Clients that may relay: addresses, networks, or address and mask.",
        (),
        each=f.network,
        example=("192.0.2.0/24", "2001:db8::/32", "10.1.0.0 255.255.0.0"),
    )


@frozen
class Limits:
    """How many connections there may be at once; 0 lifts a limit."""

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
        "Refuse to check logins from networks that failed too often: 10, 30, "
        "90 a minute and 50, 150, 450 a day from an address, a /26, a /21.",
        True,
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
class Submission:
    """What users must keep to when they send."""

    own_reverse_path: bool = setting(
        "MAIL FROM must be an address of theirs.", True
    )
    null_reverse_path: bool = setting(
        "MAIL FROM:<> is fine for them, too: read receipts have it.", True
    )
    own_author: bool = setting(
        "From and Sender of the message must be addresses of theirs.", True
    )
    check_domains: bool = setting(
        "Refuse recipients whose domain does not exist while they are at "
        "hand. Asks DNS; without effect where all goes to a smart host.",
        True,
    )


@frozen
class Recipients:
    """Local recipients."""

    box_delimiters: str = setting(
        "What parts user and mailbox: user+box@example.com. An existing user "
        "or alias of the whole name wins.",
        "+-",
        check=f.delimiters,
    )
    over_quota: OverQuota = setting(
        "defer: 452, the sender tries again; reject: 552.", OverQuota.DEFER
    )


@frozen
class Hop:
    """A server that takes mail from us by arrangement."""

    host: str = setting(
        "Its name or IP address.", "", example="relay.example.net"
    )
    port: int = setting("Its port.", 25, check=f.within(1, 65_535))
    security: Security = setting(
        "none, opportunistic, required (STARTTLS with a certificate that "
        "holds) or implicit (TLS from the start).",
        Security.OPPORTUNISTIC,
    )
    user: str = setting("Sign in as. Empty: do not.", "", example="site-17")
    password_file: FilePath = setting(
        "File with the password; nobody but the owner may read it.",
        FilePath(""),
        example="/etc/imailpy/relay.password",
    )
    verify: bool = setting(
        "Whether its certificate must hold; without that anybody on the way "
        "may read mail and password.",
        True,
    )
    lmtp: bool = setting("It speaks LMTP.", False)


@frozen
class SmartHost(Hop):
    """Where all mail for the outside goes. Without host: by MX."""


@frozen
class Route(Hop):
    """
    Where the mail of one domain goes, or, with a dot before it, of all
    domains below it.
    """


@frozen
class Delivery:
    """Sending mail on, and trying again."""

    retry_minutes: tuple[float, ...] = setting(
        "Waits before the second try, the third ...; the last one counts for "
        "all that follow.",
        (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 240.0),
        each=f.within(0.01, 10_080),
    )
    give_up_days: float = setting(
        "After this the sender gets a report.", 5.0, check=f.within(0.01, 30)
    )
    bounce_give_up_days: float = setting(
        "The same for reports themselves, and other mail without sender.",
        2.0,
        check=f.within(0.01, 30),
    )
    delay_notice_hours: float = setting(
        "When the sender is told that it takes longer; 0: not at all.",
        4.0,
        check=f.within(0, 720),
    )
    connections: int = setting(
        "To everywhere together.", 100, check=f.within(1, 10_000)
    )
    connections_per_destination: int = setting(
        "To one server or domain.", 10, check=f.within(1, 1000)
    )
    private_targets: bool = setting(
        "Whether the MX of a domain may lead to a private or loopback "
        "address.",
        False,
    )
    catch_outside_in: str = setting(
        "Mail for the outside is not sent but put into the mailbox Outside "
        "of this account: for demonstrations and rehearsals.",
        "",
        check=f.mail_address,
        example="postmaster@example.com",
    )
    smart_host: SmartHost = section(SmartHost)
    routes: dict[str, Route] = field(
        factory=dict, metadata={"doc": Route.__doc__, "key": "example.net"}
    )


@frozen
class Dns:
    """Looking up where mail goes."""

    servers: tuple[str, ...] = setting(
        "Resolvers, in order of preference. Empty: those of /etc/resolv.conf.",
        (),
        each=f.server,
        example=("127.0.0.1", "[2001:db8::53]:53"),
    )
    trusted: tuple[str, ...] = setting(
        "Resolvers whose word on DNSSEC counts, besides those on this "
        "machine.",
        (),
        each=f.ip_address,
        example=("192.0.2.53",),
    )
    timeout_s: float = setting(
        "For the first try; doubles with each.",
        2.5,
        check=f.within(0.1, 30),
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


@frozen
class Imap:
    """imap listeners."""

    append_limit_mb: int = setting(
        "Largest message (MiB) of an APPEND.", 64, check=f.within(1, 1024)
    )
    before_login_s: float = setting(
        "How long a client may take to sign in.",
        60.0,
        check=f.within(5, 3600),
    )
    idle_minutes: float = setting(
        "A client that says nothing for so long is let go; the standard "
        "wants 30 at least.",
        30.0,
        check=f.within(30, 10_080),
    )
    failures: int = setting(
        "Failed logins on one connection before it is closed.",
        3,
        check=f.within(1, 100),
    )


@frozen
class Pop3:
    """pop3 listeners."""

    before_login_s: float = setting(
        "How long a client may take to sign in.",
        60.0,
        check=f.within(5, 3600),
    )
    idle_minutes: float = setting(
        "A client that says nothing for so long is let go; the standard "
        "wants 10 at least.",
        10.0,
        check=f.within(10, 1440),
    )
    failures: int = setting(
        "Failed logins on one connection before it is closed.",
        3,
        check=f.within(1, 100),
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


@frozen
class Configuration:
    """
    All of it.

    Attributes:
        file: As the operator named it.
        lines: Where in it each key stands.
    """

    server: Server = section(Server)
    storage: Storage = section(Storage)
    tls: Tls = section(Tls)
    listeners: dict[str, ListenerTable] = field(
        factory=dict,
        metadata={"doc": ListenerTable.__doc__, "key": "smtp"},
    )
    smtp: Smtp = section(Smtp)
    relay: Relay = section(Relay)
    limits: Limits = section(Limits)
    login: Login = section(Login)
    submission: Submission = section(Submission)
    recipients: Recipients = section(Recipients)
    delivery: Delivery = section(Delivery)
    dns: Dns = section(Dns)
    hello: Hello = section(Hello)
    imap: Imap = section(Imap)
    pop3: Pop3 = section(Pop3)
    log: Log = section(Log)
    metrics: Metrics = section(Metrics)
    file: str = field(default="imailpy.toml", init=False, eq=False)
    lines: LineMap = field(factory=LineMap, init=False, eq=False, repr=False)

    def entry(self, *path: str | int) -> str:
        """Name a place for a decision: `imailpy.toml:12`."""
        return f"{self.file}:{self.lines.find(path).line}"
