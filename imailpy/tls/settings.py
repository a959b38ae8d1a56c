"""What an operator may set about TLS."""

from __future__ import annotations

from attrs import frozen


@frozen
class CertificateFiles:
    """
    One certificate and its key, in PEM.

    Attributes:
        chain_file: The certificate, then those that signed it.
        key_file: Its private key, unencrypted; readable by its owner alone.
    """

    chain_file: str
    key_file: str


@frozen
class TlsSettings:
    """
    Settings of the room.

    Attributes:
        certificates: The client's SNI chooses among their names; the first
            one is for all other names, and for clients without SNI.
        legacy: Whether the `smtp` service also speaks TLS 1.0 and 1.1 with
            senders that know nothing better [SECURITY B2.11].
        trust_file: PEM certificates that a verified client connection
            trusts; None: those of the operating system.
        client_ca_files: PEM certificates of authorities, for listeners that
            ask their clients for certificates.
    """

    certificates: tuple[CertificateFiles, ...] = ()
    legacy: bool = False
    trust_file: str | None = None
    client_ca_files: tuple[str, ...] = ()
