"""
The Date field: read tolerantly, written strictly [RFC5322 3.3, 4.3].

    Thu, 15 Feb 2007 01:02:03 +0200
    15 Feb 07 01:02 EST (a comment)
    Thu Feb 15 01:02:03 2007                       (asctime, seen often)
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from attrs import frozen

_EPOCH = date(1970, 1, 1).toordinal()
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
)
_MONTH_NUMBERS = {
    name.lower().encode(): number for number, name in enumerate(_MONTHS, 1)
}
# Hours from UTC of the obsolete names; all others are UTC [RFC5322 4.3].
_ZONES = {
    b"est": -5,
    b"edt": -4,
    b"cst": -6,
    b"cdt": -5,
    b"mst": -7,
    b"mdt": -6,
    b"pst": -8,
    b"pdt": -7,
}
_TIME = rb"(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,]\d{1,9})?)?"
_ZONE = (
    rb"(?:\s*+([+-])\s?(\d{4}|\d{1,2}:?\d{2}|\d{1,2})|\s*+([A-Za-z]{1,5}))?"
)
_DATE = re.compile(
    rb"\s*+(?:[A-Za-z]{3,9}\.?[\s,]*+)?(\d{1,2})[\s-]*+([A-Za-z]{3})"
    rb"[a-z]{0,6}\.?[\s,-]*+(\d{2,4})(?:[\s,]*+" + _TIME + rb")?" + _ZONE
)
_ASCTIME = re.compile(
    rb"\s*+[A-Za-z]{3,9}\.?[\s,]++([A-Za-z]{3})[a-z]{0,6}\.?\s++(\d{1,2}),?"
    rb"\s++(?:" + _TIME + rb")(?:\s++[A-Z]{3,4})?\s++(\d{4})" + _ZONE
)
_COMMENT = re.compile(rb"\([^()]*+\)")
# As nearly all programs write it, with a time and a zone that can be.
_USUAL = re.compile(
    rb"(?:[A-Z][a-z]{2}, )?(\d{1,2} [A-Z][a-z]{2} \d{4}) "
    rb"([01]\d|2[0-3]):([0-5]\d):([0-5]\d) ([+-](?:[01]\d|2[0-3])[0-5]\d)"
    rb"(?: \([A-Z]{1,5}\))?"
)


@frozen
class SentDate:
    """
    When a message says it was sent.

    Attributes:
        seconds: Since 1970, UTC; negative before.
        day: Days since 1970 of the date as written, in its own zone.
    """

    seconds: int
    day: int


def parse_date(value: bytes) -> SentDate | None:
    """
    Read an unfolded Date value; None when there is no date in it.

    A time that cannot be is 00:00:00, a zone that cannot be is UTC
    [RFC5256 2.2].
    """
    return _parse_short(value) if len(value) <= 64 else _parse(value[:256])


def _parse(value: bytes) -> SentDate | None:
    match = _USUAL.fullmatch(value)
    if match:
        written, clock, minutes, seconds, zone = match.groups()
        day = _usual_day(written)
        if day is None:
            return None
        moment = int(clock) * 3600 + int(minutes) * 60 + int(seconds)
        return SentDate(day * 86400 + moment - _usual_zone(zone), day)
    return _parse_unusual(value)


# Mail comes in bursts: many messages have one second.
_parse_short = lru_cache(maxsize=256)(_parse)


def _parse_unusual(value: bytes) -> SentDate | None:
    if value.find(b"(") >= 0:
        value = _COMMENT.sub(b" ", value)
    match = _DATE.match(value)
    if match:
        day, month, year, *rest = match.groups()
    else:
        match = _ASCTIME.match(value)
        if not match:
            return None
        month, day, hour, minute, second, year, *rest = match.groups()
        rest = [hour, minute, second, *rest]
    ordinal = _ordinal(year, month, day)
    if ordinal is None:
        return None
    hour, minute, second, sign, digits, name = rest
    seconds = ordinal * 86400 + _time(hour, minute, second)
    return SentDate(seconds - _zone(sign, digits, name), ordinal)


@lru_cache(maxsize=256)
def _usual_day(written: bytes) -> int | None:
    day, month, year = written.split(b" ")
    return _ordinal(year, month, day)


@lru_cache(maxsize=64)
def _usual_zone(written: bytes) -> int:
    return _zone(written[:1], written[1:], None)


@lru_cache(maxsize=256)
def _ordinal(year: bytes, month: bytes, day: bytes) -> int | None:
    """Give days since 1970."""
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 50 else 1900
    elif len(year) == 3:
        number += 1900
    month_number = _MONTH_NUMBERS.get(month.lower(), 0)
    try:
        return date(number, month_number, int(day)).toordinal() - _EPOCH
    except ValueError:
        return None


def _time(
    hour: bytes | None, minute: bytes | None, second: bytes | None
) -> int:
    hours, minutes, seconds = (
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
    )
    if hours > 23 or minutes > 59 or seconds > 60:
        return 0
    return hours * 3600 + minutes * 60 + seconds


def _zone(sign: bytes | None, digits: bytes | None, name: bytes | None) -> int:
    """Give the zone's seconds east of UTC."""
    if name:
        return _ZONES.get(name.lower(), 0) * 3600
    if not digits:
        return 0
    number = int(digits.replace(b":", b""))
    if len(digits) <= 2:
        number *= 100
    hours, minutes = divmod(number, 100)
    if minutes > 59 or hours > 23:
        return 0
    seconds = hours * 3600 + minutes * 60
    return -seconds if sign == b"-" else seconds


@lru_cache(maxsize=64)
def _day_text(day: int) -> str:
    then = date.fromordinal(day + _EPOCH)
    month = _MONTHS[then.month - 1]
    return f"{_DAYS[then.weekday()]}, {then.day} {month} {then.year:04}"


def format_date(seconds: float, zone_minutes: int = 0) -> str:
    """
    Write a date-time [RFC5322 3.3].

    Args:
        seconds: Since 1970, UTC.
        zone_minutes: East of UTC.
    """
    return _date_text(int(seconds), zone_minutes)


@lru_cache(maxsize=64)
def _date_text(seconds: int, zone_minutes: int) -> str:
    day, second = divmod(seconds + zone_minutes * 60, 86400)
    hour, second = divmod(second, 3600)
    minute, second = divmod(second, 60)
    sign = "-" if zone_minutes < 0 else "+"
    zone_hour, zone_minute = divmod(abs(zone_minutes), 60)
    return (
        f"{_day_text(day)} {hour:02}:{minute:02}:{second:02} "
        f"{sign}{zone_hour:02}{zone_minute:02}"
    )
