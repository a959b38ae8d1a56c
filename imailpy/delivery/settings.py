"""What delivery is told by the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen

from imailpy.delivery.schedule import Schedule
from imailpy.mail import Path, Secret

SMTP_PORT = 25


class Security(Enum):
    """How a connection to another server is secured."""

    NONE = "none"
    # TLS where it is offered, with any certificate; clear text where TLS
    # fails [RFC7435].
    OPPORTUNISTIC = "opportunistic"
    # STARTTLS with a certificate that holds, or the mail waits.
    REQUIRED = "required"
    # TLS from the first octet, with a certificate that holds [RFC8314].
    IMPLICIT = "implicit"


@frozen
class NextHop:
    """
    A server that takes mail from us by arrangement.

    Attributes:
        host: A name, whose addresses are tried in turn, or an address.
        user: Sign in as; None: do not.
        verify: Whether its certificate must hold where TLS is a must.
        lmtp: It speaks LMTP [RFC2033].
    """

    host: str
    port: int = SMTP_PORT
    security: Security = Security.OPPORTUNISTIC
    user: str | None = None
    password: Secret | None = None
    verify: bool = True
    lmtp: bool = False


@frozen
class Timeouts:
    """Seconds to wait for the other side [RFC5321 4.5.3.2]."""

    connect_s: float = 30.0
    greeting_s: float = 300.0
    # EHLO, STARTTLS, AUTH, MAIL, RCPT.
    command_s: float = 300.0
    data_s: float = 120.0
    block_s: float = 180.0
    end_s: float = 600.0
    quit_s: float = 5.0
    # One message from MAIL to its last reply, however busy it looks.
    message_s: float = 7200.0
    # A connection that waits for another message is let go.
    idle_s: float = 2.0


@frozen
class DeliverySettings:
    """
    How mail is delivered.

    Attributes:
        hop_limit: Received fields from which a message counts as looping
            [RFC5321 6.3].
        separators: What parts a user from a mailbox in a local part, the
            first before the others; empty: nothing does.
        own_addresses: IP addresses of ours: mail for address literals of
            them is ours, and an MX that leads there leads back to us.
        literal_domain: The domain of ours that mail for those and for a bare
            `postmaster` belongs to; None: the first one.
        postmaster: Who takes mail for the postmaster of every domain that
            has none [RFC5321 4.5.1]; None: the first account.
        alias_depth: Aliases behind each other.
        alias_targets: Addresses that one recipient may stand for.
        smart_host: Where all mail for the outside goes; None: by MX.
        routes: Domain, or `.domain` for all below it -> where its mail goes.
        by_mx: Domains whose mail never goes to the smart host: we are a
            backup of their MX.
        catch_outside_in: Mail for the outside is not sent but put into the
            mailbox `Outside` of this account.
        private_targets: Whether an MX may lead to a private or loopback
            address. Such an address is never one of the Internet's
            [SECURITY B11.4].
        smtp_port: Of MX hosts.
        mx_hosts: Hosts of one domain that are tried.
        mx_addresses: Addresses of one domain that are tried.
        connections: To everywhere together.
        connections_per_destination: To one next hop or domain.
        recipients_per_message: In one transaction [RFC5321 4.5.3.1.8].
        messages_per_connection: Then a new one is opened.
        claimed_rows: Rows of the queue held in memory.
        stop_s: At the end, what is in flight gets so long.
        record_again_s: The results could not be written down: wait so long.
        full_return_octets: A larger message is returned as its header
            section, whatever RET said.
    """

    hop_limit: int = 50
    separators: str = "+-"
    own_addresses: frozenset[str] = frozenset()
    literal_domain: str | None = None
    postmaster: Path | None = None
    alias_depth: int = 10
    alias_targets: int = 1_000
    smart_host: NextHop | None = None
    routes: Mapping[str, NextHop] = field(factory=dict)
    by_mx: frozenset[str] = frozenset()
    catch_outside_in: Path | None = None
    private_targets: bool = False
    smtp_port: int = SMTP_PORT
    mx_hosts: int = 20
    mx_addresses: int = 100
    connections: int = 100
    connections_per_destination: int = 10
    recipients_per_message: int = 100
    messages_per_connection: int = 100
    claimed_rows: int = 2_000
    stop_s: float = 30.0
    record_again_s: float = 5.0
    full_return_octets: int = 1 << 20
    schedule: Schedule = field(factory=Schedule)
    timeouts: Timeouts = field(factory=Timeouts)
