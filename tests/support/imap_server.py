"""
An IMAP server with a store in memory, for suites from outside.

    python -m tests.support.imap_server [PORT [DIRECTORY]]

With a directory the mail is kept there, in the durable store.

Accounts `alice@example.test`, `bob@example.test` and `carol@other.test`,
password `secret`, on loopback without TLS. It prints the port and forgets
everything when it ends.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred

from imailpy.interfaces.directory import AccountSecrets, Domain
from imailpy.listeners.imap import ImapFactory, ImapSettings
from imailpy.mail import Path
from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from imailpy.world.real import RealWorld
from tests.support.imap import StoreRealm
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.store import ADDRESSES, DOMAINS, make_store


async def _fill(store: Any) -> None:
    for name in DOMAINS:
        await store.directory.add_domain(Domain(name))
    for address in ADDRESSES:
        await store.directory.add_account(
            Path.parse(address), AccountSecrets()
        )


def main() -> None:
    """Listen until the process is ended."""
    from twisted.internet import reactor

    world = RealWorld(reactor, "localhost")
    store: Any = make_store(world)
    if len(sys.argv) > 2:
        store = SqliteStore(world, Fixed(StoreSettings(sys.argv[2])))
        reactor.callWhenRunning(  # type: ignore[attr-defined]
            Deferred.fromCoroutine, _fill(store)
        )
    factory = ImapFactory(
        world,
        store,
        StoreRealm(store),
        KeptJournal(),
        Fixed(ImapSettings(plaintext_auth=True)),
    )
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    listening = world.network.listen("127.0.0.1", port, factory)
    print(listening.getHost().port, flush=True)
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
