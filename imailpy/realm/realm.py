"""The realm: what all connections share, and the maker of their gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import Portal
from zope.interface import implementer

from imailpy.interfaces.bans import IBans
from imailpy.interfaces.body import IBody
from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.history import IHistory
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import (
    IAvatar,
    IRealm,
    IRecipientCheck,
    IRecipients,
)
from imailpy.interfaces.sending import ISending
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IWorld
from imailpy.mail import Client
from imailpy.policy.facts import Authorship
from imailpy.policy.pipeline import Pipeline
from imailpy.policy.standard import STANDARD
from imailpy.realm.app_passwords import AppPasswords
from imailpy.realm.authors import read_authorship
from imailpy.realm.bans import Bans
from imailpy.realm.certificates import CertificateChecker
from imailpy.realm.checkers import PasswordChecker, ProofChecker
from imailpy.realm.counters import Counters
from imailpy.realm.elsewhere import Checkers, Elsewhere
from imailpy.realm.gate import Gate
from imailpy.realm.limits import Connections, Failures, Rates
from imailpy.realm.logins import Logins
from imailpy.realm.lookups import DomainLookups
from imailpy.realm.passwords import Passwords
from imailpy.realm.portal import Avatars
from imailpy.realm.record import Record
from imailpy.realm.rulebook import Rulebooks
from imailpy.realm.second_factor import SecondFactors
from imailpy.realm.senders import Senders
from imailpy.realm.sending import Sending
from imailpy.realm.settings import LoginSettings, RealmSettings
from imailpy.realm.slowing import Slowing
from imailpy.realm.stress import Stress

_NO_CHECKS: Mapping[str, IRecipientCheck] = {}


@implementer(IRealm)
class Realm:
    """
    The security realm that all listeners share.

    Building it touches neither thread nor disk: it is built before the
    daemon forks. `stop` ends the password threads.

    Args:
        resolver: For our users' recipient domains; None: nobody asks DNS.
        elsewhere: Directories and issuers that know our users.
        recipient_checks: Who knows recipients of domains that we take mail
            for, by the name of the check: `call-ahead` ...
        sending: Where it is kept what accounts have sent; None: nobody
            counts it.
        pipeline: The checks, in their order.
        history: Is told what was decided; None: nobody is.
        bans: Where bans outlive us; None: nowhere.

    Attributes:
        app_passwords: Makes them, and finds them again.
        second_factors: Whom to ask, behind a right password, wherever a
            person signs in that could be asked for a code.
    """

    def __init__(
        self,
        world: IWorld,
        settings: Provider[RealmSettings],
        directory: IDirectory,
        recipients: IRecipients,
        journal: IJournal,
        *,
        resolver: IResolver | None = None,
        elsewhere: Elsewhere | None = None,
        recipient_checks: Mapping[str, IRecipientCheck] = _NO_CHECKS,
        sending: ISending | None = None,
        pipeline: Pipeline = STANDARD,
        history: IHistory | None = None,
        bans: IBans | None = None,
    ) -> None:
        self.world = world
        self.history = history
        self.settings = settings
        self.directory = directory
        self.recipients = recipients
        self.journal = journal
        self.books = Rulebooks(pipeline, settings)
        self.recipient_checks = recipient_checks
        self.senders = Senders(
            directory, lambda: self.settings.current.box_delimiters
        )
        self.connections = Connections()
        self._count(bans)
        self.lookups = (
            None if resolver is None else DomainLookups(resolver, world.clock)
        )
        login = settings.current.login
        self.passwords = Passwords(
            world, threads=login.hash_threads, queue=login.hash_queue
        )
        self.elsewhere = elsewhere
        self.checkers: Checkers | None = None
        self.sending = (
            None
            if sending is None
            else Sending(world, settings, directory, sending, journal)
        )
        self.app_passwords = AppPasswords(world, directory)
        self.second_factors = SecondFactors(world, directory)
        self.portal = self._portal()

    def _count(self, kept: IBans | None) -> None:
        """Make what counts: each table has a bound, together 17 MB."""
        world, settings = self.world, self.settings

        def table(slots: int) -> Counters:
            return Counters(world.clock, world.random.octets(16), slots)

        self.rates = Rates(table(1 << 18))
        self.failures = Failures(table(1 << 18))
        self.slowing = Slowing(table(1 << 17), table(1 << 18))
        self.bans = Bans(
            world,
            lambda: settings.current.bans,
            kept,
            self.journal,
            table(1 << 17),
        )
        self.stress = Stress(
            world.clock,
            lambda: settings.current.stress,
            lambda: self.connections.total,
            lambda: settings.current.policy.limits.total,
            self.journal,
        )

    def gate(self, client: Client) -> Gate:
        """As `IRealm.gate`."""
        return Gate(self, client)

    def record(self, client: Client) -> Record:
        """Make the record of a new gate."""
        return Record(self.journal, client, self.history, self.world.clock)

    async def read_authorship(
        self, avatar: IAvatar, body: IBody
    ) -> Authorship:
        """Who a message of an avatar claims to be from."""
        return await read_authorship(self.directory, avatar, body)

    async def stop(self) -> None:
        """Let passwords under way be checked, then end their threads."""
        await self.bans.stop()
        await self.passwords.stop()
        if self.elsewhere is not None:
            await self.elsewhere.stop()
        if self.sending is not None:
            await self.sending.stop()

    def _portal(self) -> Portal:
        def login() -> LoginSettings:
            return self.settings.current.login

        directory, logins = self.directory, Logins(self.world)
        local = PasswordChecker(
            directory,
            self.passwords,
            logins,
            login,
            self.app_passwords,
            self.world.clock.now,
        )
        return Portal(
            Avatars(directory, lambda: self.settings.current),
            [
                local,
                ProofChecker(directory, login),
                CertificateChecker(directory, login),
                *self._more_checkers(local, logins),
            ],
        )

    def _more_checkers(
        self, local: Any, logins: Logins
    ) -> list[ICredentialsChecker]:
        """The last one of a kind of credentials is the portal's choice."""
        if self.elsewhere is None:
            return []
        self.checkers = self.elsewhere.checkers(
            local, logins, lambda: self.settings.current.login
        )
        return [self.checkers.passwords, self.checkers.tokens]
