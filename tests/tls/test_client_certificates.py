"""Listeners that ask their clients for certificates."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from imailpy.tls import Tls
from imailpy.tls.settings import CertificateFiles, TlsSettings
from tests.support.settings import Fixed
from tests.support.tls import handshake


class FileWorld:
    """The disk as it is."""

    def __init__(self) -> None:
        self.disk = self

    def read_foreign(self, path: str, *, private: bool) -> bytes:
        return Path(path).read_bytes()


class Wire:
    """A transport over one end of memory BIOs."""

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection

    def getHandle(self) -> SSL.Connection:
        return self._connection


class Authority:
    """An authority and its certificates, made by openssl."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory, self.name = directory, name
        self.run(
            "req",
            "-x509",
            *self.key(name),
            "-out",
            self.pem(name),
            "-subj",
            f"/CN={name}",
            "-days",
            "2",
        )

    def pem(self, name: str) -> str:
        return str(self.directory / f"{name}.pem")

    def key(self, name: str) -> list[str]:
        return [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            str(self.directory / f"{name}.key"),
        ]

    def run(self, *arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments], check=True, capture_output=True
        )

    def sign(self, name: str, more: str, days: str = "2") -> CertificateFiles:
        request = str(self.directory / f"{name}.csr")
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(more)
        self.run(
            "req", *self.key(name), "-out", request, "-subj", f"/CN={name}"
        )
        self.run(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.pem(self.name),
            "-CAkey",
            str(self.directory / f"{self.name}.key"),
            "-CAcreateserial",
            "-out",
            self.pem(name),
            "-days",
            days,
            "-extfile",
            str(extensions),
        )
        return CertificateFiles(
            self.pem(name), str(self.directory / f"{name}.key")
        )


class ClientCertificateTests(SynchronousTestCase):
    """Who shows what, and what of it is believed."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        try:
            self.ca = Authority(Path(directory.name), "ours")
        except FileNotFoundError:
            self.skipTest("there is no openssl program")
        self.server = self.ca.sign("server", "subjectAltName=DNS:mail.test")
        world: Any = FileWorld()
        self.tls = Tls(
            world,
            Fixed(
                TlsSettings(
                    certificates=(self.server,),
                    client_ca_files=(self.ca.pem("ours"),),
                )
            ),
        )
        self.asking = self.tls.asking(self.ca.pem("ours"))

    def shown(self, files: CertificateFiles | None, tls: Any = None) -> Any:
        """Shake hands; gives what the server knows of the client."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if files is not None:
            context.use_certificate_file(files.chain_file)
            context.use_privatekey_file(files.key_file)
        tls = tls or self.asking
        ours = tls.server("imap").serverConnectionForTLS(None)
        handshake(ours, SSL.Connection(context, None))
        return tls.client_certificate(Wire(ours))

    def test_good(self) -> None:
        """Address and fingerprint of a good certificate are known."""
        files = self.ca.sign(
            "ann",
            "subjectAltName=email:ann@local.test,email:ann@far.test\n"
            "extendedKeyUsage=clientAuth",
        )
        found = self.shown(files)
        self.assertEqual(found.addresses, ("ann@local.test", "ann@far.test"))
        self.assertEqual(found.subject, "CN=ann")
        octets = ssl.PEM_cert_to_DER_cert(Path(files.chain_file).read_text())
        import hashlib

        self.assertEqual(found.fingerprint, hashlib.sha256(octets).hexdigest())

    def test_none(self) -> None:
        """Who shows none is welcome, and nobody in particular."""
        self.assertIsNone(self.shown(None))

    def test_not_asked(self) -> None:
        """A listener that does not ask believes nothing."""
        files = self.ca.sign("ann", "subjectAltName=email:ann@local.test")
        self.assertIsNone(self.shown(files, self.tls))

    def test_not_good(self) -> None:
        """Another authority's, a self-signed one and one that is not for
        clients end the handshake."""
        other = Authority(self.ca.directory, "other")
        email = "subjectAltName=email:ann@local.test"
        for files in (
            other.sign("eve", email),
            CertificateFiles(
                other.pem("other"), str(self.ca.directory / "other.key")
            ),
            self.ca.sign("web", email + "\nextendedKeyUsage=serverAuth"),
        ):
            with self.assertRaises(SSL.Error, msg=files.chain_file):
                self.shown(files)
