"""
A certificate that nobody else signed: for the demo, and for a first start.

Clients that check will refuse it until they are told to trust it.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from imailpy.interfaces.world import IWorld
from imailpy.tls.settings import CertificateFiles


def make(
    names: Sequence[str],
    addresses: Sequence[str],
    *,
    now: float,
    serial: bytes,
    days: int = 825,
) -> tuple[bytes, bytes]:
    """
    Make a certificate with a new key.

    Args:
        names: DNS names as A-labels; the first is the subject.
        addresses: IP addresses.
        now: Seconds since 1970; it is valid from an hour before, for clients
            whose clock is behind.
        serial: 16 random octets.
        days: How long it is valid.

    Returns:
        Certificate and private key, both PEM.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    begin = datetime.datetime.fromtimestamp(now - 3600, datetime.UTC)
    alternatives: list[x509.GeneralName] = [x509.DNSName(n) for n in names]
    alternatives += [
        x509.IPAddress(ipaddress.ip_address(one)) for one in addresses
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        # Positive, at most 20 octets [RFC5280 4.1.2.2].
        .serial_number(int.from_bytes(serial[:16], "big") | 1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(alternatives), False)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
        )
        .sign(key, SHA256())
    )
    return (
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def ensure(
    world: IWorld,
    directory: str,
    names: Sequence[str],
    addresses: Sequence[str],
) -> CertificateFiles:
    """
    Give the self-signed certificate of a directory, made where missing.

    Args:
        directory: Made, too.
        names, addresses: As for `make`; used only when one is made.

    The key is written first and durably: a certificate never stands there
    without it.
    """
    files = CertificateFiles(
        chain_file=f"{directory}/self-signed.crt",
        key_file=f"{directory}/self-signed.key",
    )
    disk = world.disk
    if disk.exists(files.chain_file) and disk.exists(files.key_file):
        return files
    disk.make_directory(directory)
    certificate, key = make(
        names,
        addresses,
        now=world.clock.now(),
        serial=world.random.octets(16),
    )
    disk.replace(files.key_file, key)
    disk.replace(files.chain_file, certificate)
    return files
