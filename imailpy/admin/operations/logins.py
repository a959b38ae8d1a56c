"""Logins: what one would come to."""

from __future__ import annotations

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain
from imailpy.mail import PasswordCredentials, Secret, TokenCredentials


class Logins:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {"login.test": self.test}

    async def test(
        self,
        address: str,
        password: str | None = None,
        token: str | None = None,
    ) -> Plain:
        """
        Go through a login step by step, with a password or with a token.

        Nobody is signed in and nothing is counted; an account that the login
        would make is made.
        """
        if (password is None) == (token is None):
            raise BadRequest("login.test", "give a password or a token")
        server = self._house.server
        realm = None if server is None else server.realm
        checkers = None if realm is None else realm.checkers
        if checkers is None:
            raise BadRequest(
                "offline", "no server is running: only that one can tell"
            )
        credentials: PasswordCredentials | TokenCredentials
        if token is not None:
            credentials = TokenCredentials(
                address, Secret(token.encode(errors="replace"))
            )
        else:
            credentials = PasswordCredentials(
                address, Secret((password or "").encode(errors="replace"))
            )
        steps = await checkers.rehearse(credentials)
        return {
            "address": address,
            "accepted": steps[-1][1] == "accepted",
            "steps": [{"step": step, "found": found} for step, found in steps],
        }
