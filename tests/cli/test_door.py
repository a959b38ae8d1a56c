"""How imailctl reaches a store that no server has open."""

from __future__ import annotations

import os
from unittest.mock import patch

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from imailpy.cli.main import main


class NoServerTests(SynchronousTestCase):
    """No server runs: a slip of the hand must not leave traces."""

    def run_in(self, directory: str, *words: str) -> tuple[int, str]:
        """Give the exit code and all that was said."""
        said = CliRunner().invoke(main, ["--data", directory, *words])
        return said.exit_code, said.output

    def test_folder_that_is_not_there(self) -> None:
        """A mistyped --data exits with 69 and makes nothing."""
        folder = self.mktemp()
        code, said = self.run_in(folder, "status")
        self.assertEqual(code, 69)
        self.assertIn("No such file or directory", said)
        self.assertFalse(os.path.exists(folder))

    def test_folder_without_a_store(self) -> None:
        """A folder of something else exits with 69 and stays as it is."""
        folder = self.mktemp()
        os.mkdir(folder)
        code, said = self.run_in(folder, "account", "list")
        self.assertEqual(code, 69)
        self.assertIn("no store is in", said)
        self.assertEqual(os.listdir(folder), [])

    def test_folder_of_another_user(self) -> None:
        """Root leaves no files that the server's user could not write."""
        folder = self.mktemp()
        os.mkdir(folder)
        with patch("os.geteuid", return_value=os.geteuid() + 1):
            code, said = self.run_in(folder, "status")
        self.assertEqual(code, 77)
        self.assertIn("try again as that user", said)
        self.assertEqual(os.listdir(folder), [])


class ConfigTests(SynchronousTestCase):
    """What needs no server at all."""

    def test_example_is_the_sample_file(self) -> None:
        """`config example` can be redirected into a configuration file."""
        from imailpy.config import example

        said = CliRunner().invoke(main, ["config", "example"])
        self.assertEqual(said.output, example())

    def test_check_exits_with_78(self) -> None:
        """A wrong configuration is told with its line, and exits with 78."""
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write("[smtp]\nmax_recipient = 5\n")
        said = CliRunner().invoke(main, ["config", "check", path])
        self.assertEqual(said.exit_code, 78)
        self.assertIn(f"{path}:2:1: [smtp] unknown key", said.output)
        self.assertIn('Did you mean "max_recipients"?', said.output)
