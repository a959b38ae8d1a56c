"""What LDAP servers answer, in the words of the realm."""

from __future__ import annotations

from attrs import frozen

from imailpy.errors import MailError

# Result codes [RFC4511 A.1].
SUCCESS = 0
SIZE_LIMIT = 4
NO_SUCH_OBJECT = 32
# What servers say to a bind that is wrong, or that the account's rules do not
# allow: constraint, inappropriate authentication, credentials, access,
# unwilling.
WRONG = frozenset({19, NO_SUCH_OBJECT, 48, 49, 50, 53})


class LdapDown(MailError):
    """The directory cannot tell just now; `private` says why."""


@frozen
class Entry:
    """
    What a search found.

    Attributes:
        dn: Its name.
        attributes: Lower-case name -> values.
    """

    dn: str
    attributes: dict[str, tuple[bytes, ...]]


@frozen
class Done:
    """
    A question is answered.

    Attributes:
        code: Of [RFC4511 A.1]; 0 is success.
        text: The server's own words, for the log.
    """

    code: int
    text: str
