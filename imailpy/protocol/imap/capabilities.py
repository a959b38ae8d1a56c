"""
What the server says it can [RFC9051 6.1.1].

The list is a function of the session's state and options and nothing else,
so the greeting, CAPABILITY and the answer to a login agree.
"""

from __future__ import annotations

from attrs import frozen

from imailpy.protocol.imap.state import State

# In every state.
BASE = (
    "IMAP4rev1",  # [RFC3501]
    "LITERAL+",  # [RFC7888]
    "SASL-IR",  # [RFC4959]
    "ID",  # [RFC2971]
    "ENABLE",  # [RFC5161]
)

# Once logged in: what a stranger need not know, and the greeting stays short.
EXTENSIONS = (
    "NAMESPACE",  # [RFC2342]
    "CHILDREN",  # [RFC3348]
    "UNSELECT",  # [RFC3691]
    "IDLE",  # [RFC2177]
    "UIDPLUS",  # [RFC4315]
    "MOVE",  # [RFC6851]
    "SPECIAL-USE",  # [RFC6154]
    "CREATE-SPECIAL-USE",  # [RFC6154]
    "LIST-EXTENDED",  # [RFC5258]
    "LIST-STATUS",  # [RFC5819]
    "STATUS=SIZE",  # [RFC8438]
    "ESEARCH",  # [RFC4731]
    "MULTIAPPEND",  # [RFC3502]
)


@frozen
class Options:
    """
    What one connection offers.

    Attributes:
        tls: It is encrypted from the first octet.
        starttls: STARTTLS is on offer while it is not.
        plaintext_auth: LOGIN and AUTHENTICATE without encryption.
        mechanisms: SASL mechanisms, in capitals, while not encrypted.
        tls_mechanisms: The same once encrypted; with channel binding.
        append_limit_octets: Largest message that APPEND takes [RFC7889].
    """

    tls: bool = False
    starttls: bool = False
    plaintext_auth: bool = False
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    tls_mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    append_limit_octets: int = 64 * 1024 * 1024


def may_login(options: Options, secure: bool) -> bool:
    """Whether a password may be sent now."""
    return secure or options.plaintext_auth


def mechanisms(options: Options, secure: bool) -> tuple[str, ...]:
    """Give the SASL mechanisms on offer now, none where none may be used."""
    if not may_login(options, secure):
        return ()
    return options.tls_mechanisms if secure else options.mechanisms


def capabilities(
    options: Options, state: State, secure: bool
) -> tuple[str, ...]:
    """Give the capabilities of a session, in the order they are told."""
    if state is not State.NOT_AUTHENTICATED:
        limit = f"APPENDLIMIT={options.append_limit_octets}"
        return (*BASE, *EXTENSIONS, limit)
    names = list(BASE)
    if options.starttls and not secure:
        names.append("STARTTLS")
    if not may_login(options, secure):
        names.append("LOGINDISABLED")
    names.extend(f"AUTH={name}" for name in mechanisms(options, secure))
    return tuple(names)
