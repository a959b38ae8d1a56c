"""A server that runs out of descriptors."""

import resource
import socket
import time

from twisted.trial.unittest import TestCase

from tests.support.server import BOB, HOST, Server, wait_for

FLOOD = 100
_MESSAGE = b"Subject: hello\r\n\r\n" + b"text\r\n" * 20_000 + b".\r\n"


class DescriptorTests(TestCase):
    """SECURITY.md B13.2."""

    def setUp(self) -> None:
        self.server = Server().start()
        self.addCleanup(self.server.stop)

    def connect(self) -> socket.socket:
        stream = socket.create_connection((HOST, self.server.port(25)), 10)
        self.addCleanup(stream.close)
        return stream

    def limit(self) -> None:
        """Leave room for a few clients."""
        process = self.server.process
        assert process is not None
        pid = process.pid
        _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (130, most))

    def test_B13_2_served_on_when_descriptors_run_short(self) -> None:
        """
        A flood takes every descriptor but the reserve: who is in delivers
        on, to the disk and the database; the log has one line a second at
        most; and everybody gets in once the flood is over.
        """
        self.limit()
        honest = self.connect()
        self.assertTrue(honest.recv(1000).startswith(b"220"))
        flood = [self.connect() for _ in range(FLOOD)]
        began = time.monotonic()
        wait_for(
            "the line", lambda: "descriptors run short" in self.said(), 10
        )
        for line, code in (
            (b"EHLO client.example\r\n", b"250"),
            (b"MAIL FROM:<x@client.example>\r\n", b"250"),
            (f"RCPT TO:<{BOB[0]}>\r\n".encode(), b"250"),
            (b"DATA\r\n", b"354"),
            (_MESSAGE, b"250"),
        ):
            honest.sendall(line)
            self.assertTrue(honest.recv(1000).startswith(code), line[:20])
        time.sleep(1.5)
        lines = self.said().count("descriptors run short")
        self.assertLessEqual(lines, time.monotonic() - began + 2)
        for stream in flood:
            stream.close()
        late = self.connect()
        late.settimeout(20)
        self.assertTrue(late.recv(1000).startswith(b"220"))
        self.assertNotIn("Traceback", self.said())

    def said(self) -> str:
        return self.server.log_text()
