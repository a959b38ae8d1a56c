"""
Every operation an operator may ask for, by name.

An operation takes plain values and gives plain values (what JSON knows), so
the same one serves the command line, the control socket and a web page. What
is not there or not allowed is a `MailError` with a text for a person.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import evolve, frozen

from imailpy.errors import MailError, ObjectNotFound, StoreRefused
from imailpy.interfaces.directory import Account, AccountSecrets, Alias, Domain
from imailpy.interfaces.queue import QueueRow, QueueState
from imailpy.interfaces.store import IStore
from imailpy.interfaces.world import IWorld
from imailpy.mail import Path, Secret
from imailpy.mail.path import canonical_domain
from imailpy.protocol.sasl.scram import make_secret
from imailpy.realm.passwords import Passwords, complaint
from imailpy.realm.scram import SALT_OCTETS

Plain = Any
Operation = Callable[..., Awaitable[Plain]]


class BadRequest(MailError):
    """The operator's words are off."""

    temporary = False


def complaint_of(error: MailError) -> str:
    """
    Tell an operator what went wrong.

    Whoever may ask owns the store: where `public` is but the stock phrase of
    its kind, `private` is told too, and names the object that is meant.
    """
    if error.public != type(error).public:
        return error.public
    if isinstance(error, StoreRefused):
        return error.private
    return f"{error.public}: {error.private}"


@frozen
class ServerDoors:
    """
    What only a running server has.

    Attributes:
        reload: Read the configuration again; gives its number.
        facts: Name -> value of what `status` shows of the server.
        wake_queue: Have the queue looked at now.
    """

    reload: Callable[[], Awaitable[int]]
    facts: Callable[[], dict[str, Plain]]
    wake_queue: Callable[[], None]


def path_of(text: str) -> Path:
    """Read an address that an operator typed; `BadRequest` if it is none."""
    try:
        return Path.parse(text)
    except ValueError as error:
        raise BadRequest(
            f"{text}: {error}", f"{text!r} is no address: {error}"
        ) from None


def domain_of(text: str) -> str:
    """Read a domain that an operator typed; `BadRequest` if it is none."""
    try:
        name = canonical_domain(text)
    except ValueError as error:
        raise BadRequest(
            f"{text}: {error}", f"{text!r} is no domain: {error}"
        ) from None
    if name.startswith("["):
        raise BadRequest(text, "an address literal cannot be a domain here")
    return name


class Operations:
    """
    The operations. `names()` lists them: `domain.add`, `queue.show` ...

    Args:
        store: Open.
        passwords: Checks and hashes new passwords.
        server: None when no server runs and the store was opened instead.
    """

    def __init__(
        self,
        world: IWorld,
        store: IStore,
        passwords: Passwords,
        server: ServerDoors | None = None,
    ) -> None:
        self.world = world
        self.store = store
        self.directory = store.directory
        self.passwords = passwords
        self.server = server
        self._table: dict[str, Operation] = {
            "domain.add": self.domain_add,
            "domain.list": self.domain_list,
            "domain.remove": self.domain_remove,
            "domain.catch_all": self.domain_catch_all,
            "account.add": self.account_add,
            "account.list": self.account_list,
            "account.remove": self.account_remove,
            "account.password": self.account_password,
            "account.enable": self.account_enable,
            "account.quota": self.account_quota,
            "alias.add": self.alias_add,
            "alias.list": self.alias_list,
            "alias.remove": self.alias_remove,
            "queue.list": self.queue_list,
            "queue.show": self.queue_show,
            "queue.retry": self.queue_retry,
            "queue.hold": self.queue_hold,
            "queue.drop": self.queue_drop,
            "status": self.status,
            "audit": self.audit,
            "reload": self.reload,
        }

    def names(self) -> list[str]:
        """The names of all operations."""
        return sorted(self._table)

    async def perform(self, name: str, arguments: dict[str, Plain]) -> Plain:
        """
        Perform one by name.

        Raises:
            MailError: What an operator should know, in `public`.
        """
        operation = self._table.get(name)
        if operation is None:
            raise BadRequest(name, f"no operation is called {name!r}")
        try:
            return await operation(**arguments)
        except TypeError as error:
            raise BadRequest(str(error), f"{name}: {error}") from error

    # Domains

    async def domain_add(self, name: str) -> Plain:
        """Take mail for a domain from now on."""
        domain = Domain(domain_of(name))
        await self.directory.add_domain(domain)
        return _domain(domain)

    async def domain_list(self) -> Plain:
        """All domains."""
        return [_domain(d) for d in await self.directory.domains()]

    async def domain_remove(self, name: str) -> Plain:
        """No longer; only once it has no addresses."""
        await self.directory.remove_domain(domain_of(name))
        return None

    async def domain_catch_all(self, name: str, target: str | None) -> Plain:
        """Where mail for unknown addresses of a domain goes; None: refused."""
        path = path_of(target) if target else None
        domain = Domain(domain_of(name), path)
        await self.directory.update_domain(domain)
        return _domain(domain)

    # Accounts

    async def _account(self, address: str) -> Account:
        found = await self.directory.find(path_of(address))
        if not isinstance(found, Account):
            raise ObjectNotFound(address, f"no account {address}")
        return found

    async def _secrets(
        self, address: str, password: str, scram: bool
    ) -> AccountSecrets:
        """Hash a new password, once the password rules are content."""
        wrong = complaint(password, address)
        if wrong is not None:
            raise BadRequest("password refused", f"not this password: {wrong}")
        secret = Secret(password.encode())
        encoded = await self.passwords.hash(secret)
        if not scram:
            return AccountSecrets(encoded)
        salt = self.world.random.octets(SALT_OCTETS)
        return AccountSecrets(encoded, make_secret(secret.reveal(), salt))

    async def account_add(
        self,
        address: str,
        password: str,
        quota_octets: int | None = None,
        scram: bool = False,
    ) -> Plain:
        """Make an account."""
        path = path_of(address)
        secrets = await self._secrets(address, password, scram)
        account = await self.directory.add_account(
            path, secrets, quota_octets=quota_octets
        )
        return _account(account)

    async def account_list(self, domain: str | None = None) -> Plain:
        """Accounts, of one domain or of all."""
        name = domain_of(domain) if domain else None
        return [_account(a) for a in await self.directory.accounts(name)]

    async def account_remove(self, address: str) -> Plain:
        """Remove an account with all its mail."""
        account = await self._account(address)
        await self.directory.remove_account(account.id)
        return None

    async def account_password(
        self, address: str, password: str, scram: bool = False
    ) -> Plain:
        """Give an account another password."""
        account = await self._account(address)
        secrets = await self._secrets(address, password, scram)
        await self.directory.set_secrets(account.id, secrets)
        return None

    async def account_enable(self, address: str, enabled: bool) -> Plain:
        """Let an account sign in, or not."""
        account = evolve(await self._account(address), enabled=enabled)
        await self.directory.update_account(account)
        return _account(account)

    async def account_quota(
        self, address: str, quota_octets: int | None
    ) -> Plain:
        """Change an account's quota."""
        account = await self._account(address)
        account = evolve(account, quota_octets=quota_octets)
        await self.directory.update_account(account)
        return _account(account)

    # Aliases

    async def alias_add(self, address: str, targets: list[str]) -> Plain:
        """Have an address stand for others."""
        if not targets:
            raise BadRequest(address, "an alias needs a target")
        alias = Alias(path_of(address), tuple(path_of(t) for t in targets))
        await self.directory.add_alias(alias)
        return _alias(alias)

    async def alias_list(self, domain: str | None = None) -> Plain:
        """Aliases, of one domain or of all."""
        name = domain_of(domain) if domain else None
        return [_alias(a) for a in await self.directory.aliases(name)]

    async def alias_remove(self, address: str) -> Plain:
        """No longer."""
        await self.directory.remove_alias(path_of(address))
        return None

    # The queue

    async def queue_list(
        self,
        states: list[str] | None = None,
        route: str | None = None,
        after: str | None = None,
        most: int = 100,
    ) -> Plain:
        """A page of the queue; waiting recipients unless `states` says."""
        if states is None:
            states = ["ready", "deferred", "held"]
        try:
            wanted = frozenset(QueueState(state) for state in states)
        except ValueError as error:
            raise BadRequest(str(error), str(error)) from None
        rows = await self.store.queue.rows(
            states=wanted, route=route, after=after, most=min(most, 1000)
        )
        return [_row(row) for row in rows]

    async def queue_show(self, id: str) -> Plain:
        """One queued recipient."""
        return _row(await self.store.queue.row(id))

    async def queue_retry(self, ids: list[str]) -> Plain:
        """Try recipients now."""
        now = self.world.clock.now()
        count = await self.store.queue.retry(await self._ids(ids), now)
        if self.server is not None:
            self.server.wake_queue()
        return {"rows": count}

    async def queue_hold(self, ids: list[str]) -> Plain:
        """Keep recipients from being tried."""
        return {"rows": await self.store.queue.hold(await self._ids(ids))}

    async def queue_drop(self, ids: list[str]) -> Plain:
        """End recipients without a DSN."""
        return {"rows": await self.store.queue.drop(await self._ids(ids))}

    async def _ids(self, ids: list[str]) -> list[str]:
        """`all` stands for everything that waits."""
        if ids != ["all"]:
            return ids
        found: list[str] = []
        after: str | None = None
        waiting = frozenset(
            (QueueState.READY, QueueState.DEFERRED, QueueState.HELD)
        )
        while True:
            page = await self.store.queue.rows(
                states=waiting, after=after, most=1000
            )
            found.extend(row.id for row in page)
            if len(page) < 1000:
                return found
            after = page[-1].id

    # The server

    async def status(self) -> Plain:
        """How things stand."""
        figures: dict[str, Plain] = dict(await self.store.figures())
        for state, count in (await self.store.queue.counts()).items():
            figures[f"queue_{state}"] = count
        if self.server is not None:
            figures.update(self.server.facts())
        return figures

    async def audit(self) -> Plain:
        """Check what the promises promise; gives the complaints."""
        return {"complaints": list(await self.store.audit())}

    async def reload(self) -> Plain:
        """Read the configuration again, all or nothing."""
        if self.server is None:
            raise BadRequest("offline", "no server is running")
        return {"number": await self.server.reload()}


def _domain(domain: Domain) -> Plain:
    target = domain.catch_all
    return {"name": domain.name, "catch_all": str(target) if target else None}


def _account(account: Account) -> Plain:
    return {
        "id": account.id,
        "address": str(account.address),
        "enabled": account.enabled,
        "quota_octets": account.quota_octets,
    }


def _alias(alias: Alias) -> Plain:
    return {
        "address": str(alias.address),
        "targets": [str(target) for target in alias.targets],
    }


def _row(row: QueueRow) -> Plain:
    return {
        "id": row.id,
        "message": row.delivery_id,
        "from": str(row.reverse_path),
        "to": str(row.forward_path),
        "route": row.route,
        "state": row.state.value,
        "received_at": row.received_at,
        "next_try": row.next_try or None,
        "tries": row.tries,
        "size_octets": row.size_octets,
        "last_reply": str(row.last_reply) if row.last_reply else None,
        "last_host": row.last_host or None,
    }
