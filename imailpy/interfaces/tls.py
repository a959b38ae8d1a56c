"""Certificates and contexts."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import Any

from zope.interface import Interface

from imailpy.mail import ClientCertificate


class ITls(Interface):
    """Context factories; a reload swaps the certificates behind them."""

    def server(alpn: str) -> Any:
        """
        Give the context factory for a listener, for `startTLS` or `listen`.

        Args:
            alpn: `smtp`, `imap`, `pop3` or `managesieve`: a client that
                offers ALPN and not this one gets the alert
                no_application_protocol; one without ALPN is welcome.
        """

    def client(host_name: str, *, verify: bool) -> Any:
        """
        Give the context factory for a stream to `host_name`.

        Args:
            host_name: For SNI, and for the check where `verify` is set.
            verify: False for opportunistic TLS [RFC7435].
        """

    def exporter(transport: Any) -> bytes | None:
        """
        The 32 octets of `EXPORTER-Channel-Binding`, context b"" [RFC9266],
        of a TLS transport; None where there is none.
        """

    def client_certificate(transport: Any) -> ClientCertificate | None:
        """
        What the client of a TLS transport has shown and what was verified;
        None without, and where nobody has asked for one.
        """

    def asking(client_ca: str) -> Any:
        """
        Give the same `ITls`, whose server contexts ask clients for a
        certificate signed by an authority in the file `client_ca`, one of
        those in the settings. A client without one is welcome; one whose
        certificate is not good fails the handshake.
        """

    def description(transport: Any) -> str:
        """
        Such as `TLSv1.3 TLS_AES_256_GCM_SHA384`, for the Received field and
        the log; empty without TLS or before the handshake.
        """

    def reload() -> None:
        """
        Read the files again.

        Raises:
            imailpy.errors.MailError: And the old ones stay in use.
        """
