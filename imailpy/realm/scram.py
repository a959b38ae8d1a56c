"""
What SCRAM is told about a name, whether or not there is such an account.

A name that does not exist, is disabled, or has no SCRAM secret gets one that
is made up: the same every time, after every restart, and with the same salt
length and iterations as real ones, so that asking tells nothing.
"""

from __future__ import annotations

import hmac
import unicodedata

from imailpy.interfaces.directory import Account, IDirectory
from imailpy.mail import ScramSecret, Secret
from imailpy.realm.checkers import account_named, needs_app_password
from imailpy.realm.names import read_login_name
from imailpy.realm.settings import LoginSettings

SALT_OCTETS = 16
SERVER_KEY = "scram.made-up"


async def scram_secret(
    directory: IDirectory, authcid: str, settings: LoginSettings
) -> ScramSecret:
    """Give the real secret, or one that no proof can match."""
    key = await directory.server_key(SERVER_KEY)
    account: Account | None = await account_named(directory, authcid, settings)
    account_id = "" if account is None else account.id
    secrets = await directory.secrets(account_id)
    # There is no proof of an app password: its letters are not kept.
    barred = await needs_app_password(directory, account_id, secrets)
    made_up = _made_up(key, authcid, settings)
    if account is None or not account.enabled or secrets.scram is None:
        return made_up
    if barred:
        return made_up
    return secrets.scram


def _made_up(key: bytes, authcid: str, settings: LoginSettings) -> ScramSecret:
    path = read_login_name(authcid, settings)
    # Every spelling of one name has the same salt, as a real one would.
    text = authcid if path is None else path.folded
    text = unicodedata.normalize("NFC", text).casefold()
    name = text.encode(errors="replace")

    def draw(what: bytes) -> bytes:
        return hmac.digest(key, b"%b:%b" % (what, name), "sha256")

    return ScramSecret(
        draw(b"salt")[:SALT_OCTETS],
        settings.scram_iterations,
        Secret(draw(b"stored-key")),
        Secret(draw(b"server-key")),
    )
