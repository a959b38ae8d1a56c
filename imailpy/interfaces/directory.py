"""Domains, accounts, addresses."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from attrs import frozen
from zope.interface import Attribute, Interface

from imailpy.mail import Path, ScramSecret, Secret


@frozen
class Domain:
    """
    A domain whose mail we keep.

    Attributes:
        name: Lower-case A-label.
        catch_all: Where mail for unknown local parts goes; None: refused.
    """

    name: str
    catch_all: Path | None = None


@frozen
class Account:
    """
    Somebody who has mailboxes.

    Attributes:
        id: Opaque text; never reused.
        address: Its own address, which is also its login name.
        enabled: A disabled account takes mail and lets nobody sign in.
        quota_octets: Limit of all its messages together; None: none.
    """

    id: str
    address: Path
    enabled: bool = True
    quota_octets: int | None = None


@frozen
class Alias:
    """An address that stands for others, local or not."""

    address: Path
    targets: tuple[Path, ...]


@frozen
class AccountSecrets:
    """
    What proves that somebody is the owner of an account.

    Attributes:
        password_hash: Encoded, None when there is no password.
        scram: For SCRAM-SHA-256, None unless it was chosen.
        app_passwords_only: The password itself does not open the mail
            services.
        imported: Kind and cost of a hash that another server made, such as
            `bcrypt:12`; empty for our own kind.
    """

    password_hash: str | None = None
    scram: ScramSecret | None = None
    app_passwords_only: bool = False
    imported: str = ""


@frozen
class AppPassword:
    """
    A password for one program.

    Attributes:
        id: Names it to its owner; no secret.
        digest: What is kept of the password.
        note: Which program it is for.
        services: Of `Client.service`, where it is good; empty: everywhere.
        networks: CIDR, from where it is good; empty: from everywhere.
        created_at: Seconds since 1970, as the other two.
        expires_at: From then on it is good for nothing; None: never.
        used_at: When it was last right, to the hour; None: not yet.
    """

    id: str
    digest: Secret
    note: str = ""
    services: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()
    created_at: float = 0.0
    expires_at: float | None = None
    used_at: float | None = None


@frozen
class SecondFactor:
    """
    One-time codes of an account [RFC6238].

    Attributes:
        secret: Shared with the owner's device.
        confirmed: The owner has shown a code: it counts from then on.
        last_step: Of the newest code that was right; no code of this step
            or an older one is right again.
        recovery: What is kept of the codes for the day the device is lost,
            those that were not used.
    """

    secret: Secret
    confirmed: bool = False
    last_step: int = -1
    recovery: tuple[Secret, ...] = ()


@frozen
class KnownCertificate:
    """
    A client certificate that opens an account.

    Attributes:
        fingerprint: SHA-256, lower-case hex.
        note: Whose or for what.
        added_at: Seconds since 1970.
    """

    fingerprint: str
    note: str = ""
    added_at: float = 0.0


class IDirectory(Interface):
    """
    Every look-up raises `DirectoryUnavailable` when it cannot tell.

    Addresses are compared by `Path.folded`.
    """

    version: int = Attribute(
        """
        Another one after every change: what was worked out of look-ups
        before holds for as long as it stays.
        """
    )

    def domain(name: str) -> Awaitable[Domain | None]:
        """The domain of that name, None when it is not ours."""

    def find(path: Path) -> Awaitable[Account | Alias | None]:
        """What stands at exactly this address: no catch-all, no user+box."""

    def account(account_id: str) -> Awaitable[Account | None]:
        """The account of that id."""

    def aliases_to(account: Account) -> Awaitable[Sequence[Path]]:
        """Addresses of aliases with this account among their targets."""

    def secrets(account_id: str) -> Awaitable[AccountSecrets]:
        """Its secrets; empty ones when there is no such account."""

    def server_key(name: str) -> Awaitable[bytes]:
        """32 random octets, made at first use and kept for good."""

    # What an operator may change; each is durable when it returns.

    def domains() -> Awaitable[Sequence[Domain]]:
        """All domains by name."""

    def accounts(domain: str | None = None) -> Awaitable[Sequence[Account]]:
        """All accounts, of one domain or of all, by address."""

    def aliases(domain: str | None = None) -> Awaitable[Sequence[Alias]]:
        """All aliases, of one domain or of all, by address."""

    def add_domain(domain: Domain) -> Awaitable[None]:
        """Raises `ObjectExists`."""

    def update_domain(domain: Domain) -> Awaitable[None]:
        """Change all but the name. Raises `ObjectNotFound`."""

    def remove_domain(name: str) -> Awaitable[None]:
        """Raises `ObjectNotFound`; `ObjectExists` while it has addresses."""

    def add_account(
        path: Path,
        secrets: AccountSecrets,
        *,
        quota_octets: int | None = None,
    ) -> Awaitable[Account]:
        """
        Make an account with the mailboxes INBOX, Drafts, Sent, Junk, Trash
        and Archive.

        Raises:
            ObjectNotFound: No such domain.
            ObjectExists: The address is taken.
        """

    def update_account(account: Account) -> Awaitable[None]:
        """Change `enabled` or quota. Raises `ObjectNotFound`."""

    def set_secrets(
        account_id: str, secrets: AccountSecrets
    ) -> Awaitable[None]:
        """Change how its owner is known. Raises `ObjectNotFound`."""

    def remove_account(account_id: str) -> Awaitable[None]:
        """Remove it with all its mail. Raises `ObjectNotFound`."""

    def add_alias(alias: Alias) -> Awaitable[None]:
        """Raises `ObjectExists`, `ObjectNotFound` (no such domain)."""

    def remove_alias(path: Path) -> Awaitable[None]:
        """Raises `ObjectNotFound`."""

    # Addresses that an account may send as, beside its own.

    def grants(account_id: str) -> Awaitable[Sequence[str]]:
        """
        What was granted to it, sorted: `Path.folded` of addresses, and
        `@example.org` for all of a domain. Empty for nobody.
        """

    def add_grant(account_id: str, sender: str) -> Awaitable[None]:
        """Raises `ObjectNotFound` (account), `ObjectExists` (grant)."""

    def remove_grant(account_id: str, sender: str) -> Awaitable[None]:
        """Raises `ObjectNotFound`."""

    # Passwords for programs. All of these go with their account.

    def app_passwords(account_id: str) -> Awaitable[Sequence[AppPassword]]:
        """Those of an account, the oldest first; none for nobody."""

    def add_app_password(
        account_id: str, added: AppPassword
    ) -> Awaitable[None]:
        """Raises `ObjectNotFound` (account), `ObjectExists` (id)."""

    def remove_app_password(
        account_id: str, password_id: str
    ) -> Awaitable[None]:
        """Raises `ObjectNotFound`."""

    def touch_app_password(
        account_id: str, password_id: str, now: float
    ) -> Awaitable[None]:
        """It was used; one that is gone is nobody's fault."""

    # One-time codes.

    def second_factor(account_id: str) -> Awaitable[SecondFactor | None]:
        """Those of an account; None without, and for nobody."""

    def set_second_factor(
        account_id: str, factor: SecondFactor | None
    ) -> Awaitable[None]:
        """Set or remove all of it. Raises `ObjectNotFound` (account)."""

    def use_step(account_id: str, step: int) -> Awaitable[bool]:
        """
        Take a code's step as used: of two that come at once with one code,
        one gets True. False when it or a newer one was used before, or when
        there are no codes.
        """

    def use_recovery(account_id: str, digest: Secret) -> Awaitable[bool]:
        """Take a recovery code as used; False when it is not there."""

    # Client certificates.

    def certificates(account_id: str) -> Awaitable[Sequence[KnownCertificate]]:
        """Those of an account, by fingerprint; none for nobody."""

    def add_certificate(
        account_id: str, added: KnownCertificate
    ) -> Awaitable[None]:
        """
        Raises `ObjectNotFound` (account), `ObjectExists`: a certificate
        opens one account.
        """

    def remove_certificate(
        account_id: str, fingerprint: str
    ) -> Awaitable[None]:
        """Raises `ObjectNotFound`."""

    def certificate_owner(fingerprint: str) -> Awaitable[str | None]:
        """The id of the account that a certificate opens."""

    def imported_kinds() -> Awaitable[Sequence[str]]:
        """
        The different `AccountSecrets.imported` that there are, but the
        empty one; eight at most.
        """
