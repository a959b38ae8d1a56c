"""
From the one configuration to each room's own few settings.

A reload makes them anew; `providers` hands them out.
"""

from imailpy.config.rooms.custom import custom
from imailpy.config.rooms.delivery import delivery
from imailpy.config.rooms.elsewhere import ldap, tokens
from imailpy.config.rooms.listeners import (
    LISTENERS,
    imap,
    pop3,
    proxied,
    smtp,
)
from imailpy.config.rooms.machine import dns, history, store, tls
from imailpy.config.rooms.realm import realm

__all__ = [
    "LISTENERS",
    "custom",
    "delivery",
    "dns",
    "history",
    "imap",
    "ldap",
    "pop3",
    "proxied",
    "realm",
    "smtp",
    "store",
    "tls",
    "tokens",
]
