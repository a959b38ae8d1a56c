"""The listeners that there are: the usual ones, as the file changes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import fields, frozen

from imailpy.config.schema import ListenerTable, ListenerTls, Service


@frozen
class Listener:
    """
    One listener.

    Attributes:
        name: Its table's name, in log and decisions.
        address: IP address; empty: all of this machine.
        port: 0 for any free one.
        auth: Whether users can sign in.
        plaintext_auth: Whether they can without TLS.
        open_relay: Whether relay policy `anyone` may hold here although it
            can be reached from outside.
        tls_client_ca: File of the authorities whose certificates clients are
            asked for; empty: they are not.
        optional: Whether the server starts without it when its port is taken.
        proxy: Who has to speak the PROXY protocol.
        proxy_direct: Whether others may connect, without it.
        proxy_header_s: For the header.
    """

    name: str
    enabled: bool
    service: Service
    address: str
    port: int
    tls: ListenerTls
    auth: bool
    plaintext_auth: bool = False
    optional: bool = False
    open_relay: bool = False
    proxy: tuple[str, ...] = ()
    proxy_direct: bool = False
    proxy_header_s: float = 10.0
    tls_client_ca: str = ""


_STARTTLS, _IMPLICIT = ListenerTls.STARTTLS, ListenerTls.IMPLICIT

# Port 25 takes mail from the world, and nobody signs in there [RFC5321];
# users have 465 [RFC8314 3.3] and 587 [RFC6409], and read through 993.
USUAL = {
    each.name: each
    for each in (
        Listener("smtp", True, Service.SMTP, "", 25, _STARTTLS, False),
        Listener(
            "submission", True, Service.SUBMISSION, "", 587, _STARTTLS, True
        ),
        Listener(
            "submissions", True, Service.SUBMISSION, "", 465, _IMPLICIT, True
        ),
        Listener(
            "lmtp",
            False,
            Service.LMTP,
            "127.0.0.1",
            24,
            ListenerTls.NONE,
            False,
        ),
        Listener("imaps", True, Service.IMAP, "", 993, _IMPLICIT, True),
        Listener("imap", False, Service.IMAP, "", 143, _STARTTLS, True),
        Listener("pop3s", False, Service.POP3, "", 995, _IMPLICIT, True),
        Listener("pop3", False, Service.POP3, "", 110, _STARTTLS, True),
    )
}

_WITHOUT_LOGIN = (Service.SMTP, Service.LMTP)


def listeners(tables: Mapping[str, ListenerTable]) -> Iterator[Listener]:
    """
    Give every listener, switched off ones too.

    A table without service or port that no usual listener has is left out:
    `checks` complains about it.
    """
    for name, usual in USUAL.items():
        table = tables.get(name)
        yield usual if table is None else _changed(usual, table)
    for name, table in tables.items():
        if name in USUAL or table.service is None or table.port is None:
            continue
        own = Listener(
            name,
            True,
            table.service,
            "",
            table.port,
            ListenerTls.STARTTLS,
            table.service not in _WITHOUT_LOGIN,
        )
        yield _changed(own, table)


def _changed(listener: Listener, table: ListenerTable) -> Listener:
    said = {
        field.name: getattr(table, field.name)
        for field in fields(ListenerTable)
        if getattr(table, field.name) is not None
    }
    values = {
        field.name: getattr(listener, field.name) for field in fields(Listener)
    }
    return Listener(**{**values, **said})
