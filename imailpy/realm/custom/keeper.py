"""
The policy in Python of a running server: which one holds.

One that is new is tried in a process of its own first. One that does not
load, or whose tests fail, changes nothing: the one before stays, and at
start, where there is none before, the server does not start. A policy that
is missing must not be an open one.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredLock

from imailpy.errors import MailError, ProcessFailed, Stuck
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.world import ICall, IWorld
from imailpy.policy import trial
from imailpy.policy.api import Registration
from imailpy.policy.book import PolicyWrong, Source, joined, read
from imailpy.policy.pipeline import Pipeline
from imailpy.policy.standard import STANDARD
from imailpy.realm.custom.guard import Guard
from imailpy.realm.custom.settings import CustomPolicy
from imailpy.realm.rulebook import Rulebooks
from imailpy.realm.silence import Silence

# Between two looks at the files.
LOOK_S = 3.0
MEMORY_OCTETS = 512 << 20
# What a reload may hold the reactor for: its text was loaded once already,
# in the other process.
LOAD_S = 2.0


class PolicyRefused(MailError):
    """
    A policy in Python that is not taken, and why.

    Attributes:
        exit_code: Of a start that it ends.
    """

    temporary = False
    exit_code = 78


@frozen
class Candidate:
    """
    A policy that passed its tests, not yet in force.

    Attributes:
        pipeline: With its checks.
        guards: Of them.
        texts: What was read, to see a change by; None: a file is missing.
    """

    settings: CustomPolicy
    pipeline: Pipeline
    guards: tuple[Guard, ...] = ()
    texts: tuple[bytes | None, bytes | None] = (None, None)
    tests: int = 0


class Keeper:
    """
    Keeps the policy in force, and looks for a new one.

    Args:
        standard: The built-in checks.

    Attributes:
        alert: Why the files, as they are now, are not in force; empty: they
            are.
    """

    def __init__(
        self,
        world: IWorld,
        journal: IJournal,
        books: Rulebooks,
        standard: Pipeline = STANDARD,
    ) -> None:
        self.alert = ""
        self._world = world
        self._journal = journal
        self._books = books
        self._standard = standard
        self._held = Candidate(CustomPolicy(), standard)
        self._loaded_at = 0.0
        self._lock: Any = DeferredLock()
        self._call: ICall | None = None
        # What was refused last, and what was seen at the last look.
        self._refused: Any = None
        self._seen: Any = None
        self._stopped = False

    async def begin(self, settings: CustomPolicy) -> None:
        """Take the first one; raises `PolicyRefused`."""
        self.commit(await self.prepare(settings))

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        if self._call is not None:
            self._call.cancel()

    async def prepare(self, settings: CustomPolicy) -> Candidate:
        """
        Read, try and load a policy; nothing has changed when it returns.

        Raises:
            PolicyRefused: With file, line and reason; told to the journal.
        """
        if not settings.file:
            return Candidate(settings, self._standard)
        await self._lock.acquire()
        try:
            return await self._prepared(settings)
        except PolicyRefused as refused:
            self._journal.record("policy.refused", reason=refused.private)
            if self._held.settings.file:
                self.alert = refused.private
            raise
        finally:
            self._lock.release()

    def commit(self, candidate: Candidate) -> None:
        """Have it hold for all transactions that begin from now on."""
        self._held = candidate
        self.alert = ""
        self._refused = None
        self._loaded_at = self._world.clock.now()
        self._books.use(candidate.pipeline)
        if candidate.settings.file:
            self._journal.record(
                "policy.loaded",
                file=candidate.settings.file,
                checks=len(candidate.guards),
                tests=candidate.tests,
            )
        self._look_later()

    def facts(self) -> dict[str, Any]:
        """What `status` shows; nothing without a policy."""
        if not self._held.settings.file:
            return {}
        return {
            "policy": self._held.settings.file,
            "policy_loaded_at": int(self._loaded_at),
            "policy_alert": "; ".join(self._alerts()) or None,
        }

    def figures(self) -> dict[str, float]:
        """What can be watched; nothing without a policy."""
        guards = self._held.guards
        if not self._held.settings.file:
            return {}
        return {
            "policy_checks": len(guards),
            "policy_off": sum(bool(each.off) for each in guards),
            "policy_failures": sum(each.failures for each in guards),
            "policy_slow": sum(each.slow for each in guards),
            "policy_refused": int(bool(self.alert)),
        }

    def functions(self) -> list[dict[str, Any]]:
        """How each function stands."""
        return [each.state() for each in self._held.guards]

    # Inside

    def _alerts(self) -> list[str]:
        alerts = [self.alert] if self.alert else []
        for each in self._held.guards:
            if each.off:
                alerts.append(f"{each.registration.name} is {each.off}")
            elif each.failures:
                alerts.append(
                    f"{each.registration.name} failed {each.failures} times"
                )
        return alerts

    async def _prepared(self, settings: CustomPolicy) -> Candidate:
        texts = self._texts(settings)
        self._refused = settings, texts
        policy, tests = _sources(settings, texts)
        tried = await self._tried(policy, tests, settings)
        if tried.wrong:
            raise _refused(tried.wrong)
        guards: list[Guard] = []

        def wrap(registration: Registration) -> Any:
            guard = Guard(
                registration,
                policy.file,
                settings,
                self._world,
                self._journal,
            )
            guards.append(guard)
            return guard

        try:
            _, registrations = self._world.watchdog.call(read, policy, LOAD_S)
            pipeline = joined(self._standard, registrations, policy.file, wrap)
        except PolicyWrong as wrong:
            raise _refused(str(wrong)) from None
        except Stuck as stuck:
            raise _refused(f"{policy.file}: loading: {stuck}") from None
        self._refused = None
        return Candidate(
            settings, pipeline, tuple(guards), texts, len(tried.tests)
        )

    async def _tried(
        self, policy: Source, tests: Source | None, settings: CustomPolicy
    ) -> trial.Tried:
        try:
            told = await self._world.processes.python(
                trial.__name__,
                trial.question(policy, tests),
                limit_s=settings.test_limit_s,
                memory_octets=MEMORY_OCTETS,
            )
            return trial.read_answer(told)
        except ProcessFailed as error:
            what = "loading it" if tests is None else "its tests"
            raise _refused(f"{policy.file}: {what}: {error.private}") from None
        except (ValueError, KeyError, TypeError):
            raise _refused(
                f"{policy.file}: the process that tries it told no result"
            ) from None

    def _texts(
        self, settings: CustomPolicy
    ) -> tuple[bytes | None, bytes | None]:
        """Read both files; one that is missing is None."""
        return (
            self._text(settings.file),
            self._text(settings.tests or _beside(settings.file)),
        )

    def _text(self, path: str) -> bytes | None:
        try:
            return self._world.disk.read_foreign(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(f"{path}: {error.strerror or error}") from None

    def _look_later(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._held.settings.file and not self._stopped:
            self._call = self._world.clock.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        """Take what has changed, once two looks saw the same."""
        self._call = None
        held = self._held
        try:
            texts: Any = self._texts(held.settings)
        except PolicyRefused as refused:
            texts = refused.private
        seen, self._seen = self._seen, texts
        if texts == held.texts:
            if self._refused is not None and self._refused[0] == held.settings:
                # Taken back: what is there is what holds.
                self._refused, self.alert = None, ""
        elif texts == seen and (held.settings, texts) != self._refused:
            self._refused = held.settings, texts
            Deferred.fromCoroutine(self._take(held)).addBoth(
                lambda _: self._look_later()
            )
            return
        self._look_later()

    async def _take(self, held: Candidate) -> None:
        try:
            candidate = await self.prepare(held.settings)
        except PolicyRefused:
            return
        except Exception as error:
            self._journal.record("policy.bug", error=repr(error))
            return
        # A reload may have been quicker, with other settings.
        if self._held is held and not self._stopped:
            self.commit(candidate)


async def pipeline_of(
    world: IWorld, settings: CustomPolicy, standard: Pipeline = STANDARD
) -> Pipeline:
    """
    Give the checks of a policy that is not in force: it is read, tried and
    loaded as if it were to be, and nobody is told.

    Raises:
        PolicyRefused: It would not be taken.
    """
    if not settings.file:
        return standard
    nobody: Any = None
    keeper = Keeper(world, Silence(), nobody, standard)
    return (await keeper.prepare(settings)).pipeline


def _refused(text: str) -> PolicyRefused:
    return PolicyRefused(text, text)


def _beside(file: str) -> str:
    """Name the tests that stand beside a policy."""
    return f"{file.removesuffix('.py')}_test.py"


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _sources(
    settings: CustomPolicy, texts: tuple[bytes | None, bytes | None]
) -> tuple[Source, Source | None]:
    """Give what was read as text; raises `PolicyRefused`."""
    policy, tests = texts
    if policy is None:
        raise _refused(f"{settings.file} does not exist")
    if tests is None and settings.tests:
        raise _refused(f"{settings.tests} does not exist")
    path = settings.tests or _beside(settings.file)
    made = _source(settings.file, policy)
    return made, None if tests is None else _source(path, tests)


def _source(path: str, octets: bytes) -> Source:
    try:
        return Source(_name(path), octets.decode())
    except UnicodeDecodeError:
        raise _refused(f"{path} is not UTF-8") from None
