"""Contexts out of files, and what they let happen."""

import contextlib
import os
import ssl
import time
from types import SimpleNamespace

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides
from zope.interface.verify import verifyObject

from imailpy.errors import MailError
from imailpy.interfaces.tls import ITls
from imailpy.tls import CertificateFiles, Tls, TlsSettings
from imailpy.tls.selfsigned import ensure, make
from imailpy.world.real_disk import RealDisk
from tests.support.settings import Fixed
from tests.support.tls import Kept, alert, handshake, over_tls, pump


def write(path: str, octets: bytes, mode: int = 0o600) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    os.write(descriptor, octets)
    os.close(descriptor)
    os.chmod(path, mode)


class TlsCase(SynchronousTestCase):
    """A provider over files in a directory of the test's own."""

    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())
        os.mkdir(self.directory)
        self.world = SimpleNamespace(
            disk=RealDisk(),
            clock=SimpleNamespace(now=time.time),
            random=SimpleNamespace(octets=os.urandom),
        )
        self.mail = self.certificate("mail.example.test")
        self.other = self.certificate("other.example.test", "*.wild.test")
        self.settings = Fixed(self.trusting(self.mail, self.other))
        self.tls = Tls(self.world, self.settings)

    def trusting(self, *files: CertificateFiles) -> TlsSettings:
        trust = os.path.join(self.directory, "trust.pem")
        write(
            trust,
            b"".join(self.world.disk.read(one.chain_file) for one in files),
        )
        return TlsSettings(files, trust_file=trust)

    def certificate(self, *names: str) -> CertificateFiles:
        base = os.path.join(self.directory, names[0])
        certificate, key = make(
            names,
            ["127.0.0.1"],
            now=self.world.clock.now(),
            serial=os.urandom(16),
        )
        write(f"{base}.crt", certificate, 0o644)
        write(f"{base}.key", key)
        return CertificateFiles(f"{base}.crt", f"{base}.key")

    def server(self, service: str = "imap") -> SSL.Connection:
        return self.tls.server(service).serverConnectionForTLS(None)

    def client(
        self,
        *,
        name: str | None = None,
        alpn: tuple[bytes, ...] = (),
        newest: int | None = None,
        ciphers: bytes | None = None,
    ) -> SSL.Connection:
        """A client of another make, that checks nothing."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if newest is not None:
            context.set_min_proto_version(SSL.TLS1_VERSION)
            context.set_max_proto_version(newest)
            context.set_cipher_list(b"ALL:@SECLEVEL=0")
        if ciphers is not None:
            context.set_cipher_list(ciphers)
        if alpn:
            context.set_alpn_protos(list(alpn))
        connection = SSL.Connection(context, None)
        if name is not None:
            connection.set_tlsext_host_name(name.encode())
        return connection

    def names(self, client: SSL.Connection) -> str:
        """The common name of the certificate that the client got."""
        certificate = client.get_peer_certificate(as_cryptography=True)
        return certificate.subject.rfc4514_string()


class ServerTests(TlsCase):
    """What clients may do."""

    def test_provides(self) -> None:
        """The provider has the door's methods."""
        verifyObject(ITls, self.tls)

    def test_versions(self) -> None:
        """TLS 1.3 where both can, TLS 1.2 with a client of yesterday."""
        for newest, version in (
            (None, "TLSv1.3"),
            (SSL.TLS1_2_VERSION, "TLSv1.2"),
        ):
            server, client = self.server(), self.client(newest=newest)
            handshake(server, client)
            self.assertEqual(server.get_protocol_version_name(), version)

    def test_B2_11_old_versions(self) -> None:
        """TLS 1.0 and 1.1 are refused by every service."""
        for service in ("smtp", "imap", "pop3", "managesieve"):
            for newest in (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION):
                error = self.assertRaises(
                    SSL.Error,
                    handshake,
                    self.server(service),
                    self.client(newest=newest),
                )
                self.assertIn("protocol version", alert(error))

    def test_B2_11_legacy_senders(self) -> None:
        """Where the operator allows it, port 25 alone takes TLS 1.0."""
        settings = self.settings.current
        self.settings.change(TlsSettings(settings.certificates, legacy=True))
        server, client = (
            self.server("smtp"),
            self.client(newest=SSL.TLS1_VERSION),
        )
        handshake(server, client)
        self.assertEqual(server.get_protocol_version_name(), "TLSv1")
        self.assertRaises(
            SSL.Error,
            handshake,
            self.server("imap"),
            self.client(newest=SSL.TLS1_VERSION),
        )

    def test_B2_11_weak_ciphers(self) -> None:
        """Ciphers without authentication of their own are refused."""
        for ciphers in (b"AES128-GCM-SHA256", b"ECDHE-ECDSA-AES128-SHA"):
            self.assertRaises(
                SSL.Error,
                handshake,
                self.server(),
                self.client(newest=SSL.TLS1_2_VERSION, ciphers=ciphers),
            )

    def test_B2_11_renegotiation(self) -> None:
        """A client that renegotiates gets nowhere."""
        server = self.server()
        client = self.client(newest=SSL.TLS1_2_VERSION)
        handshake(server, client)
        client.renegotiate()
        with self.assertRaises(SSL.Error):
            for _ in range(4):
                for end in (client, server):
                    try:
                        end.do_handshake()
                        end.recv(100)
                    except SSL.WantReadError:
                        pass
                    pump(server, client)
        self.assertEqual(server.total_renegotiations(), 0)

    def test_B2_9_foreign_protocol(self) -> None:
        """A browser at a mail port gets the alert, and no mail server."""
        for alpn in ((b"http/1.1",), (b"h2", b"http/1.1"), (b"smtp",)):
            error = self.assertRaises(
                SSL.Error, handshake, self.server(), self.client(alpn=alpn)
            )
            self.assertIn("no application protocol", alert(error))

    def test_B2_9_own_protocol(self) -> None:
        """The service's own protocol is agreed on; none is welcome too."""
        for service in ("smtp", "imap", "pop3", "managesieve"):
            ours = service.encode()
            for alpn, agreed in (
                ((ours,), ours),
                ((b"h2", ours), ours),
                ((), b""),
            ):
                server = self.server(service)
                handshake(server, self.client(alpn=alpn))
                self.assertEqual(server.get_alpn_proto_negotiated(), agreed)
        self.assertRaises(ValueError, self.tls.server, "http/1.1")

    def test_B2_9_with_another_certificate(self) -> None:
        """The protocol is checked behind every name."""
        error = self.assertRaises(
            SSL.Error,
            handshake,
            self.server(),
            self.client(name="other.example.test", alpn=(b"h2",)),
        )
        self.assertIn("no application protocol", alert(error))

    def test_sni(self) -> None:
        """A name gets its certificate; unknown ones get the first."""
        for name, expected in (
            ("mail.example.test", "mail"),
            ("other.example.test", "other"),
            ("OTHER.example.test", "other"),
            ("a.wild.test", "other"),
            ("a.b.wild.test", "mail"),
            ("wild.test", "mail"),
            ("nobody.test", "mail"),
            (None, "mail"),
        ):
            client = self.client(name=name)
            handshake(self.server(), client)
            self.assertEqual(
                self.names(client), f"CN={expected}.example.test", name
            )

    def test_B2_13_random_names(self) -> None:
        """Ten thousand names in SNI leave nothing behind."""
        contexts = self.tls._contexts("imap")
        before = dict(contexts.by_name)
        for number in range(10_000):
            found = contexts.choose(b"n%d.example" % number)
            self.assertIs(found, contexts.default)
        self.assertEqual(contexts.by_name, before)

    def test_B2_14_no_sessions(self) -> None:
        """A session of one connection opens no other one."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        for service in ("smtp", "imap"):
            client = SSL.Connection(context, None)
            handshake(self.server("imap"), client)
            again = SSL.Connection(context, None)
            again.set_session(client.get_session())
            handshake(self.server(service), again)
            self.assertNotEqual(client.master_key(), again.master_key())


class FileTests(TlsCase):
    """Files that are not as they should be."""

    def refused(self, *files: CertificateFiles) -> str:
        self.settings.change(TlsSettings(files))
        error = self.assertRaises(MailError, self.tls.reload)
        self.assertFalse(error.temporary)
        return error.private

    def test_B12_5_key_that_others_may_read(self) -> None:
        """A key that the group or the world may read is refused."""
        for mode in (0o640, 0o604, 0o644, 0o660):
            os.chmod(self.mail.key_file, mode)
            said = self.refused(self.mail)
            self.assertIn(self.mail.key_file, said)
            self.assertIn("chmod 600", said)
        os.chmod(self.mail.key_file, 0o400)
        self.settings.change(TlsSettings((self.mail,)))
        self.tls.reload()

    def test_symbolic_links(self) -> None:
        """Certificates may lie behind links, as certbot puts them."""
        link = os.path.join(self.directory, "live.crt")
        os.symlink(self.mail.chain_file, link)
        self.settings.change(
            TlsSettings((CertificateFiles(link, self.mail.key_file),))
        )
        self.tls.reload()
        self.assertEqual(
            self.tls.certificates[0].names, ("mail.example.test",)
        )

    def test_wrong_files(self) -> None:
        """Each complaint names the file and what is wrong with it."""
        empty = os.path.join(self.directory, "empty")
        write(empty, b"")
        fifo = os.path.join(self.directory, "fifo")
        os.mkfifo(fifo, 0o600)
        chain, key = self.mail.chain_file, self.mail.key_file
        for files, path, reason in (
            (CertificateFiles(empty, key), empty, "no certificate"),
            (CertificateFiles(chain, empty), empty, "no usable key"),
            (CertificateFiles(fifo, key), fifo, "not a regular file"),
            (CertificateFiles(chain, "/nowhere"), "/nowhere", "No such file"),
            (
                CertificateFiles(chain, self.other.key_file),
                self.other.key_file,
                "not the key of",
            ),
        ):
            said = self.refused(files)
            self.assertIn(path, said)
            self.assertIn(reason, said)

    def test_reload_is_all_or_nothing(self) -> None:
        """One bad file, and the old certificates stay in use."""
        client = self.client()
        handshake(self.server(), client)
        new = self.certificate("new.example.test")
        self.refused(new, CertificateFiles("/nowhere", "/nowhere"))
        handshake(self.server(), client := self.client())
        self.assertEqual(self.names(client), "CN=mail.example.test")

    def test_reload_reaches_open_listeners(self) -> None:
        """What a listener was given at its start serves the new files."""
        listening = self.tls.server("imap")
        self.tls.reload()
        new = self.certificate("new.example.test")
        self.settings.change(TlsSettings((new,)))
        self.tls.reload()
        client = self.client()
        handshake(listening.serverConnectionForTLS(None), client)
        self.assertEqual(self.names(client), "CN=new.example.test")

    def test_no_certificate(self) -> None:
        """Without any certificate a server's side says so."""
        self.settings.change(TlsSettings())
        self.tls.reload()
        self.assertRaises(MailError, self.server)
        self.tls.client("mail.example.test", verify=False)


class ClientTests(TlsCase):
    """We call others."""

    def ours(self, name: str, verify: bool = True) -> SSL.Connection:
        creator = self.tls.client(name, verify=verify)
        return creator.clientConnectionForTLS(None)

    def test_right_name(self) -> None:
        """The host we mean is let through, by name and by address."""
        for name in ("mail.example.test", "mail.example.test.", "127.0.0.1"):
            handshake(self.server(), self.ours(name))

    def test_name_is_sent(self) -> None:
        """SNI carries names, never addresses."""
        server = self.server()
        handshake(server, self.ours("mail.example.test"))
        self.assertEqual(server.get_servername(), b"mail.example.test")
        server = self.server()
        handshake(server, self.ours("127.0.0.1"))
        self.assertIsNone(server.get_servername())

    def test_wrong_name(self) -> None:
        """Another host's certificate is refused where names are checked."""
        for name in ("evil.example.test", "127.0.0.2"):
            error = self.assertRaises(
                SSL.Error, handshake, self.server(), self.ours(name)
            )
            self.assertIn("verify failed", alert(error))

    def test_unknown_signer(self) -> None:
        """A certificate that nobody signed is refused."""
        self.settings.change(
            TlsSettings(
                (self.mail, self.other), trust_file=self.other.chain_file
            )
        )
        self.tls.reload()
        self.assertRaises(
            SSL.Error,
            handshake,
            self.server(),
            self.ours("mail.example.test"),
        )

    def test_opportunistic(self) -> None:
        """Opportunistic TLS takes what it gets."""
        handshake(self.server(), self.ours("evil.example.test", verify=False))

    def test_system_trust(self) -> None:
        """Without a trust file the system's certificates count."""
        self.settings.change(TlsSettings((self.mail,)))
        self.tls.reload()
        self.assertRaises(
            SSL.Error,
            handshake,
            self.server(),
            self.ours("mail.example.test"),
        )


class TransportTests(TlsCase):
    """Under Twisted's transports."""

    def connected(self, **how: object) -> tuple[Kept, Kept]:
        server, client = Kept(), Kept()
        pump, clock = over_tls(
            server,
            self.tls.server("imap"),
            client,
            self.tls.client("mail.example.test", verify=True),
        )
        pump.flush()
        clock.advance(0)
        pump.flush()
        return server, client

    def test_exporter(self) -> None:
        """Both ends of a channel export the same 32 octets."""
        server, client = self.connected()
        ours = self.tls.exporter(server.transport)
        self.assertEqual(len(ours), 32)
        self.assertEqual(ours, self.tls.exporter(client.transport))
        other, _ = self.connected()
        self.assertNotEqual(ours, self.tls.exporter(other.transport))

    def test_exporter_of_others(self) -> None:
        """No binding in plain text, before the handshake, or in TLS 1.2."""
        self.assertIsNone(self.tls.exporter(object()))
        server = self.server()
        server.set_accept_state()
        handle = SimpleNamespace(getHandle=lambda: server)
        self.assertIsNone(self.tls.exporter(handle))
        self.assertEqual(self.tls.description(handle), "")
        handshake(server, self.client(newest=SSL.TLS1_2_VERSION))
        self.assertIsNone(self.tls.exporter(handle))

    def test_description(self) -> None:
        """A transport tells version and cipher; plain text tells nothing."""
        server, _ = self.connected()
        self.assertEqual(
            self.tls.description(server.transport),
            "TLSv1.3 TLS_AES_256_GCM_SHA384",
        )
        self.assertEqual(self.tls.description(object()), "")

    def test_B2_9_under_twisted(self) -> None:
        """Twisted takes a foreign protocol for a failed handshake."""
        server, client = Kept(), Kept()

        class Browser:
            def clientConnectionForTLS(inner, protocol: object) -> object:
                return self.client(alpn=(b"h2",))

        browser = Browser()
        directlyProvides(browser, IOpenSSLClientConnectionCreator)
        pump, _ = over_tls(server, self.tls.server("imap"), client, browser)
        pump.flush()
        self.assertIsInstance(server.reason, SSL.Error)
        self.assertIn("no application protocol", alert(client.reason))


class SelfSignedTests(TlsCase):
    """The demo's certificate."""

    def test_made_once(self) -> None:
        """It is made at the first start and found again at the next."""
        directory = os.path.join(self.directory, "tls")
        files = ensure(self.world, directory, ["mail.example.test"], [])
        self.assertEqual(os.stat(files.key_file).st_mode & 0o777, 0o600)
        octets = self.world.disk.read(files.chain_file)
        again = ensure(self.world, directory, ["mail.example.test"], [])
        self.assertEqual(files, again)
        self.assertEqual(octets, self.world.disk.read(files.chain_file))

    def test_python_trusts_it(self) -> None:
        """Python's own ssl accepts it when told to trust it."""
        files = ensure(
            self.world,
            os.path.join(self.directory, "tls"),
            ["localhost"],
            ["127.0.0.1", "::1"],
        )
        self.settings.change(TlsSettings((files,)))
        self.tls.reload()
        context = ssl.create_default_context(cafile=files.chain_file)
        for name in ("localhost", "127.0.0.1", "::1"):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = context.wrap_bio(incoming, outgoing, server_hostname=name)
            server = self.server()
            server.set_accept_state()
            for _ in range(4):
                for end in (client, server):
                    with contextlib.suppress(
                        ssl.SSLWantReadError, SSL.WantReadError
                    ):
                        end.do_handshake()
                if octets := outgoing.read():
                    server.bio_write(octets)
                with contextlib.suppress(SSL.WantReadError):
                    incoming.write(server.bio_read(65536))
            self.assertEqual(client.version(), "TLSv1.3")
