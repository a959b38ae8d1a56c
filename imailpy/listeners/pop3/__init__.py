"""POP3 on sockets: engine, realm and store joined."""

from imailpy.listeners.pop3.factory import Pop3Factory
from imailpy.listeners.pop3.settings import Pop3Settings

__all__ = ["Pop3Factory", "Pop3Settings"]
