"""
What is wrong with relay settings, and what is right but dangerous.

Nobody makes an open relay by mistake: the policies that believe what a
client says, or everybody, must be confirmed in words; a list may not hold
all addresses, be it in two halves; and what is dangerous is told at every
start, although it was confirmed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from imailpy.config import lists
from imailpy.config.complaint import Complaint
from imailpy.config.fields import domain as domain_check
from imailpy.config.lines import KeyPath
from imailpy.config.listeners import listeners
from imailpy.config.read import complain
from imailpy.config.schema import Configuration, Service
from imailpy.interfaces.world import IDisk
from imailpy.mail.facts import canonical_address
from imailpy.mail.path import canonical_domain
from imailpy.policy.networks import Networks
from imailpy.policy.settings import RecipientCheck, RelayPolicy

Wrong = Iterator[tuple[KeyPath, str]]

# Lists that let somebody do what others may not.
ALLOW_LISTS = (
    ("relay", "addresses"),
    ("limits", "exempt"),
    ("bans", "exempt"),
    ("spoof", "exempt"),
    ("smtp", "xclient"),
    ("smtp", "vrfy_allowed"),
    ("smtp", "expn_allowed"),
)
_EVERYTHING = {4: "all of IPv4", 6: "all of IPv6"}

# What the operator must write to have them.
_UNDERSTOOD = {
    RelayPolicy.LOCAL_USERS: "spoofable",
    RelayPolicy.LOCAL_HOSTS: "spoofable",
    RelayPolicy.ANYONE: "open relay",
}
_DANGER = {
    RelayPolicy.LOCAL_USERS: "whoever writes the address of a user of ours "
    "into MAIL FROM may send to everybody",
    RelayPolicy.LOCAL_HOSTS: "whoever writes a domain of ours into MAIL FROM "
    "may send to everybody",
    RelayPolicy.ANYONE: "everybody may send to everybody: an open relay",
}


def allow_lists(configuration: Configuration) -> Wrong:
    """Nobody lists the whole internet, be it in two halves."""
    lists: list[tuple[KeyPath, Sequence[str]]] = [
        ((section, name), getattr(getattr(configuration, section), name))
        for section, name in ALLOW_LISTS
    ]
    lists += [
        (("listeners", name, "proxy"), table.proxy or ())
        for name, table in configuration.listeners.items()
    ]
    for path, texts in lists:
        try:
            found = Networks.parse(texts)
        except ValueError:
            continue
        said = everything(found)
        if said is not None:
            text, first = said
            yield (*path, list(texts).index(first)), text


def everything(networks: Networks) -> tuple[str, str] | None:
    """
    Tell how networks are all addresses of a family, None when they are not.

    Returns:
        A complaint that names the entries, and the text of the first.
    """
    version = networks.covers_everything()
    if version is None:
        return None
    shown = networks.whole(version)
    named = [
        f'"{each.text}"' + (f" ({each.entry})" if each.entry else "")
        for each in shown
    ]
    what = _EVERYTHING[version]
    together = "is" if len(shown) == 1 else "together are"
    return (
        f"{', '.join(named)} {together} {what}; list the networks that are "
        "meant",
        shown[0].text,
    )


def relay(configuration: Configuration) -> Wrong:
    """A list and a policy that does not look at it are a mistake."""
    said = configuration.relay
    policy = said.policy
    listed = bool(said.addresses or said.addresses_file)
    if policy is RelayPolicy.ADDRESSES and not listed:
        yield (
            ("relay", "policy"),
            'policy "addresses" has no addresses; list some, or write '
            'policy = "none"',
        )
    if policy is not RelayPolicy.ADDRESSES:
        for name in ("addresses", "addresses_file"):
            if getattr(said, name):
                yield (
                    ("relay", name),
                    f'policy "{policy.value}" does not look at addresses; '
                    'write policy = "addresses", or remove them',
                )
    if not policy.by_sender:
        for name in ("accept", "accept_file"):
            if getattr(said, name):
                yield (
                    ("relay", name),
                    f'policy "{policy.value}" does not look at the accept '
                    'list; only "local-users" and "local-hosts" do',
                )


def understood(configuration: Configuration) -> Wrong:
    """Who wants a policy that can be abused says that he knows it."""
    said = configuration.relay
    wanted = _UNDERSTOOD.get(said.policy, "")
    if wanted and said.i_understand != wanted:
        yield (
            ("relay", "policy"),
            f'with policy "{said.policy.value}" {_DANGER[said.policy]}; '
            f'write i_understand = "{wanted}", or another policy',
        )
    if said.i_understand and said.i_understand != wanted:
        yield (
            ("relay", "i_understand"),
            f'nothing of policy "{said.policy.value}" needs '
            f'"{said.i_understand}"; remove it',
        )


def open_listeners(configuration: Configuration) -> Wrong:
    """An open relay listens to this machine, or where it is named."""
    anyone = configuration.relay.policy is RelayPolicy.ANYONE
    for each in listeners(configuration.listeners):
        if not each.enabled:
            continue
        if each.open_relay and not anyone:
            yield (
                ("listeners", each.name, "open_relay"),
                'only relay policy "anyone" needs open_relay; remove it',
            )
        if (
            anyone
            and each.service is Service.SMTP
            and not each.open_relay
            and not _is_loopback(each.address)
        ):
            yield (
                ("relay", "policy"),
                f'policy "anyone" would make the listener {each.name} an open '
                "relay for everybody who reaches it; write another policy, "
                f'address = "127.0.0.1" in [listeners.{each.name}], or '
                "open_relay = true there",
            )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def domains(configuration: Configuration) -> Wrong:
    """A domain that mail is taken for has a way to go, and one only."""
    routes = {
        canonical_domain(name)
        for name in configuration.delivery.routes
        if not name.startswith(".") and name and domain_check(name) is None
    }
    server = configuration.server
    ours = {server.host_name.lower(), *server.own_addresses} - {""}
    for name, told in configuration.relay.domains.items():
        path: KeyPath = ("relay", "domains", name)
        wrong = domain_check(name)
        if wrong is not None or not name or name.startswith("["):
            yield path, wrong or f'"{name}" is not a domain'
            continue
        if canonical_domain(name) in routes:
            yield (
                path,
                f"{name} has a route in [delivery.routes], too; remove one",
            )
        if told.host and told.host.lower() in ours:
            yield (
                (*path, "host"),
                f"{told.host} is this machine: mail would go round in circles",
            )
        by_list = told.recipients is RecipientCheck.LIST
        if by_list and not told.recipients_file:
            yield (
                (*path, "recipients"),
                'recipients = "list" needs recipients_file',
            )
        if told.recipients_file and not by_list:
            yield (
                (*path, "recipients_file"),
                'only recipients = "list" looks at it; remove one of them',
            )


def files(configuration: Configuration, disk: IDisk) -> Wrong:
    """Lists in files of their own can be read, line by line."""
    said = configuration.relay
    try:
        if said.addresses_file:
            path: KeyPath = ("relay", "addresses_file")
            found = lists.networks(
                configuration, "relay", "addresses", said.addresses_file, disk
            )
            covered = everything(found)
            if covered is not None:
                yield path, covered[0]
        if said.accept_file:
            path = ("relay", "accept_file")
            lists.addresses(
                configuration, "relay", "accept", said.accept_file, disk
            )
        for name, told in said.domains.items():
            if told.recipients_file:
                path = ("relay", "domains", name, "recipients_file")
                lists.address_file(told.recipients_file, disk)
    except ValueError as error:
        yield path, str(error)
    except FileNotFoundError as error:
        yield path, f"{error.filename or 'the file'} does not exist"
    except OSError as error:
        yield path, f"cannot be read: {error.strerror}"


def gateways(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """
    Give (network, what it is) of those who hand us mail of strangers under
    their own address.
    """
    for address in configuration.server.own_addresses:
        yield address, "an address of this server"
    for each in listeners(configuration.listeners):
        told = configuration.listeners.get(each.name)
        for network in getattr(told, "proxy", None) or ():
            yield network, f"a proxy of the listener {each.name}"
        if each.enabled and _is_one_of_many(each.address):
            yield each.address, f"the address of the listener {each.name}"
    for network in getattr(configuration.smtp, "xclient", ()):
        yield network, "an XCLIENT peer"
    for network in configuration.relay.gateways:
        yield network, "a gateway"
    smart_host = configuration.delivery.smart_host.host
    if smart_host and _is_address(smart_host):
        yield smart_host, "the smart host"


def _is_address(text: str) -> bool:
    try:
        canonical_address(text)
    except ValueError:
        return False
    return True


def _is_one_of_many(address: str) -> bool:
    """Whether it is an address that others know this machine by."""
    return _is_address(address) and not (
        _is_loopback(address) or ipaddress.ip_address(address).is_unspecified
    )


def warnings(configuration: Configuration) -> list[Complaint]:
    """
    Tell what is dangerous although it is allowed: at every start, at every
    reload, and by `imailctl config check`.
    """
    policy = configuration.relay.policy
    if policy not in _DANGER:
        return []
    return [
        complain(
            configuration,
            ("relay", "policy"),
            f'warning: with policy "{policy.value}" {_DANGER[policy]}',
        )
    ]
