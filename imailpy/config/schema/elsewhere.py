"""Users that are known elsewhere: LDAP directories, token issuers."""

from __future__ import annotations

from attrs import frozen

from imailpy.config import fields as f
from imailpy.config.fields import FilePath, setting
from imailpy.realm.ldap import filters
from imailpy.realm.tokens.settings import ALGORITHMS


def may_ask(url: str) -> bool:
    """Whether a URL is https, or http on this machine."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    scheme, separator, rest = url.partition("://")
    host = rest.partition("/")[0]
    if not separator or not host or "@" in host:
        return False
    name = host.partition("]")[0] + "]" if host[0] == "[" else host
    name = name.partition(":")[0] if name[0] != "[" else name
    loopback = name in ("localhost", "127.0.0.1", "[::1]")
    return scheme == "https" or (scheme == "http" and loopback)


def _url(value: str) -> str | None:
    if not value or may_ask(value):
        return None
    return f'"{value}" must be https:// (http:// on this machine alone)'


def _algorithm(value: str) -> str | None:
    if value in ALGORITHMS:
        return None
    return f'"{value}" is not one of {", ".join(ALGORITHMS)}'


def _ldap_url(value: str) -> str | None:
    try:
        read_ldap_url(value)
    except ValueError:
        return (
            f'"{value}" is not a server; write "ldaps://ldap.example.com" '
            'or "ldap://ldap.example.com:389"'
        )
    return None


def read_ldap_url(value: str) -> tuple[str, int, bool]:
    """
    Read `ldap://HOST:PORT` or `ldaps://HOST:PORT`.

    Returns:
        Host, port, and whether TLS comes first.

    Raises:
        ValueError: It is none.
    """
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in ("ldap", "ldaps"):
        raise ValueError("no scheme")
    rest = rest.removesuffix("/")
    host, port = rest, ""
    if rest.startswith("["):
        host, bracket, port = rest[1:].partition("]")
        if not bracket or (port and port[0] != ":"):
            raise ValueError("no address")
        port = port[1:]
    elif ":" in rest:
        host, _, port = rest.partition(":")
    usual = 636 if scheme == "ldaps" else 389
    number = int(port) if port else usual
    wrong = f.ip_address(host) if host[:1].isdigit() or ":" in host else None
    if not host or wrong or not 0 < number < 65_536:
        raise ValueError("no host or port")
    if not host.isascii() or not host.isprintable() or "/" in host:
        raise ValueError("no host")
    return host.lower(), number, scheme == "ldaps"


@frozen
class Oidc:
    """
    Signing in with bearer tokens of an issuer (OAUTHBEARER, XOAUTH2), such
    as Keycloak, Entra ID or Google. It is on when there is an issuer.
    """

    issuer: str = setting(
        "Whose tokens are taken; its URL as its tokens have it in iss. "
        "Empty: no tokens are taken.",
        "",
        check=_url,
        example="https://id.example.com/realms/mail",
    )
    audiences: tuple[str, ...] = setting(
        "A token must be meant for one of these: its claim aud.",
        (),
        example=("imailpy",),
    )
    scopes: tuple[str, ...] = setting(
        "What a token must allow: all of these are in its scope.",
        (),
        example=("mail",),
    )
    claim: str = setting(
        "The claim that holds the address of the account.", "email"
    )
    email_verified: bool = setting(
        "Whether the issuer must say email_verified = true.", True
    )
    algorithms: tuple[str, ...] = setting(
        "Signatures that count. Shared secrets (HS256) and none never do.",
        ("RS256", "ES256", "EdDSA"),
        each=_algorithm,
    )
    clock_skew_s: float = setting(
        "How much our clock and the issuer's may differ.",
        60.0,
        check=f.within(0, 600),
    )
    jwks_url: str = setting(
        "Where the issuer's keys are. Empty: as its discovery document "
        "(.well-known/openid-configuration) says.",
        "",
        check=_url,
        example="https://id.example.com/keys",
    )
    jwks_file: FilePath = setting(
        "A file with the issuer's keys; then none are fetched.",
        FilePath(""),
        example="/etc/imailpy/keys.json",
    )
    refresh_minutes: float = setting(
        "New keys are fetched after this, and when a token names one that is "
        "not known: once a minute at most.",
        60.0,
        check=f.within(1, 10_080),
    )
    introspection_url: str = setting(
        "Ask the issuer about each token here instead of reading it: for "
        "tokens that are not signed JWTs.",
        "",
        check=_url,
        example="https://id.example.com/introspect",
    )
    client_id: str = setting("Who asks about tokens.", "", example="imailpy")
    client_secret_file: FilePath = setting(
        "File with the secret of client_id, readable by the server alone.",
        FilePath(""),
        example="/etc/imailpy/oidc.secret",
    )
    introspection_cache_s: float = setting(
        "A good answer is known so long, never past the token's end; 0: ask "
        "each time.",
        60.0,
        check=f.within(0, 3600),
    )
    timeout_s: float = setting(
        "For one answer of the issuer.", 10.0, check=f.within(0.1, 60)
    )


@frozen
class Ldap:
    """
    Users that are kept in an LDAP directory. It is on when there are urls.
    Accounts with a password of their own sign in by that alone.
    """

    urls: tuple[str, ...] = setting(
        "The servers; the next one is asked when one does not answer.",
        (),
        each=_ldap_url,
        example=("ldaps://ldap1.example.com", "ldap://ldap2.example.com"),
    )
    starttls: bool = setting(
        "Servers with ldap:// must do STARTTLS. Certificates are verified, "
        "against [tls] trust_file where there is one.",
        True,
    )
    bind_dn: str = setting(
        "Who searches for users. Empty: anybody may.",
        "",
        example="cn=imailpy,ou=services,dc=example,dc=com",
    )
    bind_password_file: FilePath = setting(
        "File with the password of bind_dn, readable by the server alone.",
        FilePath(""),
        example="/etc/imailpy/ldap.secret",
    )
    base: str = setting(
        "Below which users are.", "", example="ou=people,dc=example,dc=com"
    )
    user_filter: str = setting(
        "Finds a user by what it signs in with: {login}, {user}, {domain}. "
        "Whatever is put in is escaped.",
        "(&(objectClass=inetOrgPerson)(mail={login}))",
        check=filters.complaint,
    )
    recipient_filter: str = setting(
        "Finds a user by an address that mail comes for: {address}, {user}, "
        "{domain}.",
        "(&(objectClass=inetOrgPerson)(mail={address}))",
        check=filters.complaint,
    )
    attribute_address: str = setting(
        "Has the address of the account. Empty: the login name is it.",
        "mail",
    )
    attribute_aliases: str = setting(
        "Has more addresses; they become aliases.",
        "",
        example="mailAlternateAddress",
    )
    attribute_quota: str = setting(
        "Has the quota in octets.", "", example="mailQuota"
    )
    attribute_enabled: str = setting(
        "Must say true, yes, 1, on, active or enabled where it is there.",
        "",
        example="mailEnabled",
    )
    create_accounts: bool = setting(
        "A user of the directory gets its account here with the first login "
        "or the first mail. Off: only accounts that were made here sign in.",
        True,
    )
    timeout_s: float = setting(
        "For one answer of a server.", 5.0, check=f.within(0.1, 60)
    )
    connections: int = setting(
        "That check passwords at once.", 10, check=f.within(1, 200)
    )
