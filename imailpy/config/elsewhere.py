"""What is wrong with what is said of users that are known elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from importlib.util import find_spec

from imailpy.config.lines import KeyPath
from imailpy.config.schema import Configuration
from imailpy.config.schema.elsewhere import read_ldap_url
from imailpy.policy.settings import RecipientCheck

Wrong = Iterator[tuple[KeyPath, str]]


def oidc(configuration: Configuration) -> Wrong:
    """Tokens of an issuer can be checked, and are meant for us."""
    said = configuration.oidc
    if not said.issuer:
        return
    if not said.audiences:
        yield (
            ("oidc", "issuer"),
            '"audiences" is missing: a token for another service would do; '
            "write what the issuer puts into aud of tokens for this server",
        )
    if not said.claim:
        yield ("oidc", "claim"), 'must name a claim; write "email"'
    if said.introspection_url:
        if not said.client_id or not said.client_secret_file:
            yield (
                ("oidc", "introspection_url"),
                'asking needs "client_id" and "client_secret_file"',
            )
        return
    if not said.algorithms:
        yield ("oidc", "algorithms"), 'is empty; write ["RS256"]'
    yield from _extra("oidc", ("oidc", "issuer"), "joserfc")


def ldap(configuration: Configuration) -> Wrong:
    """A directory can be searched, and no password is shown on the way."""
    said = configuration.ldap
    if not said.urls:
        return
    if not said.base:
        yield ("ldap", "urls"), '"base" is missing: below which users are'
    if bool(said.bind_dn) != bool(said.bind_password_file):
        yield (
            ("ldap", "bind_dn" if said.bind_dn else "bind_password_file"),
            '"bind_dn" and "bind_password_file" go together',
        )
    for at, url in enumerate(said.urls):
        try:
            host, _, tls = read_ldap_url(url)
        except ValueError:
            continue
        if not tls and not said.starttls and not _loopback(host):
            yield (
                ("ldap", "urls", at),
                f"passwords could be read on the way to {host}; write "
                "ldaps://, or starttls = true",
            )
    yield from _extra("ldap", ("ldap", "urls"), "ldaptor")


def relay_domains(configuration: Configuration) -> Wrong:
    """Who asks the directory about recipients has one."""
    if configuration.ldap.urls:
        return
    for name, told in configuration.relay.domains.items():
        if told.recipients is RecipientCheck.LDAP:
            yield (
                ("relay", "domains", name, "recipients"),
                'recipients = "ldap" needs urls in [ldap]',
            )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _extra(extra: str, path: KeyPath, module: str) -> Wrong:
    """A library that is not installed with the rest."""
    if find_spec(module) is None:
        yield (
            path,
            f"needs the library {module}; run: pip install 'imailpy[{extra}]'",
        )
