"""What delivery is told."""

from __future__ import annotations

from typing import Any

from imailpy.config.files import read_password
from imailpy.config.rooms.units import DAY_S, HOUR_S, MINUTE_S
from imailpy.config.schema import Configuration, Hop
from imailpy.delivery.schedule import Schedule
from imailpy.delivery.settings import (
    DeliverySettings,
    NextHop,
    Security,
)
from imailpy.interfaces.world import IDisk
from imailpy.mail import Path
from imailpy.mail.facts import canonical_address
from imailpy.mail.path import canonical_domain


def delivery(configuration: Configuration, disk: IDisk) -> DeliverySettings:
    """
    What delivery is told.

    Raises:
        OSError: A password file cannot be read.
    """
    said = configuration.delivery
    server = configuration.server
    return DeliverySettings(
        hop_limit=configuration.smtp.max_hops,
        separators=configuration.recipients.box_delimiters,
        own_addresses=frozenset(
            canonical_address(text) for text in server.own_addresses
        ),
        postmaster=address_or_none(server.postmaster),
        smart_host=(
            _next_hop(said.smart_host, disk) if said.smart_host.host else None
        ),
        routes={
            _route_name(name): _next_hop(route, disk)
            for name, route in said.routes.items()
        }
        | {
            canonical_domain(name): _next_hop(domain, disk)
            for name, domain in configuration.relay.domains.items()
            if domain.host
        },
        by_mx=frozenset(
            canonical_domain(name)
            for name, domain in configuration.relay.domains.items()
            if not domain.host
        ),
        catch_outside_in=address_or_none(said.catch_outside_in),
        private_targets=said.private_targets,
        connections=said.connections,
        connections_per_destination=said.connections_per_destination,
        schedule=_schedule(configuration),
    )


def without_secrets(configuration: Configuration) -> DeliverySettings:
    """The same where nothing is sent: passwords are not read."""
    nothing: Any = _Unread()
    return delivery(configuration, nothing)


class _Unread:
    """A disk of password files that do not matter."""

    def read_foreign(
        self, path: str, most_octets: int = 0, *, private: bool = False
    ) -> bytes:
        """Anything."""
        return b"-"


def _schedule(configuration: Configuration) -> Schedule:
    said = configuration.delivery
    return Schedule(
        waits_s=tuple(each * MINUTE_S for each in said.retry_minutes),
        life_s=said.give_up_days * DAY_S,
        bounce_life_s=said.bounce_give_up_days * DAY_S,
        delay_notice_s=said.delay_notice_hours * HOUR_S,
    )


def _next_hop(hop: Hop, disk: IDisk) -> NextHop:
    return NextHop(
        host=hop.host,
        port=hop.port,
        security=Security(hop.security.value),
        user=hop.user or None,
        password=(
            read_password(hop.password_file, disk) if hop.user else None
        ),
        verify=hop.verify,
        lmtp=hop.lmtp,
    )


def _route_name(name: str) -> str:
    """Give a domain, or `.domain`, its one form."""
    dot = "." if name.startswith(".") else ""
    return dot + canonical_domain(name.removeprefix("."))


def address_or_none(text: str) -> Path | None:
    """Read an address that may be left empty."""
    return Path.parse(text) if text else None
