"""Would it relay? The battery against a configuration."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from imailpy.admin.checking import Problem, Report, check
from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain
from imailpy.config import ConfigError, Configuration, parse
from imailpy.config.provider import Settings
from imailpy.config.rooms import realm as realm_settings
from imailpy.config.rooms.custom import custom
from imailpy.config.rooms.delivery import without_secrets
from imailpy.delivery.routing import Router
from imailpy.interfaces.directory import AccountSecrets, Alias, Domain
from imailpy.interfaces.store import IStore
from imailpy.mail import Path
from imailpy.policy.pipeline import Pipeline
from imailpy.realm.custom.keeper import PolicyRefused, pipeline_of
from imailpy.realm.realm import Realm
from imailpy.realm.rehearsal import Rehearsal
from imailpy.realm.silence import Silence
from imailpy.store.memory import MemoryStore

MOST = 200_000
_MADE_UP = "our.test"


class Check:
    """Its operation."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {"check": self.check}

    async def check(
        self,
        text: str | None = None,
        file: str = "imailpy.toml",
        count: int = 20_000,
        seed: int = 1,
    ) -> Plain:
        """
        Play the relay battery.

        Args:
            text: A configuration; without it the one that holds is checked.
            file: Its name, absolute: files that it names lie beside it.
        """
        if not 0 <= count <= MOST:
            raise BadRequest("count", f"at most {MOST} attempts")
        try:
            configuration = self._configuration(text, file)
        except ConfigError as error:
            report = Report(file, seed)
            report.problems = [
                Problem(
                    "configuration",
                    f"[{each.section}] {each.text}",
                    f"{each.file}:{each.line}",
                )
                for each in error.complaints
            ]
            return report.plain()
        store = await self._store()
        try:
            pipeline = await self._pipeline(configuration, text is not None)
        except PolicyRefused as refused:
            report = Report(file, seed)
            entry = configuration.entry("policy", "file")
            report.problems = [Problem("policy", refused.private, entry)]
            return report.plain()
        router = Router(Settings(without_secrets(configuration)), store)
        realm = self._realm(configuration, store, router, pipeline)
        missing = self._missing(text, file)
        made = await check(
            configuration,
            self._house.world.disk,
            store.directory,
            router,
            realm,
            seed=seed,
            count=count,
            pause=self._pause,
        )
        made.warnings += missing
        return {**made.plain(), "made_up": store is not self._house.store}

    def _configuration(self, text: str | None, file: str) -> Configuration:
        if text is not None:
            return parse(
                text, file, self._house.world.disk, certificates=False
            )
        if self._house.rehearsals is None:
            raise BadRequest(
                "no configuration", "say a FILE: nothing is running"
            )
        return self._house.rehearsals.providers.configuration

    async def _store(self) -> IStore:
        """The store with its directory; without any domain a made-up one."""
        store: IStore = self._house.store
        if await store.directory.domains():
            return store
        made: Any = MemoryStore(self._house.world)
        await made.directory.add_domain(Domain(_MADE_UP))
        for name in ("ann", "bob", "postmaster"):
            await made.directory.add_account(
                Path(name, _MADE_UP), AccountSecrets()
            )
        await made.directory.add_alias(
            Alias(Path("info", _MADE_UP), (Path("ann", _MADE_UP),))
        )
        small: IStore = made
        return small

    def _missing(self, text: str | None, file: str) -> list[str]:
        """What keeps it from being loaded, but has nothing to do with relay:
        certificates."""
        if text is None:
            return []
        try:
            parse(text, file, self._house.world.disk)
        except ConfigError as error:
            return [
                f"{each.file}:{each.line}: not ready to run: {each.text}"
                for each in error.complaints
            ]
        return []

    async def _pipeline(
        self, configuration: Configuration, other: bool
    ) -> Pipeline | None:
        """The checks with its own policy; None: those that hold."""
        server = self._house.server
        if not other and server is not None and server.realm is not None:
            return None
        return await pipeline_of(self._house.world, custom(configuration))

    def _realm(
        self,
        configuration: Configuration,
        store: IStore,
        router: Router,
        pipeline: Pipeline | None,
    ) -> Rehearsal:
        settings = Settings(
            realm_settings(configuration, self._house.world.disk)
        )
        server = self._house.server
        if server is not None and server.realm is not None:
            live = server.realm
        else:
            live = Realm(
                self._house.world, settings, store.directory, router, Silence()
            )
        return Rehearsal(live, settings, router, store.directory, pipeline)

    def _pause(self) -> Deferred[None]:
        """Let others have their turn."""
        turn: Deferred[None] = Deferred()
        self._house.world.clock.call_later(0, turn.callback, None)
        return turn
