"""
One-time codes: TOTP [RFC6238], and codes for the day the device is lost.

For the web pages and the remote command line, where a person signs in. Mail
programs cannot ask for a code: an account with TOTP opens the mail services
with app passwords only (or a client certificate), see `checkers`.

A code is six digits of HMAC-SHA1 over the number of the 30-second step
[RFC4226 5.3], the only kind that every authenticator knows. A step before and
one after are taken as well, for clocks that are off [RFC6238 5.2]; no step is
taken twice, nor one older than the last, also after a restart. Of recovery
codes an HMAC is kept; each is good once.

Three codes of a million are right at any moment. Ten wrong ones an hour are
looked at for each account; then all are refused for a while. So guessing for
a year finds one with a chance of a quarter, and needs the password first.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections import OrderedDict
from urllib.parse import quote, urlencode

from attrs import evolve, frozen

from imailpy.errors import ObjectExists, ObjectNotFound
from imailpy.interfaces.directory import IDirectory, SecondFactor
from imailpy.interfaces.world import IWorld
from imailpy.mail import Secret
from imailpy.realm.app_passwords import draw_letters

STEP_S = 30
DIGITS = 6
# As long as SHA-1's own output [RFC4226 4].
SECRET_OCTETS = 20
STEPS_OFF = (0, -1, 1)

RECOVERY_CODES = 10
# 47 bits; they are tried as slowly as the others.
_RECOVERY_LETTERS = 10
SERVER_KEY = "recovery-codes"

MOST_WRONG = 10
WRONG_SPAN_S = 3600.0
MOST_WATCHED = 10_000

_CODE = re.compile(rf"[0-9]{{{DIGITS}}}")


def code_of(secret: bytes, step: int) -> str:
    """Give the code of a step [RFC4226 5.3]."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: bytes, code: str, now: float) -> int | None:
    """Give the step that a code is of, None if of none near `now`."""
    found = None
    for off in STEPS_OFF:
        step = int(now) // STEP_S + off
        if step < 0:
            continue
        right = code_of(secret, step)
        if hmac.compare_digest(right, code) and found is None:
            found = step
    return found


def spelt(secret: Secret) -> str:
    """Spell a secret as authenticators take it: base32."""
    return base64.b32encode(secret.reveal()).decode("ascii").rstrip("=")


def uri(secret: Secret, address: str, issuer: str) -> str:
    """Give what authenticators read from a QR code."""
    label = quote(f"{issuer}:{address}", safe="")
    told = urlencode(
        {
            "secret": spelt(secret),
            "issuer": issuer,
            "algorithm": "SHA1",
            "digits": DIGITS,
            "period": STEP_S,
        },
        quote_via=quote,
    )
    return f"otpauth://totp/{label}?{told}"


@frozen
class Checked:
    """
    What came of a code.

    Attributes:
        right: The owner is there.
        reason: For the log.
        recovery_left: Recovery codes that are left.
    """

    right: bool
    reason: str
    recovery_left: int = 0


class SecondFactors:
    """Asks for the second factor, and knows whose it is."""

    def __init__(self, world: IWorld, directory: IDirectory) -> None:
        self._world = world
        self._directory = directory
        # Account -> when its codes were wrong, the last `MOST_WRONG`.
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    async def required(self, account_id: str) -> bool:
        """Whether a password alone does not do."""
        factor = await self._directory.second_factor(account_id)
        return factor is not None and factor.confirmed

    async def begin(self, account_id: str) -> Secret:
        """
        Draw a secret; it counts once a code of it was shown.

        Raises:
            ObjectExists: The account has one that counts.
            ObjectNotFound: No such account.
        """
        if await self.required(account_id):
            raise ObjectExists(f"one-time codes of {account_id}")
        secret = Secret(self._world.random.octets(SECRET_OCTETS))
        await self._directory.set_second_factor(
            account_id, SecondFactor(secret)
        )
        return secret

    async def confirm(self, account_id: str, code: str) -> list[str] | None:
        """
        Have the secret count, if the owner's device knows it.

        Returns:
            Recovery codes, which nobody can tell again; None: a wrong code.

        Raises:
            ObjectNotFound: Nothing was begun.
            ObjectExists: It counts already.
        """
        factor = await self._directory.second_factor(account_id)
        if factor is None:
            raise ObjectNotFound(f"one-time codes of {account_id}")
        if factor.confirmed:
            raise ObjectExists(f"one-time codes of {account_id}")
        if not (await self._take(account_id, factor, code)).right:
            return None
        # The step of this very code is used up now.
        factor = await self._directory.second_factor(account_id) or factor
        return await self._new_codes(
            account_id, evolve(factor, confirmed=True)
        )

    async def renew_recovery(self, account_id: str) -> list[str]:
        """
        Draw recovery codes; the old ones are void.

        Raises:
            ObjectNotFound: The account has no one-time codes.
        """
        factor = await self._directory.second_factor(account_id)
        if factor is None or not factor.confirmed:
            raise ObjectNotFound(f"one-time codes of {account_id}")
        return await self._new_codes(account_id, factor)

    async def check(self, account_id: str, code: str) -> Checked:
        """
        Check a code of an account whose password was right.

        Args:
            code: Six digits, or a recovery code; blanks and hyphens do not
                matter.
        """
        factor = await self._directory.second_factor(account_id)
        if factor is None or not factor.confirmed:
            return Checked(False, "the account has no one-time codes")
        return await self._take(account_id, factor, code)

    async def disable(self, account_id: str) -> None:
        """
        No codes any more.

        Raises:
            ObjectNotFound: There were none.
        """
        if await self._directory.second_factor(account_id) is None:
            raise ObjectNotFound(f"one-time codes of {account_id}")
        await self._directory.set_second_factor(account_id, None)
        self._wrong.pop(account_id, None)

    # Inside

    async def _take(
        self, account_id: str, factor: SecondFactor, code: str
    ) -> Checked:
        left = len(factor.recovery)
        if self._too_many(account_id):
            return Checked(False, "too many wrong codes within an hour", left)
        # Counted before anything is awaited: who tries many at once is told
        # no sooner.
        self._count(account_id)
        code = re.sub(r"[\s-]", "", code).lower()
        if _CODE.fullmatch(code):
            checked = await self._step(account_id, factor, code)
        else:
            checked = await self._recovery(account_id, factor, code)
        if checked.right:
            self._uncount(account_id)
        return checked

    async def _step(
        self, account_id: str, factor: SecondFactor, code: str
    ) -> Checked:
        left = len(factor.recovery)
        now = self._world.clock.now()
        step = matching_step(factor.secret.reveal(), code, now)
        if step is None:
            return Checked(False, "wrong code", left)
        if not await self._directory.use_step(account_id, step):
            return Checked(False, "the code was used before", left)
        return Checked(True, "one-time code", left)

    async def _recovery(
        self, account_id: str, factor: SecondFactor, code: str
    ) -> Checked:
        left = len(factor.recovery)
        digest = await self._digest(account_id, code)
        if not await self._directory.use_recovery(account_id, digest):
            return Checked(False, "wrong code", left)
        return Checked(True, "recovery code", left - 1)

    async def _new_codes(
        self, account_id: str, factor: SecondFactor
    ) -> list[str]:
        codes = [
            draw_letters(self._world.random, _RECOVERY_LETTERS)
            for _ in range(RECOVERY_CODES)
        ]
        kept = tuple([await self._digest(account_id, each) for each in codes])
        await self._directory.set_second_factor(
            account_id, evolve(factor, recovery=kept)
        )
        half = _RECOVERY_LETTERS // 2
        return [f"{each[:half]}-{each[half:]}" for each in codes]

    async def _digest(self, account_id: str, code: str) -> Secret:
        key = await self._directory.server_key(SERVER_KEY)
        message = f"{account_id}:{code}".encode(errors="replace")
        return Secret(hmac.digest(key, message, "sha256"))

    def _too_many(self, account_id: str) -> bool:
        now = self._world.clock.monotonic()
        wrong = self._wrong.get(account_id, [])
        lately = [at for at in wrong if now - at < WRONG_SPAN_S]
        return len(lately) >= MOST_WRONG

    def _count(self, account_id: str) -> None:
        wrong = self._wrong.setdefault(account_id, [])
        wrong.append(self._world.clock.monotonic())
        del wrong[:-MOST_WRONG]
        self._wrong.move_to_end(account_id)
        if len(self._wrong) > MOST_WATCHED:
            self._wrong.popitem(last=False)

    def _uncount(self, account_id: str) -> None:
        """That one was right; those before it stay counted."""
        wrong = self._wrong.get(account_id)
        if wrong:
            wrong.pop()
