"""Settings that are one of a few words."""

from __future__ import annotations

from enum import Enum


class Service(Enum):
    """What a listener speaks, and to whom."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"
    IMAP = "imap"
    POP3 = "pop3"


class ListenerTls(Enum):
    """How a listener is secured."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Security(Enum):
    """How a connection to another server is secured."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    IMPLICIT = "implicit"


class LogFormat(Enum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"


class LogLevel(Enum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"


class BareLineEnds(Enum):
    """What becomes of a message with a bare CR or LF."""

    AUTO = "auto"
    REJECT = "reject"
    NORMALIZE = "normalize"
