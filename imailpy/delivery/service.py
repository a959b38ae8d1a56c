"""
Delivery as a whole: built of a store and the doors to the world.

    delivery = Delivery(world, settings, store, resolver, tls, journal)
    delivery.receiver     # for listeners
    delivery.router       # for the realm
    delivery.start()
    ...
    await delivery.stop()
"""

from __future__ import annotations

from imailpy.delivery.call_ahead import CallAhead
from imailpy.delivery.receiving import Receiver
from imailpy.delivery.remote import Remote
from imailpy.delivery.report import Reports
from imailpy.delivery.routing import Router
from imailpy.delivery.runner import Runner
from imailpy.delivery.settings import DeliverySettings
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld


class Delivery:
    """
    Joins receiver, router and runner.

    Attributes:
        receiver: An `IReceiver`; takes mail also while the runner stands.
        router: An `IRecipients`.
        runner: Works off the queue.
        call_ahead: Asks other servers whether a recipient exists.
    """

    def __init__(
        self,
        world: IWorld,
        settings: Provider[DeliverySettings],
        store: IStore,
        resolver: IResolver,
        tls: ITls,
        journal: IJournal,
    ) -> None:
        self.router = Router(settings, store)
        self.receiver = Receiver(world, settings, store, self.router, journal)
        reports = Reports(world, settings, store, self.router, journal)
        remote = Remote(world, settings, store.queue, resolver, tls, journal)
        self.call_ahead = CallAhead(world, settings, remote, journal)
        self.runner = Runner(
            world, settings, store, self.router, remote, reports, journal
        )

    def start(self) -> None:
        """Begin to work off the queue."""
        self.runner.start()

    async def stop(self) -> None:
        """Finish what is in flight; before the store is closed."""
        await self.runner.stop()
