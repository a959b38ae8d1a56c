"""What an operator may set about LDAP."""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import Secret


@frozen
class Server:
    """
    One LDAP server.

    Attributes:
        host: Name or IP address; also what its certificate must say.
        port: 389 or 636, or another.
        tls: From the first octet (`ldaps`).
    """

    host: str
    port: int
    tls: bool


@frozen
class LdapSettings:
    """
    Attributes:
        servers: In order of preference; empty: LDAP is not asked.
        starttls: Servers without `tls` have to do STARTTLS.
        bind_dn: Who searches; empty: anybody.
        bind_password: Its password.
        base: Below which users are.
        user_filter: Finds a user by what it signs in with.
        recipient_filter: Finds a user by an address.
        address: Attribute with the account's address; empty: the login name.
        aliases: Attribute with more addresses; empty: none.
        quota: Attribute with a quota in octets; empty: none.
        enabled: Attribute that says whether it may sign in; empty: it may.
        create_accounts: A user without account gets one.
        timeout_s: Of one question to one server.
        connections: That check passwords at once.
        waiting: Checks that may wait for them.
    """

    servers: tuple[Server, ...] = ()
    starttls: bool = True
    bind_dn: str = ""
    bind_password: Secret = Secret(b"")
    base: str = ""
    user_filter: str = "(mail={address})"
    recipient_filter: str = "(mail={address})"
    address: str = "mail"
    aliases: str = ""
    quota: str = ""
    enabled: str = ""
    create_accounts: bool = True
    timeout_s: float = 5.0
    connections: int = 10
    waiting: int = 100

    @property
    def wanted(self) -> bool:
        """Whether LDAP is asked at all."""
        return bool(self.servers)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that are of use; `1.1` stands for none."""
        named = (self.address, self.aliases, self.quota, self.enabled)
        return tuple(name for name in named if name) or ("1.1",)
