"""
What is wrong with a configuration whose form is right.

Each check looks at one subject and gives (path, what is wrong and what to do
about it); all of them are asked, so that one run tells everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from imailpy.config import elsewhere, relaying
from imailpy.config.fields import domain
from imailpy.config.lines import KeyPath
from imailpy.config.listeners import USUAL, Listener, listeners
from imailpy.config.schema import (
    Configuration,
    Hop,
    ListenerTls,
    Security,
    Service,
)
from imailpy.config.walk import values
from imailpy.policy.settings import AccessMode

Wrong = Iterator[tuple[KeyPath, str]]
Check = Callable[[Configuration], Wrong]

# Those that a client can be kept out of.
ACCESS_SERVICES = (
    *(service.value for service in Service),
    "managesieve",
    "web",
)


def every_value(configuration: Configuration) -> Wrong:
    """What the declaration of a setting says of its value."""
    for path, value, declared in values(configuration):
        check = declared.metadata.get("check")
        if check is not None and value is not None:
            wrong = check(value)
            if wrong is not None:
                yield path, f'"{path[-1]}" {wrong}'
        each = declared.metadata.get("each")
        if each is None or value is None:
            continue
        for at, element in enumerate(value):
            wrong = each(element)
            if wrong is not None:
                yield (*path, at), f"element {at + 1} of {path[-1]}: {wrong}"


def proxies(configuration: Configuration) -> Wrong:
    """What is said of proxies is said where there are some."""
    for name, table in configuration.listeners.items():
        if table.proxy_direct and not table.proxy:
            yield (
                ("listeners", name, "proxy_direct"),
                '"proxy_direct" without "proxy"; list the proxies of this '
                "listener, or remove it",
            )


def trusted_logins(configuration: Configuration) -> Wrong:
    """Nobody's word about a login counts unless somebody is listed."""
    if configuration.smtp.xclient_login and not configuration.smtp.xclient:
        yield (
            ("smtp", "xclient_login"),
            '"xclient_login" without "xclient"; list who may use XCLIENT, '
            "or remove it",
        )


def access(configuration: Configuration) -> Wrong:
    """Only services have lists, and none keeps everybody out."""
    for service, told in configuration.access.items():
        path: KeyPath = ("access", service)
        if service not in ACCESS_SERVICES:
            yield (
                path,
                f'"{service}" is no service; write one of '
                f"{', '.join(ACCESS_SERVICES)}",
            )
        empty = not (told.networks or told.entries or told.file)
        if told.mode is AccessMode.DENY and empty:
            yield (
                (*path, "mode"),
                "deny-all-except without entries keeps everybody out; list "
                "some, or set enabled = false for its listeners",
            )


def failures(configuration: Configuration) -> Wrong:
    """Three numbers, for three widths."""
    for name in ("failures_a_minute", "failures_a_day"):
        if len(getattr(configuration.login, name)) != 3:
            yield (
                ("login", name),
                "wants three numbers: for an address, a /26, a /21",
            )


def listener_tables(configuration: Configuration) -> Wrong:
    """A listener of one's own says what it is."""
    for name, table in configuration.listeners.items():
        if name in USUAL:
            continue
        for key in ("service", "port"):
            if getattr(table, key) is None:
                yield (
                    ("listeners", name),
                    f'"{key}" is missing; only '
                    f"{', '.join(USUAL)} have one of their own",
                )


def listener_logins(configuration: Configuration) -> Wrong:
    """Who must sign in can, and nobody could in vain."""
    for each in _open(configuration):
        path = ("listeners", each.name, "auth")
        if each.service is Service.SUBMISSION and not each.auth:
            yield (
                path,
                "a submission listener takes mail only from those who sign "
                'in; remove auth = false, or write service = "smtp"',
            )
        if each.service is Service.LMTP and each.auth:
            yield path, "nobody signs in to LMTP; remove auth = true"
        if (
            each.auth
            and each.tls is ListenerTls.NONE
            and not each.plaintext_auth
        ):
            yield (
                ("listeners", each.name, "tls"),
                "without TLS nobody could sign in; write tls = "
                '"starttls" or "implicit", or plaintext_auth = true',
            )


def listener_ports(configuration: Configuration) -> Wrong:
    """No two listeners want the same port."""
    for first, second in combinations(_open(configuration), 2):
        if first.port != second.port or not first.port:
            continue
        if "" in (first.address, second.address) or (
            first.address == second.address
        ):
            yield (
                ("listeners", second.name, "port"),
                f"port {second.port} is taken by the listener {first.name}; "
                "give one of them another",
            )


def certificates(configuration: Configuration) -> Wrong:
    """Who offers TLS has a certificate."""
    if configuration.tls.certificates:
        return
    names = [
        each.name
        for each in _open(configuration)
        if each.tls is not ListenerTls.NONE
    ]
    if names:
        yield (
            ("tls",),
            f"no certificate for {', '.join(names)}; add [[tls.certificates]]"
            ' with certificate and key, or set tls = "none" or enabled = '
            "false there",
        )


def next_hops(configuration: Configuration) -> Wrong:
    """A server that takes our mail can be reached, and no password is
    shown on the way."""
    delivery = configuration.delivery
    yield from _hop(("delivery", "smart_host"), delivery.smart_host)
    for name, onward in configuration.relay.domains.items():
        yield from _hop(("relay", "domains", name), onward)
    for name, route in delivery.routes.items():
        path = ("delivery", "routes", name)
        wrong = domain(name.removeprefix("."))
        if wrong is not None or not name:
            yield path, wrong or "a route without a domain"
        if not route.host:
            yield path, '"host" is missing'
        yield from _hop(path, route)
    if delivery.smart_host.host and delivery.catch_outside_in:
        yield (
            ("delivery", "catch_outside_in"),
            "all mail for the outside goes to the smart host already; "
            "remove one of them",
        )


def _hop(path: KeyPath, hop: Hop) -> Wrong:
    if hop.user and not hop.password_file:
        yield (*path, "user"), 'a user without "password_file"'
    if hop.password_file and not hop.user:
        yield (*path, "password_file"), 'a password without "user"'
    if not hop.host and (hop.user or hop.password_file):
        yield path, '"host" is missing'
    if hop.user and hop.security not in (
        Security.REQUIRED,
        Security.IMPLICIT,
    ):
        yield (
            (*path, "security"),
            "the password could be read on the way; write security = "
            '"required" or "implicit"',
        )


def _open(configuration: Configuration) -> Iterator[Listener]:
    """Give the listeners that are switched on."""
    for each in listeners(configuration.listeners):
        if each.enabled:
            yield each


# Those that look at several settings together, and at which sections: one
# that lost a setting to a complaint is not complained about for its lack.
CHECKS: tuple[tuple[frozenset[str], Check], ...] = (
    (
        frozenset({"relay", "limits", "bans", "spoof", "smtp", "listeners"}),
        relaying.allow_lists,
    ),
    (frozenset({"listeners"}), proxies),
    (frozenset({"smtp"}), trusted_logins),
    (frozenset({"access"}), access),
    (frozenset({"login"}), failures),
    (frozenset({"relay"}), relaying.relay),
    (frozenset({"relay"}), relaying.understood),
    (frozenset({"relay", "listeners"}), relaying.open_listeners),
    (frozenset({"relay", "delivery", "server"}), relaying.domains),
    (frozenset({"listeners"}), listener_tables),
    (frozenset({"listeners"}), listener_logins),
    (frozenset({"listeners"}), listener_ports),
    (frozenset({"listeners", "tls"}), certificates),
    (frozenset({"delivery"}), next_hops),
    (frozenset({"oidc"}), elsewhere.oidc),
    (frozenset({"ldap"}), elsewhere.ldap),
    (frozenset({"ldap", "relay"}), elsewhere.relay_domains),
)
