"""The same promises, with the durable store."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from imailpy.world.real_disk import RealDisk
from tests.delivery import test_receiving, test_retries, test_sending
from tests.support.settings import Fixed
from tests.support.store import fill
from tests.support.world import InlineThreads, result_of


class Durable:
    """Makes the house with a store on disk."""

    def make_store(self: Any) -> SqliteStore:
        self.world.disk = RealDisk()
        self.world.threads = InlineThreads()
        directory = self.mktemp()
        self.world.disk.make_directory(directory)
        self.store_settings = Fixed(
            StoreSettings(
                directory,
                min_free_octets=0,
                min_free_percent=0.0,
                reserve_octets=0,
                sweep_every_s=0.0,
            )
        )
        store = SqliteStore(self.world, self.store_settings)
        self.addCleanup(self.close, store)
        fill(store)
        return store

    def close(self: Any, store: SqliteStore) -> None:
        """Whatever a test did, the store's audit finds nothing amiss."""
        complaints = list(result_of(store.audit()))
        result_of(store.close())
        self.assertEqual(complaints, [])

    def few_mailboxes(self: Any) -> None:
        self.store_settings.change(
            evolve(self.store_settings.current, mailboxes_most=6)
        )

    def small_spool(self: Any) -> None:
        self.store_settings.change(
            evolve(self.store_settings.current, spool_octets=100)
        )


class LocalTests(Durable, test_receiving.LocalTests):
    """Mail for accounts of ours."""


class TroubleTests(Durable, test_receiving.TroubleTests):
    """Full mailboxes, stores that fail."""


class LoopTests(Durable, test_receiving.LoopTests):
    """Messages that have come round."""


class QueueingTests(Durable, test_receiving.QueueingTests):
    """Mail for the outside."""


class SendingTests(Durable, test_sending.SendingTests):
    """Mail that gets through."""


class RouteTests(Durable, test_sending.RouteTests):
    """Smart hosts, static routes, mail that is caught."""


class RetryTests(Durable, test_retries.RetryTests):
    """Mail that gets through later, or never."""


class SuccessTests(Durable, test_retries.SuccessTests):
    """Those who want to know that it arrived."""
