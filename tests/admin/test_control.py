"""The control socket answers an operator in words that help."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.control import Control
from imailpy.admin.operations import BadRequest
from imailpy.errors import MailError, ObjectExists, StoreUnavailable


class _Operations:
    """Performs nothing, and fails in a given way."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def perform(self, name: str, arguments: dict[str, Any]) -> Any:
        if self.error is not None:
            raise self.error
        return [name, arguments]


class ControlTests(SynchronousTestCase):
    """One request a line, one answer a line."""

    def ask(self, line: bytes, error: Exception | None = None) -> Any:
        """Give the answer to one line."""
        control: Any = Control(_Operations(error))  # type: ignore[arg-type]
        transport = StringTransport()
        control.makeConnection(transport)
        control.dataReceived(line + b"\n")
        return json.loads(transport.value())

    def test_answer(self) -> None:
        """What an operation gives comes back."""
        said = self.ask(b'{"do": "status", "with": {"a": 1}}')
        self.assertEqual(said, {"ok": ["status", {"a": 1}]})

    def test_the_object_is_named(self) -> None:
        """Who adds what exists already is told which thing it is."""
        said = self.ask(b'{"do": "x"}', ObjectExists("domain example.org"))
        self.assertEqual(said["error"], "Exists already: domain example.org")
        self.assertFalse(said["temporary"])

    def test_bad_words(self) -> None:
        """Who says something wrong is told once what is right."""
        said = self.ask(b'{"do": "x"}', BadRequest("inside", "say it so"))
        self.assertEqual(said["error"], "say it so")

    def test_temporary(self) -> None:
        """What may work later says so, with the reason."""
        error: MailError = StoreUnavailable("disk gone")
        said = self.ask(b'{"do": "x"}', error)
        self.assertTrue(said["temporary"])
        self.assertIn("disk gone", said["error"])

    def test_nonsense(self) -> None:
        """A line that is no request gets an error, and the next one works."""
        for line in (b"[", b"{}", b'{"do": 1}', b'{"do": "x", "with": []}'):
            self.assertIn("bad request", self.ask(line)["error"])

    def test_bug(self) -> None:
        """A bug is logged, and named as nothing but internal."""
        said = self.ask(b'{"do": "x"}', RuntimeError("secret"))
        self.assertEqual(said["error"], "internal error, see the log")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
