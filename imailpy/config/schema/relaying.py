"""Whose mail is sent on, and who may call itself one of us."""

from __future__ import annotations

from attrs import field, frozen

from imailpy.config import fields as f
from imailpy.config.fields import FilePath, setting
from imailpy.config.schema.sending import Hop
from imailpy.policy.settings import (
    LocalSender,
    RecipientCheck,
    RelayPolicy,
)


@frozen
class RelayDomain(Hop):
    """
    A domain of others that mail is taken for from anyone, to be sent on:
    as backup MX, or as gateway before another server. Without host it goes
    by MX, to those that come before us.
    """

    recipients: RecipientCheck = setting(
        "How it is known who exists there. none: everybody is taken, and "
        "what the other server refuses bounces. list: those in "
        "recipients_file. call-ahead: the other server is asked. ldap: the "
        "directory of [ldap] is, by its recipient_filter.",
        RecipientCheck.NONE,
    )
    recipients_file: FilePath = setting(
        "File with the addresses that exist, one a line.",
        FilePath(""),
        example="/etc/imailpy/example.net.recipients",
    )
    defer: bool = setting(
        "While it cannot be told whether a recipient exists, the sender "
        "tries again later. false: its mail is taken.",
        True,
    )


@frozen
class Relay:
    """
    Who may send to addresses that are not ours. Everybody must authenticate
    before, except those whom the policy names.
    """

    policy: RelayPolicy = setting(
        'none: nobody ("No mail relay"). addresses: the clients below '
        '("Relay mail for addresses"). local-users: who says it is a user of '
        'ours ("Relay for local users only"). local-hosts: who says it is of '
        'a domain of ours ("Relay for local hosts only"). anyone: everybody '
        '("Relay mail for anyone"), an open relay. Whoever says something '
        "may lie: the last three need i_understand.",
        RelayPolicy.NONE,
    )
    i_understand: str = setting(
        '"spoofable" for the policies local-users and local-hosts, '
        '"open relay" for anyone.',
        "",
        check=f.one_of("", "spoofable", "open relay"),
        example="spoofable",
    )
    addresses: tuple[str, ...] = setting(
        "Clients that may relay: addresses, networks, or address and mask.",
        (),
        each=f.network,
        example=("192.0.2.0/24", "2001:db8::/32", "10.1.0.0 255.255.0.0"),
    )
    addresses_file: FilePath = setting(
        "More of them, one a line; # begins a remark.",
        FilePath(""),
        example="/etc/imailpy/relay.addresses",
    )
    accept: tuple[str, ...] = setting(
        "Senders that count as local for local-users and local-hosts "
        "(accept.txt): a@example.net, @example.net, or @*example.net for it "
        "and all below it.",
        (),
        each=f.listed_address,
        example=("friend@example.net", "@example.org"),
    )
    accept_file: FilePath = setting(
        "More of them, one a line; # begins a remark.",
        FilePath(""),
        example="/etc/imailpy/accept.txt",
    )
    outward_aliases: tuple[str, ...] = setting(
        "Aliases of ours that are meant to send mail of strangers on to "
        "addresses outside; imailctl check complains about all others.",
        (),
        each=f.listed_address,
        example=("office@example.com",),
    )
    gateways: tuple[str, ...] = setting(
        "Proxies and gateways that hand us mail of strangers under their own "
        "address; imailctl check complains when one of them may relay.",
        (),
        each=f.network,
        example=("192.0.2.25",),
    )
    domains: dict[str, RelayDomain] = field(
        factory=dict,
        metadata={"doc": RelayDomain.__doc__, "key": "example.net"},
    )


@frozen
class Spoof:
    """Strangers that send under an address of ours."""

    local_sender: LocalSender = setting(
        "Mail whose MAIL FROM is of a domain of ours, from a client that "
        "neither signed in nor is listed. off; mark: it gets a header field "
        "X-IMAIL-SPAM-LOCALSENDER; reject: 550. Mailing lists and forwarders "
        "outside may well send such mail.",
        LocalSender.MARK,
    )
    exempt: tuple[str, ...] = setting(
        "Clients that may do so; it does not let them relay.",
        (),
        each=f.network,
        example=("198.51.100.7",),
    )
