"""Certificate and key files, read and checked before anything uses them."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from imailpy.errors import MailError
from imailpy.interfaces.world import IWorld
from imailpy.mail import ClientCertificate
from imailpy.tls.settings import CertificateFiles


class CertificateUnusable(MailError):
    """A file cannot be read, or does not hold what it should."""

    temporary = False


@frozen
class Certificate:
    """
    A certificate with its key, ready to be used.

    Attributes:
        files: Where it came from.
        chain: The certificate first.
        key: A private key of `cryptography`.
        names: Lower-case DNS names it is for, `*.` ones too.
        not_after: When it expires: seconds since 1970.
    """

    files: CertificateFiles
    chain: tuple[x509.Certificate, ...]
    key: Any
    names: tuple[str, ...]
    not_after: float

    def __repr__(self) -> str:
        return f"<Certificate {self.files.chain_file} {self.names}>"


def _read(world: IWorld, path: str, private: bool) -> bytes:
    try:
        return world.disk.read_foreign(path, private=private)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CertificateUnusable(f"{path}: {reason}") from error


def _chain(world: IWorld, path: str) -> tuple[x509.Certificate, ...]:
    octets = _read(world, path, private=False)
    try:
        chain = tuple(x509.load_pem_x509_certificates(octets))
    except ValueError as error:
        raise CertificateUnusable(f"{path}: no certificate in it") from error
    if not chain:
        raise CertificateUnusable(f"{path}: no certificate in it")
    return chain


def _key(world: IWorld, path: str) -> Any:
    octets = _read(world, path, private=True)
    try:
        return load_pem_private_key(octets, None)
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(f"{path}: no usable key in it") from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        # The common name has not counted for many years [RFC9525 2].
        return ()
    names = found.value.get_values_for_type(x509.DNSName)
    return tuple(name.lower() for name in names)


def _public(key: Any) -> bytes:
    octets: bytes = key.public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return octets


def load(world: IWorld, files: CertificateFiles) -> Certificate:
    """
    Read a certificate and its key.

    Raises:
        CertificateUnusable: Its text names the file and what is wrong.
    """
    chain = _chain(world, files.chain_file)
    key = _key(world, files.key_file)
    if _public(key.public_key()) != _public(chain[0].public_key()):
        raise CertificateUnusable(
            f"{files.key_file}: not the key of {files.chain_file}"
        )
    return Certificate(
        files=files,
        chain=chain,
        key=key,
        names=_names(chain[0]),
        not_after=chain[0].not_valid_after_utc.timestamp(),
    )


def load_trust(world: IWorld, path: str) -> tuple[x509.Certificate, ...]:
    """Read the certificates that are trusted. Raises as `load`."""
    return _chain(world, path)


def described(certificate: x509.Certificate) -> ClientCertificate:
    """Tell what of a client's certificate the realm looks at."""
    addresses: list[str] = []
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        addresses = found.value.get_values_for_type(x509.RFC822Name)
    except (x509.ExtensionNotFound, ValueError):
        # It has none, or something that cannot be read: it may still be
        # known by its fingerprint.
        addresses = []
    try:
        subject = certificate.subject.rfc4514_string()
    except ValueError:
        subject = "unreadable"
    return ClientCertificate(
        certificate.fingerprint(SHA256()).hex(), tuple(addresses), subject
    )
