"""
Stress: so much to do that strangers get less time and fewer mistakes.

It begins when the open connections reach a share of what is allowed, or when
the reactor was late by more than half a second, and ends some time after
both are well below that again: it does not flicker.
"""

from __future__ import annotations

from collections.abc import Callable

from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.world import IClock
from imailpy.realm.settings import StressSettings

_NEVER = float("-inf")


class Stress:
    """
    Whether there is stress.

    Args:
        open_now: Gives the open connections.
        most: Gives how many are allowed; 0: any number.
    """

    def __init__(
        self,
        clock: IClock,
        settings: Callable[[], StressSettings],
        open_now: Callable[[], int],
        most: Callable[[], int],
        journal: IJournal,
    ) -> None:
        self.since: float | None = None
        self._clock = clock
        self._settings = settings
        self._open_now = open_now
        self._most = most
        self._journal = journal
        self._calm_since: float | None = None
        self._late_at = _NEVER

    @property
    def on(self) -> bool:
        """Whether it is on, as of the last look."""
        return self.since is not None

    @property
    def uneasy(self) -> bool:
        """Whether a look may find more than that there are too many."""
        return self.since is not None or self._late_at != _NEVER

    def look(self) -> bool:
        """Look again; at every connection that comes or goes."""
        settings = self._settings()
        now = self._clock.monotonic()
        most = self._most() * settings.share
        count = self._open_now()
        late = now - self._late_at < settings.calm_s
        if settings.share and self.since is None:
            if late or (most and count >= most):
                self.since = now
                self._calm_since = None
                self._tell("stress.begun", count, late)
        elif self.since is not None:
            calm = not late and (not most or count < most * settings.leave)
            if not settings.share:
                self._end(count)
            elif not calm:
                self._calm_since = None
            elif self._calm_since is None:
                self._calm_since = now
            elif now - self._calm_since >= settings.calm_s:
                self._end(count)
        return self.on

    def rehearsing(self) -> Stress:
        """A likeness that stays as it is."""
        likeness = _Still.__new__(_Still)
        likeness.__dict__.update(self.__dict__)
        return likeness

    def was_late(self, lag_s: float) -> None:
        """The reactor came so much later than it was asked to."""
        if lag_s >= self._settings().lag_s:
            self._late_at = self._clock.monotonic()
            self.look()

    def _end(self, count: int) -> None:
        self.since = None
        self._calm_since = None
        self._tell("stress.over", count, False)

    def _tell(self, event: str, count: int, late: bool) -> None:
        why = "the reactor is late" if late else "connections"
        self._journal.record(event, connections=count, reason=why)


class _Still(Stress):
    """The stress of a rehearsal: as the live one's was."""

    def look(self) -> bool:
        """As of `Stress`; changes nothing."""
        return self.on
