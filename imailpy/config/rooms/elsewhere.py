"""What is told about users that are known elsewhere."""

from __future__ import annotations

from imailpy.config.files import read_password
from imailpy.config.rooms.units import MINUTE_S
from imailpy.config.schema import Configuration
from imailpy.config.schema.elsewhere import read_ldap_url
from imailpy.interfaces.world import IDisk
from imailpy.mail import Secret
from imailpy.realm.ldap.settings import LdapSettings, Server
from imailpy.realm.tokens.settings import Introspection, TokenSettings


def tokens(configuration: Configuration, disk: IDisk) -> TokenSettings:
    """
    What the checker of bearer tokens is told.

    Raises:
        OSError: A file cannot be read.
    """
    said = configuration.oidc
    if not said.issuer:
        return TokenSettings()
    return TokenSettings(
        issuer=said.issuer,
        audiences=said.audiences,
        scopes=said.scopes,
        claim=said.claim,
        verified=said.email_verified,
        algorithms=said.algorithms,
        skew_s=said.clock_skew_s,
        jwks=disk.read_foreign(said.jwks_file) if said.jwks_file else b"",
        jwks_url=said.jwks_url,
        refresh_s=said.refresh_minutes * MINUTE_S,
        timeout_s=said.timeout_s,
        introspection=Introspection(
            said.introspection_url,
            said.client_id,
            _secret(said.client_secret_file, disk),
            said.introspection_cache_s,
        ),
    )


def ldap(configuration: Configuration, disk: IDisk) -> LdapSettings:
    """
    What the client of LDAP directories is told.

    Raises:
        OSError: A file cannot be read.
    """
    said = configuration.ldap
    if not said.urls:
        return LdapSettings()
    return LdapSettings(
        servers=tuple(Server(*read_ldap_url(url)) for url in said.urls),
        starttls=said.starttls,
        bind_dn=said.bind_dn,
        bind_password=_secret(said.bind_password_file, disk),
        base=said.base,
        user_filter=said.user_filter,
        recipient_filter=said.recipient_filter,
        address=said.attribute_address,
        aliases=said.attribute_aliases,
        quota=said.attribute_quota,
        enabled=said.attribute_enabled,
        create_accounts=said.create_accounts,
        timeout_s=said.timeout_s,
        connections=said.connections,
    )


def _secret(path: str, disk: IDisk) -> Secret:
    return read_password(path, disk) if path else Secret(b"")
