"""imailctl account: what opens it beside its password, and its senders."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import click

from imailpy.cli.door import Door
from imailpy.cli.show import answer, spell, table

APP_COLUMNS = (
    "id",
    "note",
    "services",
    "networks",
    "expires_at",
    "used_at",
)
CERTIFICATE_COLUMNS = ("fingerprint", "note", "added_at")


def add_to(account: click.Group) -> None:
    """Add the verbs to `imailctl account`."""
    _add_show(account)
    _add_senders(account)
    _add_require(account)
    _add_app_passwords(account)
    _add_totp(account)
    _add_certificates(account)


def _add_show(account: click.Group) -> None:
    @account.command("show")
    @click.argument("address")
    @click.pass_obj
    def show(door: Door, address: str) -> None:
        """All about one account: addresses, senders, what opens it."""
        told = door.perform("account.show", address=address)
        lines = []
        for name, value in told.items():
            if name in ("app_passwords", "certificates"):
                value = [
                    each.get("id", each.get("fingerprint", ""))[:16]
                    + (f" ({each['note']})" if each["note"] else "")
                    for each in value
                ]
            lines.append(f"{name:20} {spell(name, value) or '-'}")
        answer(door, told, "\n".join(lines))


def _add_senders(account: click.Group) -> None:
    @account.command("grant")
    @click.argument("address")
    @click.argument("sender")
    @click.pass_obj
    def grant(door: Door, address: str, sender: str) -> None:
        """Let an account send as SENDER: an address, or @example.org."""
        made = door.perform("account.grant", address=address, sender=sender)
        answer(door, made, f"{address} may send as {made['granted']}")

    @account.command("revoke")
    @click.argument("address")
    @click.argument("sender")
    @click.pass_obj
    def revoke(door: Door, address: str, sender: str) -> None:
        """Take a granted sender back."""
        made = door.perform("account.revoke", address=address, sender=sender)
        answer(door, made, f"{address} may not send as {made['revoked']}")


def _add_require(account: click.Group) -> None:
    @account.command("require-app-passwords")
    @click.argument("address")
    @click.option("--off", is_flag=True, help="The password does again.")
    @click.pass_obj
    def require(door: Door, address: str, off: bool) -> None:
        """Let app passwords alone open the mail services."""
        made = door.perform(
            "account.require_app_passwords", address=address, required=not off
        )
        text = "opens" if off else "does not open"
        answer(door, made, f"{address}: its password {text} mail services")


def _add_app_passwords(account: click.Group) -> None:
    @account.group("app-password")
    def app_password() -> None:
        """Passwords for programs, one for each."""

    @app_password.command("add")
    @click.argument("address")
    @click.option("--note", default="", help="Which program it is for.")
    @click.option(
        "--service",
        "services",
        multiple=True,
        help="smtp, imap, pop3, managesieve or all; may be repeated.",
    )
    @click.option(
        "--network",
        "networks",
        multiple=True,
        help="From where it is good, such as 192.0.2.0/24; may be repeated.",
    )
    @click.option("--days", type=int, help="It expires after so many days.")
    @click.pass_obj
    def add(
        door: Door,
        address: str,
        note: str,
        services: tuple[str, ...],
        networks: tuple[str, ...],
        days: int | None,
    ) -> None:
        """Make one; it is shown this once."""
        made = door.perform(
            "account.app_password.add",
            address=address,
            note=note,
            services=list(services),
            networks=list(networks),
            expires_days=days,
        )
        answer(door, made, f"{made['password']}  (id {made['id']})")

    @app_password.command("list")
    @click.argument("address")
    @click.pass_obj
    def list_(door: Door, address: str) -> None:
        """Those of an account."""
        rows = door.perform("account.app_password.list", address=address)
        table(door, rows, APP_COLUMNS, "no app passwords")

    @app_password.command("remove")
    @click.argument("address")
    @click.argument("id_")
    @click.pass_obj
    def remove(door: Door, address: str, id_: str) -> None:
        """It opens nothing from now on."""
        made = door.perform(
            "account.app_password.remove", address=address, id=id_
        )
        answer(door, made, f"app password {id_} is gone")


def _add_totp(account: click.Group) -> None:
    @account.group("totp")
    def totp() -> None:
        """One-time codes: a second factor for people."""

    @totp.command("enable")
    @click.argument("address")
    @click.pass_obj
    def enable(door: Door, address: str) -> None:
        """Print what an authenticator reads; confirm it with a code."""
        made = door.perform("account.totp.enable", address=address)
        answer(
            door,
            made,
            f"{made['uri']}\nthen: imailctl account totp confirm {address} "
            "CODE",
        )

    @totp.command("confirm")
    @click.argument("address")
    @click.argument("code")
    @click.pass_obj
    def confirm(door: Door, address: str, code: str) -> None:
        """Switch the codes on; prints the recovery codes, this once."""
        made = door.perform("account.totp.confirm", address=address, code=code)
        answer(door, made, "\n".join(made["recovery_codes"]))

    @totp.command("check")
    @click.argument("address")
    @click.argument("code")
    @click.pass_context
    def check(context: click.Context, address: str, code: str) -> None:
        """Check a code and use it up; exits with 1 when it is wrong."""
        door: Door = context.obj
        made = door.perform("account.totp.verify", address=address, code=code)
        answer(
            door,
            made,
            f"{'right' if made['right'] else 'wrong'}: {made['reason']}",
        )
        context.exit(0 if made["right"] else 1)

    _add_recovery(totp)


def _add_recovery(totp: click.Group) -> None:
    @totp.command("recovery")
    @click.argument("address")
    @click.pass_obj
    def recovery(door: Door, address: str) -> None:
        """New recovery codes; the old ones are void."""
        made = door.perform("account.totp.recovery", address=address)
        answer(door, made, "\n".join(made["recovery_codes"]))

    @totp.command("disable")
    @click.argument("address")
    @click.pass_obj
    def disable(door: Door, address: str) -> None:
        """The password does again, mail programs too."""
        made = door.perform("account.totp.disable", address=address)
        answer(door, made, f"{address}: no one-time codes")


def fingerprint_of(file: str) -> str:
    """Give the SHA-256 of the first certificate in a PEM file."""
    text = Path(file).read_text(encoding="ascii", errors="replace")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    found = text.find(begin)
    behind = text.find(end, found)
    if found < 0 or behind < 0:
        raise click.BadParameter(f"{file}: no certificate in it")
    octets = ssl.PEM_cert_to_DER_cert(text[found : behind + len(end)])
    return hashlib.sha256(octets).hexdigest()


def _add_certificates(account: click.Group) -> None:
    @account.group("certificate")
    def certificate() -> None:
        """Client certificates that open an account."""

    @certificate.command("add")
    @click.argument("address")
    @click.option("--file", help="The certificate, PEM.")
    @click.option("--fingerprint", help="Its SHA-256 instead.")
    @click.option("--note", default="", help="Whose, or for what.")
    @click.pass_obj
    def add(
        door: Door,
        address: str,
        file: str | None,
        fingerprint: str | None,
        note: str,
    ) -> None:
        """Register one."""
        if (file is None) == (fingerprint is None):
            raise click.UsageError("say --file or --fingerprint")
        known = fingerprint_of(file) if file is not None else fingerprint
        made = door.perform(
            "account.certificate.add",
            address=address,
            fingerprint=known,
            note=note,
        )
        answer(door, made, f"{made['fingerprint']} opens {address}")

    @certificate.command("list")
    @click.argument("address")
    @click.pass_obj
    def list_(door: Door, address: str) -> None:
        """Those of an account."""
        rows = door.perform("account.certificate.list", address=address)
        table(door, rows, CERTIFICATE_COLUMNS, "no certificates")

    @certificate.command("remove")
    @click.argument("address")
    @click.argument("fingerprint")
    @click.pass_obj
    def remove(door: Door, address: str, fingerprint: str) -> None:
        """It opens the account no longer."""
        made = door.perform(
            "account.certificate.remove",
            address=address,
            fingerprint=fingerprint,
        )
        answer(door, made, f"{made['removed']} opens nothing")
