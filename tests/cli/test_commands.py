"""Every command of imailctl, with a server and without."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import smtplib

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from imailpy.cli.main import main
from tests.support.server import HOST, free_port, wait_for
from tests.support.twistd import Installed

ALICE, PASSWORD = "alice@example.test", "alice-is-not-her-password"


def leaves(group: click.Group, *above: str):
    """All commands with their words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *above, name)
        else:
            yield (*above, name), command


class TreeTests(SynchronousTestCase):
    """What all commands have in common."""

    def test_json_and_help_everywhere(self) -> None:
        """Every command takes --json and says what it does."""
        found = dict(leaves(main))
        self.assertGreater(len(found), 20)
        for words, command in found.items():
            options = {o for p in command.params for o in p.opts}
            self.assertIn("--json", options, words)
            self.assertTrue(command.help, words)

    def test_usage(self) -> None:
        """Wrong usage exits with 2."""
        for words in (
            ["nosuch"],
            ["account", "add"],
            ["queue", "list", "--state", "odd"],
            ["account", "list"],
        ):
            said = CliRunner().invoke(main, words, env={"IMAILPY_CONFIG": ""})
            self.assertEqual(said.exit_code, 2, said.output)


class OnlineTests(SynchronousTestCase):
    """A server runs; one start for a walk through all commands."""

    def setUp(self) -> None:
        self.there = Installed()
        self.addCleanup(self.there.close)
        dead = free_port()
        self.there.write(
            self.there.text.replace(
                'catch_outside_in = "alice@example.test"\n', ""
            )
            + f'[delivery.smart_host]\nhost = "127.0.0.1"\nport = {dead}\n'
        )
        self.there.start()

    def run_it(self, *words: str, text: str = "", code: int = 0):
        """Run a command; give its answer, if it has one."""
        said = CliRunner().invoke(
            main,
            ["--config", self.there.config, *words, "--json"],
            input=text,
        )
        self.assertEqual(said.exit_code, code, said.output)
        return json.loads(said.stdout) if code == 0 else said.output

    def test_directory_commands(self) -> None:
        """Domains, accounts and aliases come, change and go."""
        run = self.run_it
        self.assertEqual(run("domain", "list"), [])
        made = run("domain", "add", "Example.TEST")
        self.assertEqual(made, {"name": "example.test", "catch_all": None})
        self.assertIn("xists", run("domain", "add", "example.test", code=1))
        stdin = "--password-stdin"
        made = run("account", "add", ALICE, stdin, text=PASSWORD + "\n")
        self.assertEqual(made["address"], ALICE)
        bob = "bob@example.test"
        told = run("account", "add", bob, stdin, text="short\n", code=1)
        self.assertIn("12", told)
        self.assertEqual(
            run("account", "quota", ALICE, "2M")["quota_octets"], 2 << 20
        )
        self.assertIs(run("account", "disable", ALICE)["enabled"], False)
        self.assertIs(run("account", "enable", ALICE)["enabled"], True)
        run("account", "password", ALICE, stdin, text=PASSWORD + "x\n")
        [account] = run("account", "list", "--domain", "example.test")
        self.assertEqual(account["quota_octets"], 2 << 20)
        run("alias", "add", "info@example.test", ALICE, "x@far.test")
        [alias] = run("alias", "list")
        self.assertEqual(alias["targets"], [ALICE, "x@far.test"])
        caught = run("domain", "catch-all", "example.test", ALICE)
        self.assertEqual(caught["catch_all"], ALICE)
        run("domain", "catch-all", "example.test")
        run("domain", "remove", "example.test", code=1)
        run("alias", "remove", "info@example.test")
        run("account", "remove", ALICE, "--yes")
        told = run("account", "enable", ALICE, code=1)
        self.assertIn("no account alice@example.test", told)
        run("domain", "remove", "example.test")
        self.assertEqual(run("domain", "list"), [])

    def test_queue_and_server_commands(self) -> None:
        """The queue can be seen, held, tried again and dropped."""
        run = self.run_it
        self.there.account(ALICE, PASSWORD)
        with smtplib.SMTP(
            HOST, self.there.ports["submission"], timeout=20
        ) as client:
            client.login(ALICE, PASSWORD)
            text = f"From: {ALICE}\r\nSubject: x\r\n\r\nx\r\n"
            client.sendmail(ALICE, ["x@far.test", "y@far.test"], text)
        wait_for(
            "two deferred",
            lambda: len(run("queue", "list", "--state", "deferred")) == 2,
            pause=0.2,
        )
        rows = run("queue", "list", "--most", "1")
        self.assertEqual(len(rows), 1)
        first = rows[0]["id"]
        [second] = run("queue", "list", "--after", first)
        self.assertEqual(
            {rows[0]["to"], second["to"]}, {"x@far.test", "y@far.test"}
        )
        self.assertEqual(run("queue", "hold", first), {"rows": 1})
        self.assertEqual(run("queue", "show", first)["state"], "held")
        self.assertEqual(run("queue", "retry", "all"), {"rows": 2})
        self.assertEqual(run("queue", "drop", "all", "--yes"), {"rows": 2})
        self.assertEqual(run("queue", "list"), [])
        run("queue", "show", "nosuch", code=1)
        self.assertEqual(run("audit"), {"complaints": []})
        facts = run("status")
        self.assertEqual(facts["host_name"], "mail.example.test")
        self.assertEqual(run("reload"), {"number": 2})
        self.assertIs(run("config", "check")["fine"], True)

    def test_answers_for_people(self) -> None:
        """Without --json there is a table, and it says who was asked."""
        there = self.there
        there.account(ALICE, PASSWORD)
        said = CliRunner().invoke(
            main, ["--config", there.config, "account", "list"]
        )
        lines = said.stdout.splitlines()
        self.assertEqual(lines[0].split()[:2], ["address", "enabled"])
        self.assertEqual(lines[1].split()[:2], [ALICE, "yes"])
        self.assertIn("asking the running server", said.stderr)


class OfflineTests(SynchronousTestCase):
    """No server runs: the store is opened, and says so."""

    def test_offline(self) -> None:
        """The same answers and exit codes; what needs a server is refused."""
        there = Installed()
        self.addCleanup(there.close)
        there.account(ALICE, PASSWORD)
        listed = there.imailctl("account", "list", "--json")
        self.assertEqual(json.loads(listed.stdout)[0]["address"], ALICE)
        again = there.imailctl("domain", "add", "example.test")
        self.assertEqual(again.returncode, 1)
        self.assertIn("opening the store", again.stderr)
        reload = there.imailctl("reload")
        self.assertEqual(reload.returncode, 1)
        self.assertIn("no server is running", reload.stderr)
        with open(f"{there.data}/lock", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            busy = there.imailctl("status")
        self.assertEqual(busy.returncode, 75, busy.stderr)
        os.chmod(there.data, 0o755)
        self.assertEqual(there.imailctl("status").returncode, 77)

    def test_after_a_kill(self) -> None:
        """A socket that a killed server left is not taken for a server."""
        there = Installed()
        self.addCleanup(there.close)
        process = there.start()
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        found = there.imailctl("audit", "--json")
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertEqual(json.loads(found.stdout), {"complaints": []})
