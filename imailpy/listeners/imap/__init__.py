"""
IMAP4rev1: the engine's commands, executed on the store and the realm.

One file for each group of commands, each with the table `EXECUTORS`; what
they share is `protocol.ImapConnection`; `view.View` is what a session knows
of the mailbox that it has selected.
"""

from imailpy.listeners.imap.factory import ImapFactory
from imailpy.listeners.imap.settings import ImapSettings

__all__ = ["ImapFactory", "ImapSettings"]
