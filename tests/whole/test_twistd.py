"""The server under twistd, as operators and init systems start it."""

from __future__ import annotations

import imaplib
import json
import os
import pwd
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.support.server import HOST, HOUSE, program, wait_for
from tests.support.twistd import Installed, Talk

ALICE = "alice@example.test"
PASSWORD = "alice-is-not-her-password"
MAIL = b"From: a@outside.test\r\nSubject: %b\r\n\r\nhello\r\n"


def closed_directory() -> str | None:
    """A directory above Python that only root may enter, if there is one."""
    for above in reversed(Path(sys.base_prefix).parents):
        if not above.stat().st_mode & stat.S_IXOTH:
            return str(above)
    return None


def for_nobody() -> tuple[str, ...]:
    """What to put before a command, so that nobody can run Python, too."""
    closed = closed_directory()
    if closed is None:
        return ()
    base = sys.base_prefix
    script = (
        f"set -e; keep=$(mktemp -d); mount --rbind {base} $keep;"
        f"mount -t tmpfs -o mode=755 none {closed};"
        f'mkdir -p {base}; mount --rbind $keep {base}; exec "$@"'
    )
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c")
    if subprocess.run([*words, "true"], capture_output=True).returncode:
        raise SkipTest(f"nobody may enter {closed}, and unshare is denied")
    return (*words, script, "sh")


def low_port() -> int:
    """A free port that only root may bind."""
    for port in range(600, 1000):
        with socket.socket() as stream:
            try:
                stream.bind((HOST, port))
            except OSError:
                continue
            return port
    raise SkipTest("no free port below 1024")


def status(path: str) -> dict[str, str]:
    """Read /proc/.../status."""
    lines = Path(path).read_text(encoding="ascii").splitlines()
    return {
        name: value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }


class TwistdCase(SynchronousTestCase):
    """One installation for each test."""

    def install(self, **more) -> Installed:
        """Make an installation that goes when the test is over."""
        made = Installed(**more)
        self.addCleanup(made.close)
        return made

    def subjects(self, there: Installed) -> list[bytes]:
        """Subjects of alice's mail."""
        with imaplib.IMAP4(HOST, there.ports["imap"], timeout=20) as client:
            client.login(ALICE, PASSWORD)
            client.select("INBOX")
            _, data = client.fetch("1:*", "(BODY.PEEK[HEADER])")
            texts = b"".join(p[1] for p in data if isinstance(p, tuple))
            return re.findall(rb"Subject: (\S+)", texts)


class PrivilegeTests(TwistdCase):
    """Root binds the ports; nobody serves them."""

    def setUp(self) -> None:
        if os.getuid():
            raise SkipTest("not root")
        self.nobody = pwd.getpwnam("nobody")

    def daemon(self, there: Installed) -> int:
        """Start as a daemon of nobody; give its process id."""
        user, group = self.nobody.pw_uid, self.nobody.pw_gid
        there.give_to(user, group)
        process = there.run(
            f"--pidfile={there.folder}/pid",
            f"--logfile={there.folder}/log",
            f"--uid={user}",
            f"--gid={group}",
            "imailpy",
            "--config",
            there.config,
            prefix=for_nobody(),
        )
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, output)
        there.wait_ready()
        number = int(Path(there.folder, "pid").read_text(encoding="ascii"))
        self.addCleanup(self.end, number)
        return number

    def end(self, number: int) -> None:
        """SIGTERM, and wait for the end."""

        def gone() -> bool:
            try:
                return status(f"/proc/{number}/status")["State"][0] == "Z"
            except OSError:
                return True

        if not gone():
            os.kill(number, signal.SIGTERM)
            wait_for("its end", gone, 20)

    def test_B15_1_B15_8_daemon_of_another_user(self) -> None:
        """Nothing of root is left in the daemon, and it works."""
        there = self.install()
        port = low_port()
        there.write(
            there.text.replace(
                f"port = {there.ports['smtp']}\n", f"port = {port}\n"
            )
        )
        there.ports["smtp"] = port
        number = self.daemon(there)
        there.account(ALICE, PASSWORD)
        talk = there.smtp()
        self.assertIn("250", talk.send(ALICE, MAIL % b"daemon"))
        talk.close()
        self.assertEqual(self.subjects(there), [b"daemon"])
        self.check_threads(number)
        self.check_files(there)
        reloaded = there.imailctl("reload")
        self.assertEqual(reloaded.returncode, 0, reloaded.stderr)
        os.kill(number, signal.SIGUSR1)
        self.end(number)
        self.assertFalse(os.path.exists(f"{there.folder}/pid"))
        self.assertIn("server.stopped", there.log_text())

    def check_threads(self, number: int) -> None:
        """B15.1 and B15.8: what the system knows of every thread."""
        user, group = str(self.nobody.pw_uid), str(self.nobody.pw_gid)
        tasks = os.listdir(f"/proc/{number}/task")
        self.assertGreater(len(tasks), 1)
        for task in tasks:
            facts = status(f"/proc/{number}/task/{task}/status")
            self.assertEqual(facts["Uid"].split(), [user] * 4)
            self.assertEqual(facts["Gid"].split(), [group] * 4)
            self.assertEqual(set(facts["Groups"].split()), {group})
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(facts[kind], 16), 0, kind)
            self.assertEqual(facts["Umask"], "0077")
        limits = Path(f"/proc/{number}/limits").read_text(encoding="ascii")
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        # What is not dumpable belongs to root in /proc.
        self.assertEqual(os.stat(f"/proc/{number}/environ").st_uid, 0)

    def check_files(self, there: Installed) -> None:
        """B12.4: all of it is nobody's, and nobody else's."""
        for path, names, files in os.walk(there.data):
            for name in (".", *names, *files):
                found = os.lstat(os.path.join(path, name))
                self.assertEqual(found.st_uid, self.nobody.pw_uid, name)
                if not stat.S_ISLNK(found.st_mode):
                    self.assertEqual(found.st_mode & 0o077, 0, name)
        log = os.stat(f"{there.folder}/log")
        self.assertEqual(log.st_uid, self.nobody.pw_uid)
        self.assertEqual(log.st_mode & 0o077, 0)

    def test_B15_1_euid_is_refused(self) -> None:
        """--euid would keep the way back to root open."""
        there = self.install()
        code, output = there.refused(
            "-n", "--euid", "--uid=65534", "imailpy", "--config", there.config
        )
        self.assertEqual(code, 1)
        self.assertIn("--euid is refused", output)

    def test_B15_1_euid_is_refused_under_a_tac(self) -> None:
        """Also where the options of twistd are not ours."""
        there = self.install()
        there.give_to(self.nobody.pw_uid, self.nobody.pw_gid)
        tac = Path(there.folder, "mail.tac")
        tac.write_text(
            "from twisted.application.service import Application\n"
            "from imailpy.tap import make_service\n"
            "application = Application('mail')\n"
            f"make_service({there.config!r})"
            ".setServiceParent(application)\n",
            encoding="utf-8",
        )
        code, output = there.refused(
            "-n",
            "--pidfile=",
            "--euid",
            f"--uid={self.nobody.pw_uid}",
            f"--gid={self.nobody.pw_gid}",
            "-y",
            str(tac),
            prefix=for_nobody(),
        )
        self.assertEqual(code, 77, output)

    def test_ports_below_1024(self) -> None:
        """Who may not bind a port is told so: exit 77."""
        if not Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").exists():
            raise SkipTest("not Linux")
        there = self.install()
        user, group = self.nobody.pw_uid, self.nobody.pw_gid
        there.give_to(user, group)
        there.write(
            there.text.replace(
                f"port = {there.ports['smtp']}\n", f"port = {low_port()}\n"
            )
        )
        code, output = there.refused(
            "-n",
            "--pidfile=",
            "imailpy",
            "--config",
            there.config,
            prefix=(
                *for_nobody(),
                program("setpriv"),
                f"--reuid={user}",
                f"--regid={group}",
                "--clear-groups",
            ),
        )
        self.assertEqual(code, 77, output)
        self.assertIn("ermission denied", output)


class ExitCodeTests(TwistdCase):
    """Why it did not start, for a person and for an init system."""

    def refused(self, there: Installed) -> tuple[int, str]:
        """Try to start."""
        return there.refused(
            "-n",
            f"--pidfile={there.folder}/pid2",
            "imailpy",
            "--config",
            there.config,
        )

    def test_B15_6_every_complaint(self) -> None:
        """A wrong configuration: 78, and everything that is wrong."""
        there = self.install()
        there.write(
            there.text.replace("min_free_mb", "min_fre_mb")
            + '[relay]\npolicy = "everybody"\n[log]\nlevel = 7\n'
        )
        code, output = self.refused(there)
        self.assertEqual(code, 78)
        for said in ("min_fre_mb", "min_free_mb", "everybody", '"level"'):
            self.assertIn(said, output)
        self.assertNotIn("Traceback", output)
        checked = there.imailctl("config", "check")
        self.assertEqual(checked.returncode, 78)

    def test_B12_5_key_that_others_may_read(self) -> None:
        """A private key that others may read: 78."""
        there = self.install()
        os.chmod(f"{there.folder}/tls/self-signed.key", 0o640)
        code, output = self.refused(there)
        self.assertEqual(code, 78)
        self.assertIn("chmod 600", output)

    def test_B12_5_data_that_others_may_enter(self) -> None:
        """A data directory that is open to others: 77."""
        there = self.install()
        os.chmod(there.data, 0o755)
        code, output = self.refused(there)
        self.assertEqual(code, 77)
        self.assertIn("open to others", output)
        self.assertFalse(os.path.exists(f"{there.folder}/pid2"))

    def test_taken(self) -> None:
        """A second server: 69 for the port, 75 for the directory."""
        there = self.install()
        there.start()
        code, output = self.refused(there)
        self.assertEqual(code, 69)
        self.assertIn("in use", output)
        other = self.install()
        other.write(other.text.replace(other.data, there.data))
        code, output = self.refused(other)
        self.assertEqual(code, 75)
        self.assertIn("in use by another process", output)

    def test_daemon_that_cannot_start(self) -> None:
        """The parent of a daemon tells why, and no pid file stays."""
        there = self.install()
        os.chmod(there.data, 0o755)
        code, output = there.refused(
            f"--pidfile={there.folder}/pid",
            f"--logfile={there.folder}/log",
            "imailpy",
            "--config",
            there.config,
        )
        self.assertEqual(code, 1)
        self.assertIn("open to others", output)
        # It tells its parent first.
        pid = f"{there.folder}/pid"
        wait_for("the pid file to go", lambda: not os.path.exists(pid), 10)

    def test_help(self) -> None:
        """twistd lists the plugin, and the plugin its options."""
        there = self.install()
        code, output = there.refused("--help")
        self.assertEqual(code, 0)
        self.assertIn("imailpy", output)
        code, output = there.refused("imailpy", "--help")
        self.assertEqual(code, 0)
        for option in ("--config", "--demo", "--port-offset", "--smarthost"):
            self.assertIn(option, output)


class RunningTests(TwistdCase):
    """A server that runs."""

    def test_tac(self) -> None:
        """etc/imailpy.tac serves the same listeners."""
        there = self.install()
        process = there.run(
            "-noy",
            f"{HOUSE}/etc/imailpy.tac",
            "--pidfile=",
            f"--logfile={there.folder}/log",
            IMAILPY_CONFIG=there.config,
        )
        there.wait_ready(process)
        for name, port in there.ports.items():
            with socket.create_connection((HOST, port), 5) as stream:
                self.assertTrue(stream.getpeername(), name)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)

    def served(self, there: Installed) -> bytes:
        """The certificate that an IMAP client sees."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection((HOST, there.ports["imaps"]), 5) as plain,
            context.wrap_socket(plain, server_hostname="x.test") as stream,
        ):
            return stream.getpeercert(binary_form=True)

    def test_reload(self) -> None:
        """A reload changes all or nothing, by SIGHUP or by imailctl."""
        there = self.install()
        process = there.start()
        there.account(ALICE, PASSWORD)
        first = self.served(there)

        def relayed() -> str:
            talk = there.smtp()
            said = talk.ask("MAIL FROM:<a@outside.test>")
            said = talk.ask("RCPT TO:<x@elsewhere.test>")
            talk.close()
            return said[:3]

        self.assertEqual(relayed(), "550")
        relay = '[relay]\npolicy = "addresses"\naddresses = ["127.0.0.1"]\n'
        there.write(there.text + relay + "[smpt]\n")
        there.new_certificate("other.example.test")
        refused = there.imailctl("--data", there.data, "reload")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("smpt", refused.stderr)
        # With the file itself it does not even ask.
        self.assertEqual(there.imailctl("reload").returncode, 78)
        self.assertEqual((relayed(), self.served(there)), ("550", first))
        # Half of a file, as an editor may leave it.
        there.write((there.text + relay)[:-20])
        process.send_signal(signal.SIGHUP)
        wait_for(
            "the refusal",
            lambda: there.log_text().count("reload_refused") == 2,
        )
        self.assertEqual((relayed(), self.served(there)), ("550", first))
        there.write(there.text + relay)
        process.send_signal(signal.SIGHUP)
        wait_for("relaying", lambda: relayed() == "250")
        self.assertNotEqual(self.served(there), first)
        there.write()
        self.assertEqual(there.imailctl("reload").returncode, 0)
        self.assertEqual(relayed(), "550")
        there.write(there.text.replace("[metrics]", "[metrics]\n#"))
        Path(f"{there.folder}/tls/self-signed.crt").write_text("x")
        again = there.imailctl("reload")
        self.assertEqual(again.returncode, 1, again.stdout)

    def test_end_finishes_what_was_accepted(self) -> None:
        """SIGTERM in the middle of DATA: stored and 250, or neither."""
        there = self.install()
        process = there.start()
        there.account(ALICE, PASSWORD)
        done = there.smtp()
        self.assertIn("250", done.send(ALICE, MAIL % b"before"))
        half = there.smtp()
        half.ask("MAIL FROM:<a@outside.test>")
        half.ask(f"RCPT TO:<{ALICE}>")
        self.assertIn("354", half.ask("DATA"))
        half.lines.write(MAIL % b"during")
        half.lines.flush()
        process.send_signal(signal.SIGTERM)
        try:
            said = half.ask(".")
        except OSError:
            said = ""
        self.assertEqual(process.wait(30), 0)
        there.start()
        want = [b"before"]
        if said.startswith("250"):
            want.append(b"during")
        self.assertEqual(self.subjects(there), want)
        for talk in (done, half):
            talk.close()

    def test_both_families(self) -> None:
        """A listener without an address serves IPv4 and IPv6."""
        there = self.install(address="")
        there.start()
        for host in ("127.0.0.1", "::1"):
            try:
                talk = Talk(there.ports["smtp"], host)
            except OSError as error:
                raise SkipTest(f"{host}: {error}") from None
            self.assertTrue(talk.reply().startswith("220"))
            self.assertIn("250", talk.ask("EHLO client.test"))
            talk.close()


class LogTests(TwistdCase):
    """Where the log goes, and in which form."""

    def lines(self, there: Installed, *twistd: str) -> list[str]:
        """Start, say something, stop; give what came to standard output."""
        process = there.run(
            "-n", "--pidfile=", *twistd, "imailpy", "--config", there.config
        )
        there.wait_ready(process)
        talk = there.smtp()
        talk.send("nobody@example.test", MAIL % b"x")
        talk.close()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)
        return output.splitlines()

    def test_json(self) -> None:
        """format = "json": every line is one object."""
        there = self.install(more='[log]\nformat = "json"\n')
        lines = [json.loads(line) for line in self.lines(there)]
        events = [line["event"] for line in lines]
        for event in ("log", "server.started", "server.stopped"):
            self.assertIn(event, events)
        self.assertTrue(all(line["level"] == "info" for line in lines))

    def test_text(self) -> None:
        """format = "text": a stamp, then the event and its facts."""
        there = self.install()
        lines = self.lines(there)
        for line in lines:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\S+Z ")
        self.assertTrue(any(" server.started " in line for line in lines))

    def test_level(self) -> None:
        """level = "debug": what was simply accepted is told, too."""
        there = self.install(more='[log]\nlevel = "debug"\n')
        accepted = [
            line
            for line in self.lines(there)
            if "verdict=accept" in line and "rule=hello." in line
        ]
        self.assertTrue(accepted)

    def test_logger_of_twistd(self) -> None:
        """twistd --logger takes our own observers."""
        there = self.install()
        lines = self.lines(
            there, "--logger", "imailpy.admin.journal.json_lines"
        )
        events = [json.loads(line)["event"] for line in lines]
        self.assertIn("server.started", events)


class UnitTests(SynchronousTestCase):
    """The unit file."""

    def test_B15_2_exposure(self) -> None:
        """systemd scores the unit at 1.5 or less."""
        done = subprocess.run(
            [
                program("systemd-analyze"),
                "security",
                "--offline=true",
                f"{HOUSE}/etc/imailpy.service",
            ],
            capture_output=True,
            text=True,
        )
        found = re.search(r"exposure level .*: ([\d.]+)", done.stdout)
        if found is None:
            raise SkipTest(f"systemd-analyze cannot: {done.stderr}")
        self.assertLessEqual(float(found.group(1)), 1.5)
