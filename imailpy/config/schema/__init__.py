"""
What `imailpy.toml` may say.

The docstring of a class is the remark above its section in the example.
"""

from __future__ import annotations

from attrs import field, frozen

from imailpy.config.fields import section
from imailpy.config.lines import LineMap
from imailpy.config.schema.accounts import Sending
from imailpy.config.schema.choices import (
    BareLineEnds,
    ListenerTls,
    LogFormat,
    LogLevel,
    Security,
    Service,
)
from imailpy.config.schema.clients import (
    Hello,
    Imap,
    Limits,
    ListenerTable,
    Login,
    Pop3,
)
from imailpy.config.schema.custom import Policy
from imailpy.config.schema.defence import (
    Access,
    Bans,
    Harvest,
    Stress,
)
from imailpy.config.schema.elsewhere import Ldap, Oidc
from imailpy.config.schema.explaining import History
from imailpy.config.schema.machine import (
    Certificate,
    Log,
    Metrics,
    Server,
    Storage,
    Tls,
)
from imailpy.config.schema.relaying import Relay, RelayDomain, Spoof
from imailpy.config.schema.sending import (
    Delivery,
    Dns,
    Hop,
    Route,
    SmartHost,
)
from imailpy.config.schema.taking import (
    Recipients,
    Smtp,
    Submission,
)

__all__ = [
    "Access",
    "Bans",
    "BareLineEnds",
    "Certificate",
    "Configuration",
    "Delivery",
    "Dns",
    "Harvest",
    "Hello",
    "History",
    "Hop",
    "Imap",
    "Ldap",
    "Limits",
    "ListenerTable",
    "ListenerTls",
    "Log",
    "LogFormat",
    "LogLevel",
    "Login",
    "Metrics",
    "Oidc",
    "Policy",
    "Pop3",
    "Recipients",
    "Relay",
    "RelayDomain",
    "Route",
    "Security",
    "Sending",
    "Server",
    "Service",
    "SmartHost",
    "Smtp",
    "Spoof",
    "Storage",
    "Stress",
    "Submission",
    "Tls",
]


@frozen
class Configuration:
    """
    All of it.

    Attributes:
        file: As the operator named it.
        lines: Where in it each key stands.
    """

    server: Server = section(Server)
    storage: Storage = section(Storage)
    tls: Tls = section(Tls)
    listeners: dict[str, ListenerTable] = field(
        factory=dict,
        metadata={"doc": ListenerTable.__doc__, "key": "smtp"},
    )
    smtp: Smtp = section(Smtp)
    relay: Relay = section(Relay)
    spoof: Spoof = section(Spoof)
    access: dict[str, Access] = field(
        factory=dict, metadata={"doc": Access.__doc__, "key": "smtp"}
    )
    bans: Bans = section(Bans)
    limits: Limits = section(Limits)
    harvest: Harvest = section(Harvest)
    stress: Stress = section(Stress)
    login: Login = section(Login)
    oidc: Oidc = section(Oidc)
    ldap: Ldap = section(Ldap)
    submission: Submission = section(Submission)
    sending: Sending = section(Sending)
    recipients: Recipients = section(Recipients)
    policy: Policy = section(Policy)
    delivery: Delivery = section(Delivery)
    dns: Dns = section(Dns)
    hello: Hello = section(Hello)
    imap: Imap = section(Imap)
    pop3: Pop3 = section(Pop3)
    log: Log = section(Log)
    history: History = section(History)
    metrics: Metrics = section(Metrics)
    file: str = field(default="imailpy.toml", init=False, eq=False)
    lines: LineMap = field(factory=LineMap, init=False, eq=False, repr=False)

    def entry(self, *path: str | int) -> str:
        """Name a place for a decision: `imailpy.toml:12`."""
        return f"{self.file}:{self.lines.find(path).line}"
