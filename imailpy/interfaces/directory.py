"""Domains, accounts, addresses."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from attrs import frozen
from zope.interface import Attribute, Interface

from imailpy.mail import Path, ScramSecret


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
        password_hash: Encoded argon2id, None when there is no password.
        scram: For SCRAM-SHA-256, None unless it was chosen.
    """

    password_hash: str | None = None
    scram: ScramSecret | None = None


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
