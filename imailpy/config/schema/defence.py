"""Who is kept out, and what is too much."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NewType

from attrs import frozen

from imailpy.config import fields as f
from imailpy.config.fields import FilePath, required, section, setting
from imailpy.policy.settings import AccessAnswer, AccessMode

# A date or a moment, as TOML has them; the first moment of that day in UTC.
Moment = NewType("Moment", float)


def moment(value: object, _: object = None) -> Moment:
    """Read a TOML date or date-time; `ValueError` for anything else."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        return Moment(value.timestamp())
    if isinstance(value, date):
        start = datetime(value.year, value.month, value.day, tzinfo=UTC)
        return Moment(start.timestamp())
    raise ValueError(
        "must be a date or a date and time without quotes: 2026-12-31 or "
        "2026-12-31T12:00:00Z"
    )


@frozen
class Entry:
    """A network of a list."""

    network: str = required(
        "An address, a network, or address and mask.",
        example="198.51.100.0/24",
        check=f.network,
    )
    until: Moment | None = setting(
        "From then on the entry counts as absent: a date (its beginning, "
        "UTC) or a date and time. Without it: for good.",
        None,
        example=date(2026, 12, 31),
    )
    note: str = setting("Your own words.", "", example="ticket 4711")


@frozen
class Access:
    """
    Who may talk to a service at all: one table for each of smtp, submission,
    lmtp, imap, pop3, managesieve and web. Those without a table are open.
    """

    mode: AccessMode = setting(
        "grant-all-except, or deny-all-except, the entries.", AccessMode.GRANT
    )
    networks: tuple[str, ...] = setting(
        "Entries: addresses, networks, or address and mask.",
        (),
        each=f.network,
        example=("203.0.113.9", "2001:db8:bad::/48"),
    )
    file: FilePath = setting(
        "A file with more of them, one a line: NETWORK [until=2026-12-31] "
        "[# note].",
        FilePath(""),
        example="/etc/imailpy/smtp-access.txt",
    )
    answer: AccessAnswer = setting(
        "What SMTP says: 421 closes; 554 lets the client stay and answers "
        "503 to everything but QUIT. IMAP says BYE, POP3 -ERR.",
        AccessAnswer.CLOSE,
    )
    entries: tuple[Entry, ...] = setting("Entries with an end or a note.", ())


def _weight(doc: str, default: int) -> int:
    weight: int = setting(doc, default, check=f.within(0, 10_000))
    return weight


@frozen
class Weights:
    """What each sign of attack counts toward a ban; 0: nothing."""

    http: int = _weight("A browser's request on a mail port.", 100)
    tls_junk: int = _weight("TLS on a port that speaks plain text.", 10)
    long_command: int = _weight("A command that is far too long.", 50)
    early_talk: int = _weight(
        "Speaking before the greeting, where [smtp] refuse_early_talk.", 20
    )
    bad_commands: int = _weight("Sent away for too many mistakes.", 34)
    junk_commands: int = _weight("Sent away for too many idle commands.", 34)
    smuggling: int = _weight(
        "Bare line ends and broken framing, as in attempts to smuggle.", 50
    )
    too_slow: int = _weight("Sent away for a message that never came.", 20)
    unknown_recipients: int = _weight(
        "So many unknown recipients as [harvest] most.", 50
    )
    failed_login: int = _weight("A login that failed.", 4)


@frozen
class Bans:
    """
    Addresses that show signs of attack stay out for a time, from all
    services: one IPv4 address, or one IPv6 /64. See imailctl ban.
    """

    enabled: bool = setting("Whether anybody is banned at all.", True)
    score: int = setting(
        "Signs that make so much together ban their address.",
        100,
        check=f.within(1, 10**6),
    )
    window_minutes: int = setting(
        "Within so much time.", 10, check=f.within(1, 1440)
    )
    first_minutes: float = setting(
        "How long the first ban is.", 10.0, check=f.within(0.1, 525_600)
    )
    growth: float = setting(
        "Each further ban is so many times as long.",
        4.0,
        check=f.within(1, 100),
    )
    longest_hours: float = setting(
        "And never longer than this.", 24.0, check=f.within(0.01, 8760)
    )
    repeat_days: float = setting(
        "So long a ban that is over is remembered.",
        7.0,
        check=f.within(0, 365),
    )
    most: int = setting(
        "Bans that are kept; the oldest make place.",
        100_000,
        check=f.within(10, 10**6),
    )
    exempt: tuple[str, ...] = setting(
        "Networks that are never banned but by hand.",
        ("127.0.0.0/8", "::1"),
        each=f.network,
    )
    weights: Weights = section(Weights)


@frozen
class Harvest:
    """Unknown recipients, of one connection or of one address together."""

    slow_after: int = setting(
        "After so many each answer is late; 0: never.",
        10,
        check=f.within(0, 10**6),
    )
    delay_s: float = setting(
        "So much, and as much more with each, 10 at most.",
        1.0,
        check=f.within(0, 10),
    )
    most: int = setting(
        "After so many the next recipient gets 421; 0: never.",
        25,
        check=f.within(0, 10**6),
    )
    window_minutes: int = setting(
        "So long those of an address count.", 10, check=f.within(1, 1440)
    )


@frozen
class Stress:
    """
    When there is very much to do, clients that have not signed in get less
    time and fewer mistakes.
    """

    share: float = setting(
        "It begins at this share of [limits] total, or when the server falls "
        "a second behind; 0: never.",
        0.8,
        check=f.within(0, 1),
    )
    calm_s: float = setting(
        "It ends after so much calm.", 30.0, check=f.within(1, 3600)
    )
    timeout_s: float = setting(
        "How long smtp clients may take for anything then.",
        10.0,
        check=f.within(1, 300),
    )
    errors: int = setting(
        "Mistakes that they may make then.", 1, check=f.within(0, 1000)
    )
