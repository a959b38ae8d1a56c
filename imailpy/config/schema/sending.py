"""Where mail goes that is not for us."""

from __future__ import annotations

from attrs import field, frozen

from imailpy.config import fields as f
from imailpy.config.fields import FilePath, section, setting
from imailpy.config.schema.choices import (
    Security,
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
