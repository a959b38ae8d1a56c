"""What the listeners are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imailpy.config.listeners import Listener
from imailpy.config.rooms.units import MIB, MINUTE_S
from imailpy.config.schema import BareLineEnds, Configuration, Service
from imailpy.listeners.imap.settings import ImapSettings
from imailpy.listeners.pop3.settings import Pop3Settings
from imailpy.listeners.proxied import ProxySettings
from imailpy.listeners.smtp.settings import SmtpSettings
from imailpy.policy.networks import Networks
from imailpy.protocol.smtp.options import Flavour, Limits, LineEnds


def smtp(configuration: Configuration, listener: Listener) -> SmtpSettings:
    """What an smtp, submission or lmtp listener is told."""
    said = configuration.smtp
    return SmtpSettings(
        flavour=Flavour(listener.service.value),
        hello=configuration.hello.smtp,
        auth=listener.auth,
        plaintext_auth=listener.plaintext_auth,
        scram=configuration.login.scram,
        tokens=bool(configuration.oidc.issuer),
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
        recipient_delay_s=said.recipient_delay_ms / 1000,
        vrfy_allowed=Networks.parse(said.vrfy_allowed),
        expn_allowed=Networks.parse(said.expn_allowed),
        xclient=Networks.parse(said.xclient),
        xclient_login=said.xclient_login,
        stressed_s=configuration.stress.timeout_s,
        stressed_errors=configuration.stress.errors,
        least_rate=said.least_rate,
        grace_s=said.grace_s,
    )


def proxied(listener: Listener) -> ProxySettings:
    """What a listener is told of proxies before it."""
    return ProxySettings(
        Networks.parse(listener.proxy),
        listener.proxy_direct,
        listener.proxy_header_s,
    )


def imap(configuration: Configuration, listener: Listener) -> ImapSettings:
    """What an imap listener is told."""
    said = configuration.imap
    return ImapSettings(
        greeting=configuration.hello.imap,
        plaintext_auth=listener.plaintext_auth,
        scram=configuration.login.scram,
        tokens=bool(configuration.oidc.issuer),
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
        tokens=bool(configuration.oidc.issuer),
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
