"""What peers do that honest ones do not."""

from __future__ import annotations

from enum import Enum


class Sign(Enum):
    """
    One sign of attack: what counts toward a ban.

    The value is the stable word of log, configuration and manual.
    """

    LONG_COMMAND = "long_command"
    EARLY_TALK = "early_talk"
    HTTP = "http"
    TLS_JUNK = "tls_junk"
    BAD_COMMANDS = "bad_commands"
    JUNK_COMMANDS = "junk_commands"
    # Line ends, framing, pipelining where none may be: somebody tries what
    # our parser makes of it.
    SMUGGLING = "smuggling"
    TOO_SLOW = "too_slow"
    UNKNOWN_RECIPIENTS = "unknown_recipients"
    FAILED_LOGIN = "failed_login"
