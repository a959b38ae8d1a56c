"""
A realm that decides as the live one would, and leaves no trace.

It shares the settings, the directory, the resolver and the state of the live
realm: bans and counters are read as they are. It counts nothing, writes
nothing and tells nobody; nobody waits, and a user is believed without a
password.

A part of the realm that counts gives `rehearsing()`: a likeness of itself
that reads the same state and changes none of it.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.realm import IAvatar, IRecipients
from imailpy.interfaces.settings import Provider
from imailpy.mail import (
    Client,
    Credentials,
    Decision,
    ProvenCredentials,
)
from imailpy.policy.pipeline import Asked, Pipeline
from imailpy.realm.gate import Gate
from imailpy.realm.pauses import Haste
from imailpy.realm.realm import Realm
from imailpy.realm.record import Record
from imailpy.realm.rulebook import Rulebooks
from imailpy.realm.settings import RealmSettings
from imailpy.realm.signin import Signin
from imailpy.realm.silence import Silence


@define
class Stage:
    """
    One decision, and the way to it.

    Attributes:
        facts: What the checks saw; None where there are none.
        asked: The checks, in order.
        decision: None while it is still to come.
    """

    name: str
    facts: Any = None
    asked: list[Asked] = field(factory=list)
    about: str = ""
    decision: Decision | None = None


class Trail(Record):
    """
    A record that keeps how each decision came about.

    Attributes:
        stages: In order.
    """

    __slots__ = ("stages",)

    def __init__(self, client: Client, clock: Any) -> None:
        super().__init__(Silence(), client, None, clock)
        self.stages: list[Stage] = []

    def asked(self, stage: str, facts: Any) -> list[Asked]:
        """Keep what the checks will say."""
        self.stages.append(Stage(stage, facts))
        return self.stages[-1].asked

    def add(self, stage: str, about: str, decision: Decision) -> None:
        """
        Join a decision to its trail.

        Of several recipients all trails come first, then all decisions.
        """
        super().add(stage, about, decision)
        for each in self.stages:
            if each.name == stage and each.decision is None:
                each.about, each.decision = about, decision
                return
        made = Stage(stage, about=about, decision=decision)
        if stage == "data":
            # Refused for all, before any recipient was looked at: the trail
            # is that of the message.
            for each in self.stages:
                if each.name == "message" and each.decision is None:
                    each.decision = decision
                    return
        self.stages.append(made)

    def settle(self) -> None:
        """Stages that said nothing of their own were passed."""
        for each in self.stages:
            if each.decision is None and each.asked:
                said = [one.said for one in each.asked if one.said]
                each.decision = said[-1] if said else None


class _Believing(Signin):
    """Signs in without a password, and without waiting."""

    async def login(self, credentials: Credentials) -> IAvatar:
        """As `IGate.login`; whoever it is, is believed."""
        return await super().login(
            ProvenCredentials(
                credentials.authcid,
                credentials.authzid,
                mechanism=credentials.mechanism,
            )
        )


class RehearsedGate(Gate):
    """A gate whose record is a `Trail`."""

    record: Trail

    def __init__(self, realm: Rehearsal, client: Client) -> None:
        super().__init__(realm, client)
        self._signin = _Believing(realm, client, self.record)
        self._pauses = self._signin._pauses = Haste(realm.world.clock)


class Rehearsal(Realm):
    """
    The likeness of a realm.

    Args:
        live: The realm; its state as of now is what is read.
        settings: Other ones than it has.
        recipients: Likewise.
        directory: Likewise.
        pipeline: Other checks than it has.
    """

    def __init__(
        self,
        live: Realm,
        settings: Provider[RealmSettings] | None = None,
        recipients: IRecipients | None = None,
        directory: IDirectory | None = None,
        pipeline: Pipeline | None = None,
    ) -> None:
        # Everything that the live realm has, whatever that comes to be.
        self.__dict__.update(live.__dict__)
        for name, part in vars(live).items():
            rehearsing = getattr(part, "rehearsing", None)
            if rehearsing is not None:
                setattr(self, name, rehearsing())
        self.journal = Silence()
        self.history = None
        if settings is not None:
            self.settings = settings
            self.books = Rulebooks(self.books.pipeline, settings)
            if live.sending is not None:
                self.sending = live.sending.rehearsing(settings)
        if pipeline is not None:
            self.books = Rulebooks(pipeline, self.settings).rehearsing()
        if recipients is not None:
            self.recipients = recipients
        if directory is not None:
            self.directory = directory
        self.portal = self._portal()

    def gate(self, client: Client) -> RehearsedGate:
        """As `IRealm.gate`."""
        return RehearsedGate(self, client)

    def record(self, client: Client) -> Trail:
        """Keep how everything came about."""
        return Trail(client, self.world.clock)

    async def stop(self) -> None:
        """There is nothing of our own to end."""
