"""
From the one configuration to each room's own few settings.

A reload makes them anew; `providers` hands them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imailpy.config.fields import read_server
from imailpy.config.files import read_password
from imailpy.config.listeners import Listener
from imailpy.config.schema import (
    BareLineEnds,
    Configuration,
    Hop,
    Service,
)
from imailpy.delivery.schedule import Schedule
from imailpy.delivery.settings import (
    DeliverySettings,
    NextHop,
    Security,
)
from imailpy.dns.settings import DnsSettings, Server
from imailpy.interfaces.world import IDisk
from imailpy.listeners.imap.settings import ImapSettings
from imailpy.listeners.pop3.settings import Pop3Settings
from imailpy.listeners.smtp.settings import SmtpSettings
from imailpy.mail import Path
from imailpy.mail.facts import canonical_address
from imailpy.mail.path import canonical_domain
from imailpy.policy.networks import Networks, parse_network
from imailpy.policy.settings import (
    ConnectionLimits,
    HelloRules,
    PolicySettings,
    RecipientRules,
    RelaySettings,
    SubmissionRules,
)
from imailpy.protocol.smtp.options import Flavour, Limits, LineEnds
from imailpy.realm.settings import (
    STANDARD_WINDOWS,
    LoginSettings,
    RealmSettings,
)
from imailpy.store.settings import StoreSettings
from imailpy.tls.settings import CertificateFiles, TlsSettings

MIB = 1 << 20
MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86_400.0


def realm(configuration: Configuration) -> RealmSettings:
    """What the security realm is told."""
    login = configuration.login
    return RealmSettings(
        policy=_policy(configuration),
        login=LoginSettings(
            failure_delay_s=login.failure_delay_s,
            windows=STANDARD_WINDOWS if login.failure_windows else (),
            cache_s=login.cache_s,
            hash_threads=login.hash_threads,
            host_delimiters=login.host_delimiters,
            default_domain=login.default_domain,
        ),
        box_delimiters=configuration.recipients.box_delimiters,
    )


def _policy(configuration: Configuration) -> PolicySettings:
    limits = configuration.limits
    submission = configuration.submission
    smart_host = configuration.delivery.smart_host.host
    return PolicySettings(
        relay=RelaySettings(
            configuration.relay.policy,
            _networks(configuration, "relay", "addresses"),
        ),
        limits=ConnectionLimits(
            limits.per_address,
            limits.per_network,
            limits.total,
            _networks(configuration, "limits", "exempt"),
        ),
        hello=HelloRules(configuration.hello.check_syntax),
        submission=SubmissionRules(
            submission.own_reverse_path,
            submission.null_reverse_path,
            submission.own_author,
            submission.check_domains and not smart_host,
        ),
        recipients=RecipientRules(configuration.recipients.over_quota),
    )


def _networks(
    configuration: Configuration, section: str, name: str
) -> Networks:
    """Read a list of networks; each entry knows its line."""
    texts = getattr(getattr(configuration, section), name)
    return Networks(
        tuple(
            parse_network(text, configuration.entry(section, name, at))
            for at, text in enumerate(texts)
        )
    )


def store(configuration: Configuration) -> StoreSettings:
    """What the store is told."""
    storage = configuration.storage
    return StoreSettings(
        directory=storage.directory,
        min_free_octets=storage.min_free_mb * MIB,
        min_free_percent=storage.min_free_percent,
        reserve_octets=storage.reserve_mb * MIB,
        spool_octets=storage.spool_mb * MIB,
        undelete_s=storage.undelete_days * DAY_S,
    )


def tls(configuration: Configuration) -> TlsSettings:
    """What the keeper of certificates is told."""
    return TlsSettings(
        certificates=tuple(
            CertificateFiles(each.certificate, each.key)
            for each in configuration.tls.certificates
        ),
        legacy=configuration.tls.legacy,
        trust_file=configuration.tls.trust_file or None,
    )


def dns(configuration: Configuration) -> DnsSettings:
    """What the resolver is told."""
    return DnsSettings(
        servers=tuple(
            Server(*read_server(text)) for text in configuration.dns.servers
        ),
        trusted=frozenset(
            canonical_address(text) for text in configuration.dns.trusted
        ),
        timeout_s=configuration.dns.timeout_s,
    )


def delivery(configuration: Configuration, disk: IDisk) -> DeliverySettings:
    """
    What delivery is told.

    Raises:
        OSError: A password file cannot be read.
    """
    said = configuration.delivery
    server = configuration.server
    return DeliverySettings(
        hop_limit=configuration.smtp.max_hops,
        separators=configuration.recipients.box_delimiters,
        own_addresses=frozenset(
            canonical_address(text) for text in server.own_addresses
        ),
        postmaster=address_or_none(server.postmaster),
        smart_host=(
            _next_hop(said.smart_host, disk) if said.smart_host.host else None
        ),
        routes={
            _route_name(name): _next_hop(route, disk)
            for name, route in said.routes.items()
        },
        catch_outside_in=address_or_none(said.catch_outside_in),
        private_targets=said.private_targets,
        connections=said.connections,
        connections_per_destination=said.connections_per_destination,
        schedule=_schedule(configuration),
    )


def _schedule(configuration: Configuration) -> Schedule:
    said = configuration.delivery
    return Schedule(
        waits_s=tuple(each * MINUTE_S for each in said.retry_minutes),
        life_s=said.give_up_days * DAY_S,
        bounce_life_s=said.bounce_give_up_days * DAY_S,
        delay_notice_s=said.delay_notice_hours * HOUR_S,
    )


def _next_hop(hop: Hop, disk: IDisk) -> NextHop:
    return NextHop(
        host=hop.host,
        port=hop.port,
        security=Security(hop.security.value),
        user=hop.user or None,
        password=(
            read_password(hop.password_file, disk) if hop.user else None
        ),
        verify=hop.verify,
        lmtp=hop.lmtp,
    )


def _route_name(name: str) -> str:
    """Give a domain, or `.domain`, its one form."""
    dot = "." if name.startswith(".") else ""
    return dot + canonical_domain(name.removeprefix("."))


def smtp(configuration: Configuration, listener: Listener) -> SmtpSettings:
    """What an smtp, submission or lmtp listener is told."""
    said = configuration.smtp
    return SmtpSettings(
        flavour=Flavour(listener.service.value),
        hello=configuration.hello.smtp,
        auth=listener.auth,
        plaintext_auth=listener.plaintext_auth,
        scram=configuration.login.scram,
        max_message_octets=said.max_message_mb * MIB,
        line_ends=(
            None
            if said.bare_line_ends is BareLineEnds.AUTO
            else LineEnds(said.bare_line_ends.value)
        ),
        refuse_early_talk=said.refuse_early_talk,
        limits=Limits(
            recipients=said.max_recipients,
            errors=said.max_errors,
            junk_commands=said.max_junk_commands,
        ),
        failures_most=said.failures,
    )


def imap(configuration: Configuration, listener: Listener) -> ImapSettings:
    """What an imap listener is told."""
    said = configuration.imap
    return ImapSettings(
        greeting=configuration.hello.imap,
        plaintext_auth=listener.plaintext_auth,
        scram=configuration.login.scram,
        append_limit_octets=said.append_limit_mb * MIB,
        before_login_s=said.before_login_s,
        idle_s=said.idle_minutes * MINUTE_S,
        failures_most=said.failures,
    )


def pop3(configuration: Configuration, listener: Listener) -> Pop3Settings:
    """What a pop3 listener is told."""
    said = configuration.pop3
    return Pop3Settings(
        greeting=configuration.hello.pop3,
        plaintext_auth=listener.plaintext_auth,
        scram=configuration.login.scram,
        before_login_s=said.before_login_s,
        idle_s=said.idle_minutes * MINUTE_S,
        failures_most=said.failures,
    )


# What a listener is told, by its service.
LISTENERS: dict[Service, Callable[[Configuration, Listener], Any]] = {
    Service.SMTP: smtp,
    Service.SUBMISSION: smtp,
    Service.LMTP: smtp,
    Service.IMAP: imap,
    Service.POP3: pop3,
}


def address_or_none(text: str) -> Path | None:
    """Read an address that may be left empty."""
    return Path.parse(text) if text else None
