"""
A POP3 server with a store in memory, for clients from outside.

    python -m tests.support.pop3_server DIRECTORY

The account is `alice@example.test`, password `secret`, with some mail. It
listens on loopback, prints the ports (STLS, TLS) and forgets everything when
it ends; its certificate is in DIRECTORY.
"""

from __future__ import annotations

import sys

from imailpy.listeners.pop3 import Pop3Factory, Pop3Settings
from imailpy.tls import Tls, TlsSettings
from imailpy.tls.selfsigned import ensure
from imailpy.world.real import RealWorld
from tests.support.journal import KeptJournal
from tests.support.pop3 import ALICE, KnownRealm
from tests.support.settings import Fixed
from tests.support.store import deliver, make_store

MESSAGES = 1000
BODY = b"x" * 70 + b"\r\n"


def main() -> None:
    """Listen until the process is ended."""
    from twisted.internet import reactor

    world = RealWorld(reactor, "localhost")
    files = ensure(world, sys.argv[1], ["localhost"], ["127.0.0.1"])
    tls = Tls(world, Fixed(TlsSettings((files,))))
    tls.reload()
    store = make_store(world)
    for number in range(MESSAGES):
        deliver(store, ALICE, b"Subject: %d\r\n\r\n" % number + BODY * 27)
    for implicit in (False, True):
        factory = Pop3Factory(
            world,
            store,
            KnownRealm(store),
            KeptJournal(),
            Fixed(Pop3Settings(scram=True, plaintext_auth=True)),
            tls=tls,
            implicit_tls=implicit,
        )
        port = world.network.listen(
            "127.0.0.1",
            0,
            factory,
            tls=tls.server("pop3") if implicit else None,
        )
        print(port.getHost().port, flush=True)
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
