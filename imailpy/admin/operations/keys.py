"""What opens an account beside its password, and whom it may send as."""

from __future__ import annotations

import re
from typing import Any

from attrs import evolve

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import (
    BadRequest,
    Operation,
    Plain,
    domain_of,
    path_of,
)
from imailpy.errors import MailError, ObjectExists, ObjectNotFound
from imailpy.interfaces.directory import (
    Account,
    AppPassword,
    KnownCertificate,
)
from imailpy.policy.networks import parse_network
from imailpy.realm.app_passwords import MOST_OF_ONE, SCOPES, AppPasswords
from imailpy.realm.avatar import identities
from imailpy.realm.second_factor import SecondFactors, spelt, uri

_DAY_S = 86_400
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_MOST_NOTE = 100


class Keys:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._directory = house.store.directory
        realm = None if house.server is None else house.server.realm
        # A running server's own: it counts wrong codes.
        self._factors = (
            SecondFactors(house.world, self._directory)
            if realm is None
            else realm.second_factors
        )
        self._app_passwords = AppPasswords(house.world, self._directory)

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {
            "account.show": self.account_show,
            "account.grant": self.account_grant,
            "account.revoke": self.account_revoke,
            "account.require_app_passwords": self.require_app_passwords,
            "account.app_password.add": self.app_password_add,
            "account.app_password.list": self.app_password_list,
            "account.app_password.remove": self.app_password_remove,
            "account.totp.enable": self.totp_enable,
            "account.totp.confirm": self.totp_confirm,
            "account.totp.verify": self.totp_verify,
            "account.totp.recovery": self.totp_recovery,
            "account.totp.disable": self.totp_disable,
            "account.certificate.add": self.certificate_add,
            "account.certificate.list": self.certificate_list,
            "account.certificate.remove": self.certificate_remove,
        }

    async def _account(self, address: str) -> Account:
        found = await self._directory.find(path_of(address))
        if not isinstance(found, Account):
            raise ObjectNotFound(address, f"no account {address}")
        return found

    async def account_show(self, address: str) -> Plain:
        """Everything about one account but its secrets."""
        account = await self._account(address)
        directory = self._directory
        secrets = await directory.secrets(account.id)
        factor = await directory.second_factor(account.id)
        kept = secrets.password_hash
        scheme = None if kept is None else secrets.imported or "argon2id"
        if kept is not None and kept.startswith("{SSHA}"):
            scheme = "ssha"
        totp = "off"
        if factor is not None:
            totp = "on" if factor.confirmed else "not confirmed yet"
        return {
            "id": account.id,
            "address": str(account.address),
            "enabled": account.enabled,
            "quota_octets": account.quota_octets,
            "password": scheme,
            "scram": secrets.scram is not None,
            "addresses": sorted(await identities(directory, account)),
            "granted": list(await directory.grants(account.id)),
            "app_passwords_only": secrets.app_passwords_only or totp == "on",
            "app_passwords": [
                _app_password(each)
                for each in await directory.app_passwords(account.id)
            ],
            "totp": totp,
            "recovery_codes": 0 if factor is None else len(factor.recovery),
            "certificates": [
                _certificate(each)
                for each in await directory.certificates(account.id)
            ],
        }

    # --- whom it may send as

    async def account_grant(self, address: str, sender: str) -> Plain:
        """Let an account send as somebody else."""
        account = await self._account(address)
        granted = _sender(sender)
        try:
            await self._directory.add_grant(account.id, granted)
        except ObjectExists:
            raise ObjectExists(
                sender, f"{address} may send as {granted} already"
            ) from None
        return {"address": str(account.address), "granted": granted}

    async def account_revoke(self, address: str, sender: str) -> Plain:
        """No longer."""
        account = await self._account(address)
        granted = _sender(sender)
        try:
            await self._directory.remove_grant(account.id, granted)
        except ObjectNotFound:
            raise ObjectNotFound(
                sender, f"{granted} was not granted to {address}"
            ) from None
        return {"address": str(account.address), "revoked": granted}

    # --- app passwords

    async def require_app_passwords(
        self, address: str, required: bool = True
    ) -> Plain:
        """Let the password itself open no mail service, or let it."""
        account = await self._account(address)
        secrets = await self._directory.secrets(account.id)
        await self._directory.set_secrets(
            account.id, evolve(secrets, app_passwords_only=required)
        )
        return {"address": address, "app_passwords_only": required}

    async def app_password_add(
        self,
        address: str,
        note: str = "",
        services: list[str] | None = None,
        networks: list[str] | None = None,
        expires_days: int | None = None,
    ) -> Plain:
        """Make an app password; it is told this once."""
        account = await self._account(address)
        kept = await self._directory.app_passwords(account.id)
        if len(kept) >= MOST_OF_ONE:
            raise BadRequest(
                address, f"{address} has {MOST_OF_ONE} app passwords already"
            )
        made, password = await self._app_passwords.make(
            account.id,
            note=_note(note),
            services=_services(services or []),
            networks=_networks(networks or []),
            expires_at=self._expiry(expires_days),
        )
        return {**_app_password(made), "password": password}

    def _expiry(self, days: int | None) -> float | None:
        if days is None:
            return None
        if not 1 <= days <= 3650:
            raise BadRequest(str(days), "an expiry is 1 to 3650 days away")
        return self._house.world.clock.now() + days * _DAY_S

    async def app_password_list(self, address: str) -> Plain:
        """The app passwords of an account, without the passwords."""
        account = await self._account(address)
        return [
            _app_password(each)
            for each in await self._directory.app_passwords(account.id)
        ]

    async def app_password_remove(self, address: str, id: str) -> Plain:
        """It opens nothing from now on."""
        account = await self._account(address)
        await self._directory.remove_app_password(account.id, id)
        return {"address": str(account.address), "removed": id}

    # --- one-time codes

    async def totp_enable(self, address: str) -> Plain:
        """Draw a secret for an authenticator; a code has to confirm it."""
        account = await self._account(address)
        try:
            secret = await self._factors.begin(account.id)
        except ObjectExists:
            raise ObjectExists(
                address, f"{address} has one-time codes already"
            ) from None
        issuer = self._house.world.host_name
        return {
            "address": str(account.address),
            "secret": spelt(secret),
            "uri": uri(secret, str(account.address), issuer),
        }

    async def totp_confirm(self, address: str, code: str) -> Plain:
        """Have the codes count from now on; gives the recovery codes."""
        account = await self._account(address)
        codes = await self._told(
            address, self._factors.confirm(account.id, code)
        )
        if codes is None:
            raise BadRequest("wrong code", "that is not the code of now")
        return {"address": str(account.address), "recovery_codes": codes}

    async def totp_verify(self, address: str, code: str) -> Plain:
        """Check a code, and use it up."""
        account = await self._account(address)
        checked = await self._factors.check(account.id, code)
        return {
            "right": checked.right,
            "reason": checked.reason,
            "recovery_codes": checked.recovery_left,
        }

    async def totp_recovery(self, address: str) -> Plain:
        """Draw recovery codes; the old ones are void."""
        account = await self._account(address)
        codes = await self._told(
            address, self._factors.renew_recovery(account.id)
        )
        return {"address": str(account.address), "recovery_codes": codes}

    async def totp_disable(self, address: str) -> Plain:
        """A password does again."""
        account = await self._account(address)
        await self._told(address, self._factors.disable(account.id))
        return {"address": str(account.address), "totp": "off"}

    async def _told(self, address: str, doing: Any) -> Any:
        """Have it done; errors name the address, not the id."""
        try:
            return await doing
        except ObjectNotFound:
            why = f"{address} has no one-time codes; begin with totp enable"
            raise ObjectNotFound(address, why) from None
        except ObjectExists:
            why = f"the one-time codes of {address} are confirmed already"
            raise ObjectExists(address, why) from None

    # --- client certificates

    async def certificate_add(
        self, address: str, fingerprint: str, note: str = ""
    ) -> Plain:
        """Let a client certificate open an account."""
        account = await self._account(address)
        added = KnownCertificate(
            _fingerprint(fingerprint),
            _note(note),
            self._house.world.clock.now(),
        )
        try:
            await self._directory.add_certificate(account.id, added)
        except ObjectExists:
            raise ObjectExists(
                fingerprint, "the certificate is registered already"
            ) from None
        return _certificate(added)

    async def certificate_list(self, address: str) -> Plain:
        """The certificates that open an account."""
        account = await self._account(address)
        return [
            _certificate(each)
            for each in await self._directory.certificates(account.id)
        ]

    async def certificate_remove(
        self, address: str, fingerprint: str
    ) -> Plain:
        """It opens the account no longer."""
        account = await self._account(address)
        known = _fingerprint(fingerprint)
        try:
            await self._directory.remove_certificate(account.id, known)
        except ObjectNotFound as error:
            raise _renamed(error, fingerprint) from None
        return {"address": str(account.address), "removed": known}


def _renamed(error: MailError, fingerprint: str) -> MailError:
    return type(error)(fingerprint, "that certificate is not registered to it")


def _sender(text: str) -> str:
    """Read an address or `@domain` into the form that is kept."""
    if text.startswith("@"):
        return f"@{domain_of(text[1:])}"
    return path_of(text).folded


def _note(text: str) -> str:
    if len(text) > _MOST_NOTE or not text.isprintable():
        raise BadRequest(
            "note", f"a note has at most {_MOST_NOTE} printable characters"
        )
    return text


def _services(names: list[str]) -> frozenset[str]:
    """Read scopes; `all` and none at all are every one of them."""
    wanted = {"smtp" if name == "submission" else name for name in names}
    if "all" in wanted:
        return frozenset()
    unknown = wanted - set(SCOPES)
    if unknown:
        raise BadRequest(
            "services",
            f"{', '.join(sorted(unknown))}: want {', '.join(SCOPES)} or all",
        )
    return frozenset(wanted)


def _networks(texts: list[str]) -> tuple[str, ...]:
    try:
        return tuple(parse_network(text).text for text in texts)
    except ValueError as error:
        raise BadRequest("networks", str(error)) from None


def _fingerprint(text: str) -> str:
    known = text.replace(":", "").replace(" ", "").lower()
    if _FINGERPRINT.fullmatch(known) is None:
        raise BadRequest(
            text, "want the SHA-256 fingerprint, 64 hexadecimal digits"
        )
    return known


def _app_password(kept: AppPassword) -> dict[str, Plain]:
    return {
        "id": kept.id,
        "note": kept.note,
        "services": sorted(kept.services) or ["all"],
        "networks": list(kept.networks) or ["all"],
        "created_at": kept.created_at,
        "expires_at": kept.expires_at,
        "used_at": kept.used_at,
    }


def _certificate(known: KnownCertificate) -> dict[str, Plain]:
    return {
        "fingerprint": known.fingerprint,
        "note": known.note,
        "added_at": known.added_at,
    }
