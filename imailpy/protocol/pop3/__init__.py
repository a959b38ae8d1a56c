"""
POP3: a maildrop's messages, fetched and removed [RFC1939].

`ServerSession` is the engine. It keeps the maildrop's snapshot itself, so
STAT, LIST, UIDL, DELE and RSET are answered without asking anybody; what
remains for the listener are the events of `events`.
"""

from imailpy.protocol.pop3.events import (
    Authenticate,
    AuthenticateResponse,
    Connected,
    Event,
    ListAll,
    Login,
    OutputWaits,
    Quit,
    Retrieve,
    StartTls,
    Top,
)
from imailpy.protocol.pop3.maildrop import Maildrop
from imailpy.protocol.pop3.session import ServerSession
from imailpy.protocol.pop3.state import TRANSITIONS, Offer, State

__all__ = [
    "TRANSITIONS",
    "Authenticate",
    "AuthenticateResponse",
    "Connected",
    "Event",
    "ListAll",
    "Login",
    "Maildrop",
    "Offer",
    "OutputWaits",
    "Quit",
    "Retrieve",
    "ServerSession",
    "StartTls",
    "State",
    "Top",
]
