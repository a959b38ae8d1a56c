"""imailctl account."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from imailpy.cli import keys
from imailpy.cli.door import Door
from imailpy.cli.sending import add_limits
from imailpy.cli.show import answer, table

_F = TypeVar("_F", bound=Callable[..., Any])
COLUMNS = ("address", "enabled", "quota_octets", "id")
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def octets_of(text: str) -> int | None:
    """Read `500M`, `2G`, `none`."""
    if text.lower() == "none":
        return None
    unit = UNITS.get(text[-1:].lower())
    number = text if unit is None else text[:-1]
    if not (number.isascii() and number.isdigit()):
        raise click.BadParameter(f"{text}: want a number, 500M, 2G or none")
    return int(number) * (unit or 1)


def ask_password(from_stdin: bool) -> str:
    """Take a password from a prompt or stdin, never from an argument."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt(
        "Password", hide_input=True, confirmation_prompt=True
    )
    return password


password_options = (
    click.option(
        "--password-stdin",
        is_flag=True,
        help="Read the password from the first line of standard input.",
    ),
    click.option(
        "--scram/--no-scram",
        default=False,
        help="Keep a SCRAM-SHA-256 secret too; it is worth the password to "
        "whoever steals it.",
    ),
)


def hash_option(name: str) -> Callable[[_F], _F]:
    """Make the option that takes a hash of another server."""
    return click.option(
        name,
        "password_hash",
        metavar="HASH",
        help="Instead of a password its hash from another server: bcrypt, "
        "SHA512-CRYPT, SSHA or ARGON2ID; - reads it from standard input.",
    )


def proof(
    from_stdin: bool, password_hash: str | None, scram: bool
) -> dict[str, Any]:
    """Give the arguments that say by what the owner is known."""
    if password_hash is None:
        return {"password": ask_password(from_stdin), "scram": scram}
    if from_stdin or scram:
        raise click.UsageError(
            "with a hash there is no password, and no SCRAM secret"
        )
    if password_hash == "-":  # noqa: S105 (no password, but where it is)
        password_hash = sys.stdin.readline().strip()
    return {"password_hash": password_hash}


def add_to(main: click.Group) -> None:
    """Add the noun."""

    @main.group()
    def account() -> None:
        """People who have mailboxes."""

    _add_making(account)
    _add_looking(account)
    _add_changes(account)
    _add_switches(account)
    add_limits(account)
    keys.add_to(account)


def _add_making(account: click.Group) -> None:
    @account.command("add")
    @click.argument("address")
    @click.option("--quota", help="Such as 500M or 2G.")
    @password_options[0]
    @password_options[1]
    @hash_option("--password-hash")
    @click.pass_obj
    def add(
        door: Door,
        address: str,
        quota: str | None,
        password_stdin: bool,
        scram: bool,
        password_hash: str | None,
    ) -> None:
        """Make an account; its address is its login name."""
        made = door.perform(
            "account.add",
            address=address,
            quota_octets=octets_of(quota) if quota else None,
            **proof(password_stdin, password_hash, scram),
        )
        answer(door, made, f"{made['address']} may sign in now")


def _add_looking(account: click.Group) -> None:
    @account.command("list")
    @click.option("--domain", help="Only this domain's.")
    @click.pass_obj
    def list_(door: Door, domain: str | None) -> None:
        """All accounts."""
        rows = door.perform("account.list", domain=domain)
        table(door, rows, COLUMNS, "no accounts yet")


def _add_changes(account: click.Group) -> None:
    @account.command("password")
    @click.argument("address")
    @password_options[0]
    @password_options[1]
    @hash_option("--hash")
    @click.pass_obj
    def password(
        door: Door,
        address: str,
        password_stdin: bool,
        scram: bool,
        password_hash: str | None,
    ) -> None:
        """Give an account another password."""
        door.perform(
            "account.password",
            address=address,
            **proof(password_stdin, password_hash, scram),
        )
        answer(door, {"changed": address}, f"{address}: password changed")

    @account.command("quota")
    @click.argument("address")
    @click.argument("quota")
    @click.pass_obj
    def quota(door: Door, address: str, quota: str) -> None:
        """Limit what an account may keep: 500M, 2G, none."""
        made = door.perform(
            "account.quota", address=address, quota_octets=octets_of(quota)
        )
        answer(door, made, f"{address}: quota {quota}")


def _add_switches(account: click.Group) -> None:
    @account.command("enable")
    @click.argument("address")
    @click.pass_obj
    def enable(door: Door, address: str) -> None:
        """Let an account sign in."""
        made = door.perform("account.enable", address=address, enabled=True)
        answer(door, made, f"{address} may sign in")

    @account.command("disable")
    @click.argument("address")
    @click.pass_obj
    def disable(door: Door, address: str) -> None:
        """Let nobody sign in; mail is still taken."""
        made = door.perform("account.enable", address=address, enabled=False)
        answer(door, made, f"{address} may not sign in")

    @account.command("remove")
    @click.argument("address")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.pass_obj
    def remove(door: Door, address: str, yes: bool) -> None:
        """Remove an account with all its mail."""
        if not yes:
            click.confirm(f"Remove {address} and all its mail?", abort=True)
        door.perform("account.remove", address=address)
        answer(door, {"removed": address}, f"{address} is gone")
