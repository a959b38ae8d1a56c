"""One connection to an LDAP server: bind, search, STARTTLS, with time-outs."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from imailpy.interfaces.world import IClock
from imailpy.realm.ldap import codec
from imailpy.realm.ldap.answers import (
    NO_SUCH_OBJECT,
    SIZE_LIMIT,
    SUCCESS,
    Done,
    Entry,
    LdapDown,
)

MOST_OCTETS = 1 << 20


@define
class _Question:
    """What waits for its answer."""

    done: Deferred[Done]
    entries: list[Entry] = field(factory=list)
    timer: Any = None


class LdapConnection(Protocol):
    """
    Asks one server; any number of questions at a time.

    Args:
        name: Of the server, for the log.
        timeout_s: For an answer; without one the connection is given up.
    """

    def __init__(self, clock: IClock, name: str, timeout_s: float) -> None:
        self._clock = clock
        self._name = name
        self._timeout_s = timeout_s
        self._number = 0
        self._questions: dict[int, _Question] = {}
        self._input = b""
        self.lost: str | None = None

    async def bind(self, dn: str, password: bytes) -> Done:
        """
        Bind by name and password; any result but success is the caller's.

        An empty password would be an "unauthenticated bind", which servers
        call a success [RFC4513 5.1.2] [SECURITY B9.3].

        Raises:
            ValueError: Name or password is empty.
            LdapDown: There is no answer.
        """
        if not dn or not password:
            raise ValueError("a bind without name or password")
        number, question = self._question()
        return await self._asked(
            number, question, codec.bind(number, dn, password)
        )

    async def search(
        self, base: str, text: str, attributes: tuple[str, ...], most: int
    ) -> list[Entry]:
        """
        Find at most `most` entries; one more may be there.

        Raises:
            LdapDown: There is no answer, or none that can be used.
        """
        number, question = self._question()
        octets = codec.search(
            number, base, text, attributes, most, int(self._timeout_s) + 1
        )
        done = await self._asked(number, question, octets)
        if done.code not in (SUCCESS, SIZE_LIMIT, NO_SUCH_OBJECT):
            raise LdapDown(
                f"{self._name}: search: result {done.code} {done.text}"
            )
        return question.entries

    async def start_tls(self, context: Any) -> None:
        """
        Have everything from here on encrypted.

        Raises:
            LdapDown: The server does not want to.
        """
        number, question = self._question()
        done = await self._asked(number, question, codec.start_tls(number))
        if done.code != SUCCESS:
            raise LdapDown(
                f"{self._name}: no STARTTLS: result {done.code} {done.text}"
            )
        if self._input:
            # Something was slipped in before the encryption.
            self._give_up("octets behind the answer to STARTTLS")
            raise LdapDown(f"{self._name}: {self.lost}")
        transport: Any = self.transport
        transport.startTLS(context)

    def close(self) -> None:
        """Say farewell."""
        if self.lost is None:
            self._number += 1
            transport: Any = self.transport
            transport.write(codec.unbind(self._number))
            transport.loseConnection()
            self._fail("closed")

    # Inside

    def _question(self) -> tuple[int, _Question]:
        if self.lost is not None:
            raise LdapDown(f"{self._name}: {self.lost}")
        self._number += 1
        return self._number, _Question(Deferred())

    async def _asked(
        self, number: int, question: _Question, octets: bytes
    ) -> Done:
        self._questions[number] = question
        question.timer = self._clock.call_later(
            self._timeout_s,
            self._give_up,
            f"no answer within {self._timeout_s:g} s",
        )
        transport: Any = self.transport
        transport.write(octets)
        try:
            return await question.done
        finally:
            question.timer.cancel()

    def dataReceived(self, data: bytes) -> None:
        """As `IProtocol`."""
        self._input += data
        try:
            while self.lost is None:
                size = codec.frame_size(self._input[:6], MOST_OCTETS)
                if size is None or len(self._input) < size:
                    return
                frame, self._input = self._input[:size], self._input[size:]
                self._take(*codec.read(frame))
        except ValueError as error:
            self._give_up(str(error))

    def _take(self, number: int, said: Entry | Done | None) -> None:
        if number == 0:
            # It tells that it hangs up [RFC4511 4.4.1].
            self._give_up("the server ends the connection")
            return
        question = self._questions.get(number)
        if question is None or said is None:
            return
        if isinstance(said, Entry):
            question.entries.append(said)
            return
        del self._questions[number]
        question.done.callback(said)

    def connectionLost(self, reason: Any = None) -> None:
        """As `IProtocol`."""
        why = "the connection was lost"
        if reason is not None:
            why = f"{why}: {reason.getErrorMessage()}"
        self._fail(why)

    def _give_up(self, why: str) -> None:
        self._fail(why)
        transport: Any = self.transport
        transport.abortConnection()

    def _fail(self, why: str) -> None:
        if self.lost is None:
            self.lost = why
        questions, self._questions = self._questions, {}
        for question in questions.values():
            question.done.errback(LdapDown(f"{self._name}: {self.lost}"))
