"""
All rooms' settings of one running server, and their reload.

What can only be read at start is told as a complaint, so that nobody waits
for a change that will not come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imailpy.config import rooms
from imailpy.config.complaint import ConfigError
from imailpy.config.lines import KeyPath
from imailpy.config.listeners import Listener, listeners
from imailpy.config.provider import Settings, exchange
from imailpy.config.read import complain
from imailpy.config.schema import Configuration
from imailpy.delivery.settings import DeliverySettings
from imailpy.dns.settings import DnsSettings
from imailpy.history.settings import HistorySettings
from imailpy.interfaces.world import IDisk
from imailpy.listeners.proxied import ProxySettings
from imailpy.realm.ldap.settings import LdapSettings
from imailpy.realm.settings import RealmSettings
from imailpy.realm.tokens.settings import TokenSettings
from imailpy.store.settings import StoreSettings
from imailpy.tls.settings import TlsSettings


class Providers:
    """
    One provider for each room, and for each listener that is open.

    Attributes:
        configuration: The one that holds.
        listeners: By the listener's name.
        proxied: Of listeners behind proxies, by name.
    """

    def __init__(self, configuration: Configuration, disk: IDisk) -> None:
        self.configuration = configuration
        self._disk = disk
        made = _Made(configuration, disk)
        self.realm = Settings(made.realm)
        self.store = Settings(made.store)
        self.delivery = Settings(made.delivery)
        self.dns = Settings(made.dns)
        self.tls = Settings(made.tls)
        self.ldap = Settings(made.ldap)
        self.tokens = Settings(made.tokens)
        self.history = Settings(made.history)
        self.listeners = {
            name: Settings(told) for name, told in made.listeners.items()
        }
        self.proxied = {
            name: Settings(told) for name, told in made.proxied.items()
        }

    @property
    def open(self) -> tuple[Listener, ...]:
        """The listeners that are switched on."""
        return _open(self.configuration)

    def reload(self, configuration: Configuration) -> None:
        """
        Give every room its new settings, or none of them.

        Raises:
            ConfigError: Something of it can only be read at start.
            Exception: What a room raises that does not take its settings;
                all the old ones hold then.
        """
        only_at_start = [
            complain(configuration, path, text)
            for path, text in _only_at_start(self.configuration, configuration)
        ]
        if only_at_start:
            raise ConfigError(only_at_start)
        made = _Made(configuration, self._disk)
        changes: list[tuple[Settings[Any], Any]] = [
            (self.realm, made.realm),
            (self.store, made.store),
            (self.delivery, made.delivery),
            (self.dns, made.dns),
            (self.tls, made.tls),
            (self.ldap, made.ldap),
            (self.tokens, made.tokens),
            (self.history, made.history),
        ]
        changes += [
            (provider, made.listeners[name])
            for name, provider in self.listeners.items()
        ]
        changes += [
            (provider, made.proxied[name])
            for name, provider in self.proxied.items()
        ]
        exchange(changes)
        self.configuration = configuration


class _Made:
    """What a configuration says to each room."""

    def __init__(self, configuration: Configuration, disk: IDisk) -> None:
        self.realm: RealmSettings = rooms.realm(configuration, disk)
        self.store: StoreSettings = rooms.store(configuration)
        self.delivery: DeliverySettings = rooms.delivery(configuration, disk)
        self.dns: DnsSettings = rooms.dns(configuration)
        self.tls: TlsSettings = rooms.tls(configuration)
        self.ldap: LdapSettings = rooms.ldap(configuration, disk)
        self.tokens: TokenSettings = rooms.tokens(configuration, disk)
        self.history: HistorySettings = rooms.history(configuration)
        self.listeners: dict[str, Any] = {
            each.name: rooms.LISTENERS[each.service](configuration, each)
            for each in _open(configuration)
        }
        # Only where there are proxies; whether there are cannot change.
        self.proxied: dict[str, ProxySettings] = {
            each.name: rooms.proxied(each)
            for each in _open(configuration)
            if each.proxy
        }


def _open(configuration: Configuration) -> tuple[Listener, ...]:
    return tuple(
        each for each in listeners(configuration.listeners) if each.enabled
    )


def _only_at_start(
    old: Configuration, new: Configuration
) -> Iterator[tuple[KeyPath, str]]:
    """Tell what has changed and cannot be changed now."""
    for path, before, after in (
        (
            ("storage", "directory"),
            old.storage.directory,
            new.storage.directory,
        ),
        (("server", "host_name"), old.server.host_name, new.server.host_name),
        (
            ("login", "hash_threads"),
            old.login.hash_threads,
            new.login.hash_threads,
        ),
        (("log",), old.log, new.log),
        (("metrics",), old.metrics, new.metrics),
    ):
        if before != after:
            yield path, f'"{path[-1]}" has changed; {_RESTART}'
    before_by_name = {each.name: _bound(each) for each in _open(old)}
    after_by_name = {each.name: _bound(each) for each in _open(new)}
    for name in {**before_by_name, **after_by_name}:
        if before_by_name.get(name) != after_by_name.get(name):
            yield (
                ("listeners", name),
                f'the listener "{name}" has changed; {_RESTART}',
            )


_RESTART = "restart the server, or take the change back"


def _bound(listener: Listener) -> tuple[Any, ...]:
    """What of a listener cannot be changed while it is open."""
    return (
        listener.service,
        listener.address,
        listener.port,
        listener.tls,
        bool(listener.proxy),
        listener.tls_client_ca,
    )
