"""A store with two domains and some accounts in it."""

from __future__ import annotations

from typing import Any

from imailpy.interfaces.directory import Account, AccountSecrets, Domain
from imailpy.interfaces.store import Acceptance, MailboxDelivery
from imailpy.mail import NULL_PATH, Path
from imailpy.store.memory import MemoryStore
from tests.support.world import TestWorld, result_of

SIMPLE = (
    b"From: Ann <ann@client.example>\r\n"
    b"To: alice@example.test\r\n"
    b"Subject: Hello\r\n"
    b"Date: Thu, 1 Jan 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1@client.example>\r\n"
    b"\r\n"
    b"Good day.\r\n"
)

DOMAINS = ("example.test", "other.test")
ADDRESSES = ("alice@example.test", "bob@example.test", "carol@other.test")


def make_store(world: Any = None) -> MemoryStore:
    """Make a memory store with `DOMAINS` and accounts at `ADDRESSES`."""
    store = MemoryStore(world or TestWorld())
    fill(store)
    return store


def fill(store: Any) -> dict[str, Account]:
    """Put `DOMAINS` and `ADDRESSES` into a store; gives the accounts."""
    accounts = {}
    for name in DOMAINS:
        result_of(store.directory.add_domain(Domain(name)))
    for address in ADDRESSES:
        accounts[address] = result_of(
            store.directory.add_account(Path.parse(address), AccountSecrets())
        )
    return accounts


def account_of(store: Any, address: str) -> Account:
    """Give the account at an address."""
    found = result_of(store.directory.find(Path.parse(address)))
    if not isinstance(found, Account):
        raise LookupError(address)
    return found


def spooled(store: Any, octets: bytes = SIMPLE, piece: int = 65_536) -> Any:
    """Let a body arrive in a store's spool."""
    incoming = store.spool.incoming(len(octets))
    for at in range(0, len(octets), piece):
        incoming.write(octets[at : at + piece])
    return incoming.finish()


def deliver(
    store: Any,
    address: str,
    octets: bytes = SIMPLE,
    *,
    mailbox: str = "INBOX",
    delivery_id: str | None = None,
    prefix: bytes = b"Return-Path: <>\r\n",
    **more: Any,
) -> int:
    """Deliver a message into an account's mailbox; gives its UID."""
    account = account_of(store, address)
    deliver.count += 1  # type: ignore[attr-defined]
    [delivered] = result_of(
        store.accept(
            Acceptance(
                delivery_id=delivery_id or f"d{deliver.count}",  # type: ignore[attr-defined]
                received_at=1_750_000_000.0,
                reverse_path=NULL_PATH,
                body=spooled(store, octets),
                deliveries=(
                    MailboxDelivery(
                        account.id,
                        mailbox,
                        prefix,
                        account.address,
                        **more,
                    ),
                ),
            )
        )
    )
    if delivered.error is not None:
        raise delivered.error
    return delivered.uid


deliver.count = 0  # type: ignore[attr-defined]
