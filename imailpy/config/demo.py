"""
The configuration of a demonstration: a whole server on loopback.

It is a configuration like any other: what makes it fit for playing with it
(passwords in clear text, no delays, no limits) is written in it. No code
anywhere asks whether a peer is on this machine.
"""

from __future__ import annotations

import ipaddress
import os.path

from imailpy.config.fields import read_server
from imailpy.config.sample import to_toml

PORT_OFFSET = 2000
DOMAIN = "example.test"
# (local part, password) of the accounts that the roof makes.
ACCOUNTS = (
    ("alice", "alice-demo-password"),
    ("bob", "bob-demo-password"),
    # Whose mailbox `Outside` gets the mail for everybody else.
    ("postmaster", "postmaster-demo-password"),
)

_TEXT = """\
# The configuration of a demonstration, made by --demo.
# Not for a server that anybody else can reach: passwords cross the line in
# clear text, and nothing slows down somebody who guesses them.

[server]
host_name = "mail.{domain}"
postmaster = "postmaster@{domain}"

[storage]
directory = {directory}
min_free_mb = 16
min_free_percent = 0
reserve_mb = 2

[[tls.certificates]]
certificate = {certificate}
key = {key}

{listeners}
[limits]
per_address = 0
per_network = 0
total = 0
address_rate = 0
network_rate = 0
message_rate = 0

[bans]
enabled = false

[harvest]
slow_after = 0
most = 0

[login]
failure_delay_s = 0
failure_windows = false
slow_after = 0
scram = true

[submission]
# There may be no DNS where this runs.
check_domains = false

[sending]
messages_a_day = 0
recipients_a_day = 0
first_time_recipients_a_day = 0
burst = 0

[delivery]
private_targets = true
{outside}
[metrics]
port = {metrics}
"""

# name, service, standard port, tls, auth
_LISTENERS = (
    ("smtp", 25, "starttls", False),
    ("lmtp", 24, "none", False),
    ("submission", 587, "starttls", True),
    ("submissions", 465, "implicit", True),
    ("imap", 143, "starttls", True),
    ("imaps", 993, "implicit", True),
    ("pop3", 110, "starttls", True),
    ("pop3s", 995, "implicit", True),
)
_METRICS = 9625


def certificate_directory(directory: str) -> str:
    """Where the self-signed certificate and its key are."""
    return os.path.join(os.path.abspath(directory), "tls")


def ports(offset: int = PORT_OFFSET) -> dict[str, int]:
    """Give listener -> port."""
    return {name: port + offset for name, port, _, _ in _LISTENERS}


def demo(
    directory: str,
    *,
    port_offset: int = PORT_OFFSET,
    address: str = "127.0.0.1",
    smarthost: str | None = None,
) -> str:
    """
    Write the configuration of a demonstration.

    Args:
        directory: All of it is kept there.
        port_offset: Added to the standard ports.
        smarthost: `HOST:PORT` where mail for the outside goes; without one
            it is caught in the mailbox `Outside` of postmaster.

    Raises:
        ValueError: With words for the operator: the address is not a
            loopback one, a port is none, the smart host is none.
    """
    if not _is_loopback(address):
        raise ValueError(
            f"a demonstration runs on a loopback address, not on {address}"
        )
    highest = max(*ports(port_offset).values(), _METRICS + port_offset)
    lowest = min(ports(port_offset).values())
    if not 0 < lowest <= highest < 65_536:
        raise ValueError(f"port offset {port_offset} leads to no ports")
    certificate, key = (
        os.path.join(certificate_directory(directory), name)
        for name in ("self-signed.crt", "self-signed.key")
    )
    return _TEXT.format(
        domain=DOMAIN,
        directory=to_toml(os.path.abspath(directory)),
        certificate=to_toml(certificate),
        key=to_toml(key),
        listeners=_listeners(address, port_offset),
        outside=_outside(smarthost),
        metrics=_METRICS + port_offset,
    )


def _listeners(address: str, offset: int) -> str:
    tables = []
    for name, port, tls, auth in _LISTENERS:
        more = "plaintext_auth = true\n" if auth else ""
        if name == "lmtp":
            # Nobody tries a mail server by LMTP first: it can be done without.
            more = "optional = true\n"
        tables.append(
            f"[listeners.{name}]\n"
            "enabled = true\n"
            f"address = {to_toml(address)}\n"
            f"port = {port + offset}\n"
            f"tls = {to_toml(tls)}\n"
            f"{more}"
        )
    return "\n".join(tables)


def _outside(smarthost: str | None) -> str:
    if smarthost is None:
        return f'catch_outside_in = "postmaster@{DOMAIN}"\n'
    host, port = _host_and_port(smarthost)
    return f"\n[delivery.smart_host]\nhost = {to_toml(host)}\nport = {port}\n"


def _host_and_port(text: str) -> tuple[str, int]:
    try:
        return read_server(text, 25)
    except ValueError:
        host, _, port = text.partition(":")
        number = int(port) if port.isdecimal() else 0 if port else 25
        if not host or not 0 < number < 65_536:
            raise ValueError(
                f"{text} is not HOST:PORT of a smart host"
            ) from None
        return host, number


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
