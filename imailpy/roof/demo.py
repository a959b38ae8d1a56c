"""Everything that a demonstration needs and a real server has already."""

from __future__ import annotations

from contextlib import suppress

from imailpy.admin.operations import Operations
from imailpy.config.demo import (
    ACCOUNTS,
    DOMAIN,
    certificate_directory,
    demo,
)
from imailpy.errors import ObjectExists
from imailpy.interfaces.store import Acceptance, IStore, MailboxDelivery
from imailpy.interfaces.world import IWorld
from imailpy.mail import NULL_PATH, Path
from imailpy.message.build import header_field
from imailpy.message.date import format_date
from imailpy.tls import selfsigned

FILE_NAME = "imailpy.toml"

_WELCOME = """\
Welcome to imailpy.

You are reading the mail of {name} in a demonstration: a whole mail server on
this machine, with everything it keeps in one folder.

Things to try:

  * send a mail to yourself and watch it come in (IDLE);
  * send one to somebody elsewhere: without a smart host it is caught in the
    mailbox "Outside" of postmaster@{domain};
  * imailctl --data FOLDER status, queue list, account list.
"""


def write(
    world: IWorld, directory: str, port_offset: int, smarthost: str | None
) -> str:
    """
    Write a demonstration's configuration and certificate.

    Returns:
        The path of the configuration.

    Raises:
        ValueError: With words for the operator.
    """
    text = demo(directory, port_offset=port_offset, smarthost=smarthost)
    world.disk.make_directory(directory)
    selfsigned.ensure(
        world,
        certificate_directory(directory),
        ["localhost", f"mail.{DOMAIN}"],
        ["127.0.0.1", "::1"],
    )
    path = f"{directory}/{FILE_NAME}"
    world.disk.replace(path, text.encode())
    return path


async def people(operations: Operations) -> None:
    """Make the accounts and some mail, once."""
    with suppress(ObjectExists):
        await operations.perform("domain.add", {"name": DOMAIN})
        for name, password in ACCOUNTS:
            address = f"{name}@{DOMAIN}"
            made = await operations.perform(
                "account.add",
                {"address": address, "password": password, "scram": True},
            )
            await _welcome(operations, made["id"], address)


async def _welcome(
    operations: Operations, account_id: str, address: str
) -> None:
    store: IStore = operations.store
    world = operations.world
    now = world.clock.now()
    path = Path.parse(address)
    incoming = store.spool.incoming()
    head = b"".join(
        (
            header_field("From", f"imailpy <postmaster@{DOMAIN}>"),
            header_field("To", address),
            header_field("Subject", "Welcome to imailpy"),
            header_field("Date", format_date(now)),
            header_field("Message-ID", f"<{world.random.token()}@{DOMAIN}>"),
            header_field("MIME-Version", "1.0"),
            header_field("Content-Type", "text/plain; charset=utf-8"),
        )
    )
    text = _WELCOME.format(name=path.local_part, domain=DOMAIN)
    incoming.write(head + b"\r\n" + text.replace("\n", "\r\n").encode())
    await store.accept(
        Acceptance(
            delivery_id=world.random.token(),
            received_at=now,
            reverse_path=NULL_PATH,
            body=incoming.finish(),
            deliveries=(
                MailboxDelivery(
                    account_id, "INBOX", b"Return-Path: <>\r\n", path
                ),
            ),
        )
    )


def instructions(found: dict[str, int], directory: str, imailctl: str) -> str:
    """
    Tell how to send and read a mail.

    Args:
        found: Listener -> port; one that could not be had is not there.
        imailctl: Path of the program.
    """
    name, password = ACCOUNTS[0]
    user = f"{name}@{DOMAIN}"
    ports = "\n".join(f"  {name:12} {port}" for name, port in found.items())
    people = "\n".join(
        f"  {each + '@' + DOMAIN:24} {secret}" for each, secret in ACCOUNTS
    )
    return f"""
imailpy demo, everything is in {directory}

ports
{ports}
accounts and passwords
{people}
send a mail
  printf 'Subject: hello\\r\\n\\r\\nHello.\\r\\n' | curl -s \
smtp://127.0.0.1:{found["smtp"]} --mail-from me@outside.test \
--mail-rcpt {user} -T -
read it
  curl -s 'imap://127.0.0.1:{found["imap"]}/INBOX;MAILINDEX=*' \
-u {user}:{password}
look around
  {imailctl} --data {directory} status
"""
