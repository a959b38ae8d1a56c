"""
What must come of an attempt.

The oracle reads addresses with a reader of its own, letter by letter and as
strictly as the standard has it [RFC5321 4.1.2]: it shares no code with the
server, so that both would have to err in the same way. Where the server is
known to be more lenient than the standard it says so.

The relay table is written down here once more, for the same reason.
"""

from __future__ import annotations

import ipaddress
import string
import unicodedata
from enum import Enum

from attrs import frozen

from imailpy.realm.battery.site import Peer, Site

_ATOM = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~")
_LABEL = frozenset(string.ascii_lowercase + string.digits + "-_")

# Who may relay to a non-local address, by policy: the columns of the table.
ALLOWED: dict[str, frozenset[str]] = {
    "none": frozenset({"auth"}),
    "addresses": frozenset({"auth", "listed"}),
    "local-users": frozenset({"auth", "local user", "accept list"}),
    "local-hosts": frozenset(
        {"auth", "local user", "local domain", "accept list"}
    ),
    "anyone": frozenset(
        {
            "auth",
            "listed",
            "local user",
            "local domain",
            "accept list",
            "foreign",
            "null",
        }
    ),
}


class Outcome(Enum):
    """What a recipient is."""

    OURS = "an address of ours"
    UNKNOWN = "an address of ours that nobody has"
    ONWARD = "in a domain that is taken for others"
    OUTSIDE = "an address of others"
    MALFORMED = "no address"


@frozen
class Expected:
    """
    What must come of an attempt.

    Attributes:
        may_take: It is no relay to take it.
        must_take: It is an error to refuse it for what it is.
        columns: Of the relay table, those that hold for the client.
    """

    outcome: Outcome
    may_take: bool
    must_take: bool
    columns: frozenset[str]


@frozen
class Read:
    """
    An address, strictly read.

    Attributes:
        local_part: Without quoting; empty for the null path.
        domain: In small letters without trailing dot, or a literal's
            address in brackets; empty for none.
        plain: Nothing about it is unusual.
    """

    local_part: str
    domain: str
    plain: bool


def expected(
    site: Site, peer: Peer, mail_argument: str, rcpt_argument: str
) -> Expected:
    """
    Tell what must come of one recipient.

    Args:
        mail_argument: As in `FROM:<a@b>`.
        rcpt_argument: As in `TO:<a@b>`.
    """
    sender = read_argument(mail_argument, "FROM:")
    recipient = read_argument(rcpt_argument, "TO:")
    columns = _columns(site, peer, sender)
    outcome = _outcome(site, recipient)
    if outcome is Outcome.OURS:
        plain = recipient is not None and recipient.plain
        return Expected(outcome, True, plain, columns)
    if outcome is Outcome.ONWARD:
        return Expected(outcome, peer.service != "lmtp", False, columns)
    if outcome is Outcome.UNKNOWN:
        return Expected(outcome, False, False, columns)
    entitled = bool(columns & ALLOWED[site.policy])
    may = entitled and peer.service != "lmtp"
    plain = recipient is not None and recipient.plain
    return Expected(
        outcome, may, may and plain and outcome is Outcome.OUTSIDE, columns
    )


def _columns(site: Site, peer: Peer, sender: Read | None) -> frozenset[str]:
    columns = set()
    if peer.user is not None:
        columns.add("auth")
    if peer.listed:
        columns.add("listed")
    if sender is None:
        return frozenset(columns)
    if not sender.local_part and not sender.domain:
        columns.add("null")
    elif sender.domain in site.domains:
        known = site.knows(sender.local_part, sender.domain)
        columns.add("local user" if known else "local domain")
    else:
        columns.add("foreign")
    if sender.domain and _accepts(site, sender):
        columns.add("accept list")
    return frozenset(columns)


def _accepts(site: Site, sender: Read) -> bool:
    whole = f"{sender.local_part.casefold()}@{sender.domain}"
    for entry in site.accepted:
        entry = entry.lower()
        if entry.startswith("@*"):
            tail = entry[2:].lstrip(".")
            if sender.domain == tail or sender.domain.endswith(f".{tail}"):
                return True
        elif "@" in entry[1:]:
            if whole == entry:
                return True
        elif sender.domain == entry.removeprefix("@"):
            return True
    return False


def _outcome(site: Site, recipient: Read | None) -> Outcome:
    if recipient is None:
        return Outcome.MALFORMED
    local_part, domain = recipient.local_part, recipient.domain
    if not local_part:
        return Outcome.MALFORMED
    if not domain:
        # The one mailbox without a domain [RFC5321 4.5.1].
        return (
            Outcome.OURS
            if local_part.lower() == "postmaster"
            else Outcome.MALFORMED
        )
    if domain.startswith("[") and domain[1:-1] in site.own_addresses:
        domain = site.literal_domain
    if domain in site.domains:
        known = site.has(local_part, domain)
        return Outcome.OURS if known else Outcome.UNKNOWN
    return Outcome.ONWARD if domain in site.onward else Outcome.OUTSIDE


# The reader


def read_argument(argument: str, keyword: str) -> Read | None:
    """
    Read the argument of MAIL or RCPT; None: it is malformed.

    Lenient where the server is: blanks before the bracket.
    """
    if argument[: len(keyword)].upper() != keyword:
        return None
    text = argument[len(keyword) :]
    stripped = text.lstrip(" ")
    if not stripped.startswith("<"):
        return None
    end = _closing(stripped)
    if end < 0:
        return None
    inside, behind = stripped[1:end], stripped[end + 1 :]
    if behind and not behind.startswith(" "):
        return None
    plain = stripped == text and not behind
    if inside.startswith("@"):
        mailbox = _without_route(inside)
        if mailbox is None:
            return None
        # Such a one may be taken as if it had no route, or be refused.
        inside, plain = mailbox, False
    if not inside:
        return Read("", "", plain) if keyword == "FROM:" else None
    if keyword == "TO:" and inside.lower() == "postmaster":
        return Read("postmaster", "", plain)
    return _mailbox(inside, plain)


def _closing(text: str) -> int:
    """Find the bracket that closes, passing over quoted text."""
    quoted = False
    at = 1
    while at < len(text):
        letter = text[at]
        if quoted and letter == "\\":
            at += 1
        elif letter == '"':
            quoted = not quoted
        elif letter == ">" and not quoted:
            return at
        at += 1
    return -1


def _without_route(text: str) -> str | None:
    """Drop a source route: `@a,@b:` [RFC5321 4.1.2]."""
    depth = 0
    for at, letter in enumerate(text):
        if letter == "[":
            depth += 1
        elif letter == "]":
            depth = max(depth - 1, 0)
        elif letter == '"':
            return None
        elif letter == ":" and depth == 0:
            hops = text[:at].split(",")
            good = all(
                hop.startswith("@") and len(hop) > 1 and "@" not in hop[1:]
                for hop in hops
            )
            return text[at + 1 :] if good else None
    return None


def _mailbox(text: str, plain: bool) -> Read | None:
    if text.startswith('"'):
        local_part, rest = _quoted(text)
        plain = False
    else:
        at = text.find("@")
        if at < 0:
            return None
        local_part, rest = text[:at], text[at:]
        if not all(
            atom and all(_is_atext(letter) for letter in atom)
            for atom in local_part.split(".")
        ):
            return None
    if not local_part or not rest.startswith("@"):
        return None
    if any(unicodedata.category(letter) == "Cc" for letter in local_part):
        return None
    if len(local_part.encode()) > 64:
        return None
    if not local_part.isascii():
        local_part = unicodedata.normalize("NFC", local_part)
        plain = False
    # So many boxes in one name are not looked for.
    if sum(letter in "+-=_." for letter in local_part) > 3:
        plain = False
    domain = _domain(rest[1:])
    if domain is None:
        return None
    if domain != rest[1:].lower():
        plain = plain and domain == rest[1:].lower().removesuffix(".")
    return Read(local_part, domain, plain)


def _is_atext(letter: str) -> bool:
    return letter in _ATOM or ord(letter) > 159


def _quoted(text: str) -> tuple[str, str]:
    """Give the content of a quoted string, and what is behind it."""
    content: list[str] = []
    at = 1
    while at < len(text):
        letter = text[at]
        if letter == '"':
            return "".join(content), text[at + 1 :]
        if letter == "\\":
            at += 1
            if at >= len(text):
                break
            letter = text[at]
        content.append(letter)
        at += 1
    return "", ""


def _domain(text: str) -> str | None:
    if text.startswith("["):
        return _literal(text)
    if not text.isascii():
        # What looks like ASCII means it; read by another library
        # than the server's.
        text = unicodedata.normalize("NFKC", text).replace("\u3002", ".")
        if not text.isascii():
            try:
                text = text.encode("idna").decode("ascii")
            except UnicodeError:
                return None
    text = text.lower()
    if text.endswith("."):
        text = text[:-1]
    labels = text.split(".")
    if len(text) > 255 or not all(
        0 < len(label) <= 63 and all(letter in _LABEL for letter in label)
        for label in labels
    ):
        return None
    return text


def _literal(text: str) -> str | None:
    if not text.endswith("]"):
        return None
    inside = text[1:-1]
    try:
        if inside.lower().startswith("ipv6:"):
            six = ipaddress.IPv6Address(inside[5:])
            if six.scope_id is not None:
                return None
            return f"[{six.ipv4_mapped or six}]"
        return f"[{ipaddress.IPv4Address(inside)}]"
    except ValueError:
        return None
