"""Why: before, while and after, in the same words."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.server import (
    HOST,
    Server,
    program,
    run,
    shared_server,
    wait_for,
)

FROM, TO = "x@outside.test", "y@elsewhere.test"


class WhyTests(SynchronousTestCase):
    """One server, and what it says about itself."""

    def setUp(self) -> None:
        self.server = shared_server()

    def ask(self, *words: str, code: int = 0):
        """Run imailctl; give its JSON."""
        done = self.server.imailctl("--json", *words)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def swaks(self, to: str, *more: str) -> str:
        """Try to send a mail."""
        return run(
            "swaks",
            "--server",
            f"{HOST}:{self.server.port(25)}",
            "--from",
            FROM,
            "--to",
            to,
            "--helo",
            "client.test",
            *more,
            check=False,
        ).stdout

    def log_line(self, pattern: str) -> str:
        """Give the last line of the log that holds a pattern."""
        found: list[str] = []

        def there() -> bool:
            found[:] = re.findall(
                f"^.*{pattern}.*$", self.server.log_text(), re.M
            )
            return bool(found)

        wait_for(pattern, there)
        return found[-1]

    def test_same_words_before_while_and_after(self) -> None:
        """Rehearsal, log and history tell rule, reason, entry and reply."""
        program("swaks")
        before = self.ask(
            "why", "--from", FROM, "--to", TO, "--ip", "203.0.113.9"
        )
        outcome = before["outcome"]
        self.assertEqual(outcome["rule"], "relay.stranger")
        self.assertEqual(outcome["entry"], "relay.policy (default)")
        self.assertEqual(outcome["reply"], "550 5.7.1 Relaying denied")

        self.assertIn(outcome["reply"], self.swaks(TO))
        line = self.log_line("rcpt.decision .*relay.stranger.*elsewhere.test")
        session = re.findall("session=([a-z0-9]+)", line)[0]

        after = self.ask("why", session)
        [step] = [
            step
            for entry in after["entries"]
            for step in entry.get("steps", ())
            if step["stage"] == "rcpt"
        ]
        self.assertEqual(step["about"], TO)
        for name in ("verdict", "rule", "entry", "reply"):
            self.assertEqual(step[name], outcome[name])
            self.assertIn(outcome[name], line)
        self.assertIn(step["reason"], line)
        rehearsed = [
            decision["decision"]["reason"]
            for exchange in before["exchanges"]
            for decision in exchange["decisions"]
            if decision["stage"] == "rcpt"
        ]
        self.assertEqual(rehearsed, [step["reason"]])
        # For a person they are the log's own words.
        said = self.server.imailctl("why", session).stdout
        words = re.search("verdict=.* reply=", line)
        self.assertIn(words and words[0], said)

    def test_message_and_what_became_of_it(self) -> None:
        """By its id a message tells how it came and where it is."""
        program("swaks")
        said = self.swaks("alice@example.test")
        message = re.findall("250 2.0.0 OK ([a-z0-9]+)", said)[0]
        entries = self.ask("why", message)["entries"]
        told = {entry.get("event", entry["kind"]) for entry in entries}
        self.assertEqual(told, {"delivery.stored", "smtp.accepted", "passage"})
        by_address = self.ask("why", FROM, "--since", "1h")["entries"]
        self.assertIn(message, [each.get("message") for each in by_address])

    def test_refused_by_the_protocol(self) -> None:
        """Where no check was asked, that is said."""
        words = ("--from", FROM, "--to", "a@b@c.test", "--ip", "203.0.113.9")
        done = self.server.imailctl("why", *words)
        self.assertIn("refused: 501 ", done.stdout)
        self.assertIn("rule     none: the protocol itself", done.stdout)

    def test_offences_are_told(self) -> None:
        """Of a client that asked for a web page, that is told as well."""
        with socket.create_connection(
            (HOST, self.server.port(25)), 10, source_address=("127.0.0.77", 0)
        ) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while client.recv(4096):
                pass
        self.log_line("smtp.offence .*client=127.0.0.77")

        def known() -> bool:
            done = self.server.imailctl("why", "127.0.0.77")
            return bool(re.search("smtp.offence .*kind_=http", done.stdout))

        wait_for("the offence", known)

    def test_nothing_is_known(self) -> None:
        """Exit code 1 where nothing is known."""
        self.ask("why", "nosuchsession", code=1)

    def test_rehearsal_leaves_no_trace(self) -> None:
        """A rehearsal is in no log and no history."""
        words = ("why", "--from", "trace@outside.test", "--to")
        self.ask(*words, "alice@example.test", "--ip", "192.0.2.200")
        self.assertNotIn("trace@outside.test", self.server.log_text())
        self.ask("why", "trace@outside.test", code=1)

    def test_user_by_tls(self) -> None:
        """A user is believed without a password, and comes by TLS."""
        found = self.ask(
            *("why", "--from", "alice@example.test", "--to", TO),
            *("--ip", "203.0.113.9", "--user", "alice@example.test"),
        )
        self.assertEqual(found["listener"], "submission")
        self.assertEqual(found["outcome"]["verdict"], "accept")

    def test_policy_show(self) -> None:
        """Each check tells its step, and where it is configured."""
        rows = {
            (row["stage"], row["check"]): row
            for row in self.ask("policy", "show")
        }
        relay = rows["rcpt", "relay"]
        self.assertEqual((relay["step"], relay["on"]), (4, True))
        self.assertEqual(relay["entry"], "relay.policy (default)")
        limit = rows["connect", "connect.per_address"]
        self.assertFalse(limit["on"])
        self.assertEqual(
            rows["connect", "connect.access"]["entry"], "access (default)"
        )
        self.assertRegex(limit["entry"], r"imailpy\.toml:\d+$")

    def test_diff(self) -> None:
        """An edit that opens half the world is told, and exits with 1."""
        program("swaks")
        self.swaks(TO)
        self.log_line("rcpt.decision .*relay.stranger.*elsewhere.test")
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        plain = Path(self.server.data, "imailpy.toml").read_text("utf-8")
        old, new = f"{folder}/old.toml", f"{folder}/new.toml"
        Path(old).write_text(plain, encoding="utf-8")
        Path(new).write_text(
            f'{plain}\n[relay]\npolicy = "addresses"\n'
            'addresses = ["0.0.0.0/1"]\n',
            encoding="utf-8",
        )
        found = self.ask("diff", old, new, code=1)
        self.assertGreater(found["new_relays"], 0)
        self.assertGreater(found["recorded_changed"], 0)
        self.assertGreater(found["generated_changed"], 0)
        self.assertEqual(found["senders_refused"], 0)
        [group] = found["groups"]
        self.assertEqual(group["new_rule"], "relay.listed")
        self.assertRegex(group["entry"], r"new\.toml:\d+$")
        back = self.ask("diff", new, old)
        self.assertGreater(back["senders_refused"], 0)
        self.assertEqual(back["new_relays"], 0)
        same = self.ask("diff", old, old)
        self.assertEqual(same["groups"], [])

    def test_diff_of_policies(self) -> None:
        """Each configuration is asked by the policy in Python and the lists
        that it names, not by those of the running server."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        plain = Path(self.server.data, "imailpy.toml").read_text("utf-8")
        for name, text in (
            ("old.toml", plain),
            ("new.toml", f"{plain}\n[policy]\nfile = 'policy.py'\n"),
            ("bad.toml", f"{plain}\n[policy]\nfile = 'bad.py'\n"),
            (
                "list.toml",
                f"{plain}\n[relay]\npolicy = 'addresses'\n"
                "addresses_file = 'clients'\n",
            ),
            ("clients", "198.51.100.200\n"),
            ("bad.py", "x = (\n"),
            (
                "policy.py",
                "from imailpy.policy.api import on_rcpt, recipient, reject\n"
                "@on_rcpt('no_bob')\n"
                "def no_bob(facts):\n"
                "    if recipient(facts) == 'bob@example.test':\n"
                "        return reject('it is bob', 'Not bob')\n",
            ),
        ):
            Path(folder, name).write_text(text, encoding="utf-8")
        old, new = f"{folder}/old.toml", f"{folder}/new.toml"
        [group] = self.ask("diff", old, new, "--most", "0")["groups"]
        self.assertEqual(group["new_rule"], "policy.no_bob")
        self.assertEqual(self.ask("diff", new, new)["groups"], [])
        listed = self.ask("diff", old, f"{folder}/list.toml", code=1)
        self.assertIn("clients:1", {e["entry"][-9:] for e in listed["groups"]})
        done = self.server.imailctl("diff", old, f"{folder}/bad.toml")
        self.assertIn("bad.py:1: SyntaxError", done.stderr)
        found = self.ask("check", f"{folder}/bad.toml", code=1)
        [problem] = found["problems"]
        self.assertEqual(problem["kind"], "policy")
        self.assertRegex(problem["entry"], r"bad\.toml:\d+$")

    def test_shipped_configuration_passes(self) -> None:
        """The shipped configuration relays for nobody, and neither does
        that of the demonstration; a certificate that is not there yet is a
        warning, no problem."""
        etc = Path(__file__).parents[2] / "etc" / "imailpy.toml"
        found = self.ask("check", str(etc))
        self.assertEqual(found["problems"], [])
        self.assertEqual(found["played"], 20_000)
        self.assertIn("no certificate", found["warnings"][0])
        self.assertEqual(self.ask("check")["problems"], [])


class OfflineTests(SynchronousTestCase):
    """Without a running server."""

    def test_offline(self) -> None:
        """Configuration and store are enough, for before and after."""
        server = Server()
        self.addCleanup(server.stop)
        server.start()
        config = f"{server.data}/imailpy.toml"
        session = re.findall("session=([a-z0-9]+)", server.log_text())
        server._end(15)
        words = ("why", "--from", FROM, "--to", TO, "--ip", "203.0.113.9")
        done = server.imailctl("--config", config, "--json", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        outcome = json.loads(done.stdout)["outcome"]
        self.assertEqual(outcome["rule"], "relay.stranger")
        if session:
            done = server.imailctl("--config", config, "why", session[-1])
            self.assertIn("connect.accept", done.stdout, done.stderr)
        done = server.imailctl("--config", config, "policy", "show")
        self.assertIn("relay.policy (default)", done.stdout)
