"""What an operator typed, and what is told back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from imailpy.errors import MailError, StoreRefused
from imailpy.mail import Path
from imailpy.mail.path import canonical_domain

# What JSON knows.
Plain = Any
Operation = Callable[..., Awaitable[Plain]]


class BadRequest(MailError):
    """The operator's words are off."""

    temporary = False


def complaint_of(error: MailError) -> str:
    """
    Tell an operator what went wrong.

    Whoever may ask owns the store: where `public` is but the stock phrase of
    its kind, `private` is told too, and names the object that is meant.
    """
    if error.public != type(error).public:
        return error.public
    if isinstance(error, StoreRefused):
        return error.private
    return f"{error.public}: {error.private}"


def path_of(text: str) -> Path:
    """Read an address that an operator typed; `BadRequest` if it is none."""
    try:
        return Path.parse(text)
    except ValueError as error:
        raise BadRequest(
            f"{text}: {error}", f"{text!r} is no address: {error}"
        ) from None


def domain_of(text: str) -> str:
    """Read a domain that an operator typed; `BadRequest` if it is none."""
    try:
        name = canonical_domain(text)
    except ValueError as error:
        raise BadRequest(
            f"{text}: {error}", f"{text!r} is no domain: {error}"
        ) from None
    if name.startswith("["):
        raise BadRequest(text, "an address literal cannot be a domain here")
    return name
