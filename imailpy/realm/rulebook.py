"""A pipeline and a snapshot of the settings, joined: ready to be asked."""

from __future__ import annotations

import math

from imailpy.interfaces.settings import Provider
from imailpy.policy.facts import (
    ConnectFacts,
    DataFacts,
    HelloFacts,
    MailFacts,
    MessageFacts,
    RcptFacts,
)
from imailpy.policy.pipeline import Evaluation, Pipeline
from imailpy.policy.settings import LocalSender, RelayPolicy
from imailpy.realm.settings import RealmSettings


class Rulebook:
    """
    One snapshot's rules; a transaction keeps the one that it began with.

    Attributes:
        settings: The realm's, as of that snapshot.
        number: Of the snapshot.
        asks_sender: Whether a check wants to know if a stranger's
            reverse-path is ours.
        asks_sender_user: Whether one wants to know if somebody has it.
        stressed_from: Open connections that make stress.
    """

    __slots__ = (
        "asks_sender",
        "asks_sender_user",
        "connect",
        "data",
        "hello",
        "mail",
        "message",
        "number",
        "rcpt",
        "settings",
        "stressed_from",
    )

    def __init__(
        self, pipeline: Pipeline, settings: RealmSettings, number: int
    ) -> None:
        self.settings = settings
        self.number = number
        policy = settings.policy
        share = settings.stress.share
        most = policy.limits.total * share
        self.stressed_from = most or math.inf
        relay = policy.relay.policy
        self.asks_sender = (
            relay.by_sender or policy.spoof.local_sender is not LocalSender.OFF
        )
        self.asks_sender_user = relay is RelayPolicy.LOCAL_USERS
        self.connect: Evaluation[ConnectFacts] = Evaluation(
            pipeline.connect, policy, number
        )
        self.hello: Evaluation[HelloFacts] = Evaluation(
            pipeline.hello, policy, number
        )
        self.mail: Evaluation[MailFacts] = Evaluation(
            pipeline.mail, policy, number
        )
        self.rcpt: Evaluation[RcptFacts] = Evaluation(
            pipeline.rcpt, policy, number
        )
        self.message: Evaluation[MessageFacts] = Evaluation(
            pipeline.message, policy, number
        )
        self.data: Evaluation[DataFacts] = Evaluation(
            pipeline.data, policy, number
        )


class Rulebooks:
    """
    Gives the current rulebook, made once for each snapshot.

    Attributes:
        pipeline: The checks, in their order.
    """

    def __init__(
        self, pipeline: Pipeline, settings: Provider[RealmSettings]
    ) -> None:
        self.pipeline = pipeline
        self._settings = settings
        self._current: Rulebook | None = None

    @property
    def current(self) -> Rulebook:
        """That of the settings as of now."""
        book = self._current
        settings, number = self._settings.current, self._settings.number
        if (
            book is None
            or book.number != number
            or book.settings is not settings
        ):
            book = Rulebook(self.pipeline, settings, number)
            self._current = book
        return book

    def rehearsing(self) -> Rulebooks:
        """The same checks; those that count do so for themselves."""
        pipeline = self.pipeline.rehearsing()
        if pipeline is self.pipeline:
            return self
        return Rulebooks(pipeline, self._settings)

    def use(self, pipeline: Pipeline) -> None:
        """Take another pipeline; transactions under way keep theirs."""
        self.pipeline = pipeline
        self._current = None
