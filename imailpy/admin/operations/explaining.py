"""Why, before it happens; and the order of the checks."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress

from twisted.internet.defer import Deferred

from imailpy.admin.comparing import Replayed, compare, made_up, recorded
from imailpy.admin.conversation import Question
from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain
from imailpy.admin.rehearsals import Rehearsals
from imailpy.admin.spelling import checks_of
from imailpy.config import ConfigError, parse
from imailpy.errors import HistoryUnavailable
from imailpy.interfaces.world import IDisk
from imailpy.mail.facts import canonical_address

_MOST_TEXT = 1000


class Explaining:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {
            "why.now": self.why_now,
            "policy.show": self.policy_show,
            "policy.diff": self.policy_diff,
        }

    async def why_now(
        self,
        sender: str,
        recipients: list[str],
        ip: str,
        helo: str = "",
        user: str = "",
        listener: str = "",
        message: str = "",
    ) -> Plain:
        """
        Play a client, and tell what it would hear, and why.

        `message` is base64.
        """
        rehearsals = self._rehearsals()
        for text in (sender, helo, user, *recipients):
            if len(text) > _MOST_TEXT or not text.isprintable():
                raise BadRequest(text, f"{text[:60]!r} fits in no command")
        if not recipients:
            raise BadRequest("recipients", "say at least one recipient")
        try:
            address = canonical_address(ip)
            octets = base64.b64decode(message, validate=True)
        except binascii.Error as error:
            raise BadRequest("message", f"message: {error}") from None
        except ValueError:
            raise BadRequest(ip, f"{ip!r} is not an IP address") from None
        question = Question(
            address,
            _bare(sender),
            tuple(_bare(each) for each in recipients),
            helo,
            user,
            octets,
        )
        answered = await rehearsals.rehearse(question, listener)
        return {"client": address, **rehearsals.plain(answered)}

    async def policy_show(self) -> Plain:
        """Every check in its order, and where it is configured."""
        rehearsals = self._rehearsals()
        policy = rehearsals.providers.realm.current.policy
        return [
            check
            for row in rehearsals.realm().books.pipeline.rows
            for check in checks_of(row, policy)
        ]

    async def policy_diff(
        self,
        old: str,
        new: str,
        old_file: str = "old",
        new_file: str = "new",
        since: float = 0.0,
        most: int = 5000,
        count: int = 2000,
        seed: int = 1,
    ) -> Plain:
        """
        Replay envelopes against two configurations, given as TOML text.

        Lists and policies in Python are those that each of them names; the
        accounts are those of this server; of the history the newest
        `most` transactions are replayed, and `count` of the relay battery.
        """
        house = self._rehearsals()
        disk = self._house.world.disk
        before = await _other(house, old, old_file, disk)
        after = await _other(house, new, new_file, disk)
        envelopes: list[Replayed] = []
        history = self._house.history
        if history is not None and most > 0:
            # Made-up ones tell something, too.
            with suppress(HistoryUnavailable):
                entries = await history.envelopes(
                    since=since, most=min(most, 100_000)
                )
                envelopes += recorded(entries)
        envelopes += await made_up(
            self._house.store.directory, seed, min(max(count, 0), 50_000)
        )
        clock = self._house.world.clock

        def pause() -> Deferred[None]:
            """Let others have their turn."""
            turn: Deferred[None] = Deferred()
            clock.call_later(0, turn.callback, None)
            return turn

        return await compare(before, after, envelopes, pause)

    def _rehearsals(self) -> Rehearsals:
        if self._house.rehearsals is None:
            raise BadRequest(
                "no configuration", "say --config FILE: nothing is running"
            )
        return self._house.rehearsals


async def _other(
    house: Rehearsals, text: str, file: str, disk: IDisk
) -> Rehearsals:
    """The house with a configuration that was sent."""
    try:
        configuration = parse(text, file, disk, certificates=False)
        return await house.other(configuration, disk)
    except ConfigError as error:
        raise BadRequest(file, str(error)) from None


def _bare(path: str) -> str:
    """`<a@b>` and `a@b` are the same."""
    return path.strip().removeprefix("<").removesuffix(">")
