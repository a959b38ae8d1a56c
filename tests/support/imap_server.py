"""
An IMAP server with a store in memory, for suites from outside.

    python -m tests.support.imap_server [PORT]

Accounts `alice@example.test`, `bob@example.test` and `carol@other.test`,
password `secret`, on loopback without TLS. It prints the port and forgets
everything when it ends.
"""

from __future__ import annotations

import sys

from imailpy.listeners.imap import ImapFactory, ImapSettings
from imailpy.world.real import RealWorld
from tests.support.imap import StoreRealm
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.store import make_store


def main() -> None:
    """Listen until the process is ended."""
    from twisted.internet import reactor

    world = RealWorld(reactor, "localhost")
    store = make_store(world)
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
