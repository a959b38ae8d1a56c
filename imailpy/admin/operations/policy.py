"""Why, before it happens; and the order of the checks."""

from __future__ import annotations

import base64
import binascii

from imailpy.admin.conversation import Question
from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain
from imailpy.admin.rehearsals import Rehearsals
from imailpy.admin.spelling import checks_of
from imailpy.mail.facts import canonical_address

_MOST_TEXT = 1000


class Policy:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {"why.now": self.why_now, "policy.show": self.policy_show}

    async def why_now(
        self,
        sender: str,
        recipients: list[str],
        ip: str,
        helo: str = "",
        user: str = "",
        listener: str = "",
        message: str = "",
    ) -> Plain:
        """
        Play a client, and tell what it would hear, and why.

        `message` is base64.
        """
        rehearsals = self._rehearsals()
        for text in (sender, helo, user, *recipients):
            if len(text) > _MOST_TEXT or not text.isprintable():
                raise BadRequest(text, f"{text[:60]!r} fits in no command")
        if not recipients:
            raise BadRequest("recipients", "say at least one recipient")
        try:
            address = canonical_address(ip)
            octets = base64.b64decode(message, validate=True)
        except binascii.Error as error:
            raise BadRequest("message", f"message: {error}") from None
        except ValueError:
            raise BadRequest(ip, f"{ip!r} is not an IP address") from None
        question = Question(
            address,
            _bare(sender),
            tuple(_bare(each) for each in recipients),
            helo,
            user,
            octets,
        )
        answered = await rehearsals.rehearse(question, listener)
        return {"client": address, **rehearsals.plain(answered)}

    async def policy_show(self) -> Plain:
        """Every check in its order, and where it is configured."""
        rehearsals = self._rehearsals()
        policy = rehearsals.providers.realm.current.policy
        return [
            check
            for row in rehearsals.realm().books.pipeline.rows
            for check in checks_of(row, policy)
        ]

    def _rehearsals(self) -> Rehearsals:
        if self._house.rehearsals is None:
            raise BadRequest(
                "no configuration", "say --config FILE: nothing is running"
            )
        return self._house.rehearsals


def _bare(path: str) -> str:
    """`<a@b>` and `a@b` are the same."""
    return path.strip().removeprefix("<").removesuffix(">")
