"""A Postfix of Debian's on a loopback port, everything in one folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from unittest import SkipTest

from tests.support.server import HOST, free_port, program, wait_for

SERVICES = """
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
"""


class Postfix:
    """
    Takes mail for `elsewhere.test` into Maildirs; refuses `refused@`.

    Attributes:
        port: Where it listens.
    """

    def __init__(self) -> None:
        self.postfix = program("postfix")
        if os.geteuid() != 0:
            raise SkipTest("Postfix must be started as root")
        # Short: its sockets' paths have to fit.
        self.folder = tempfile.mkdtemp(prefix="pf-", dir="/tmp")
        self.config = os.path.join(self.folder, "config")
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def _write(self, name: str, text: str) -> str:
        path = os.path.join(self.config, name)
        Path(path).write_text(text, encoding="utf-8")
        return path

    def start(self) -> Postfix:
        """Configure and start it."""
        for name in ("queue", "data", "mail", "config"):
            os.makedirs(os.path.join(self.folder, name))
        user = pwd.getpwnam("postfix")
        for name in ("data", "mail"):
            shutil.chown(os.path.join(self.folder, name), "postfix")
        os.chmod(self.folder, 0o755)
        boxes = self._write("boxes", "friend@elsewhere.test friend/\n")
        access = self._write(
            "access", "refused@elsewhere.test 550 5.7.1 nobody wants this\n"
        )
        self._write(
            "main.cf",
            f"""compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.elsewhere.test
inet_interfaces = {HOST}
inet_protocols = ipv4
mynetworks =
mydestination =
alias_maps =
local_recipient_maps =
disable_dns_lookups = yes
smtpd_peername_lookup = no
maillog_file = {self.folder}/log
maillog_file_prefixes = /
virtual_mailbox_domains = elsewhere.test
virtual_mailbox_maps = texthash:{boxes}
virtual_mailbox_base = {self.folder}/mail
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
virtual_minimum_uid = 1
smtpd_recipient_restrictions =
 check_recipient_access texthash:{access}, reject_unauth_destination
""",
        )
        self._write(
            "master.cf", f"{HOST}:{self.port} inet n - n - - smtpd{SERVICES}"
        )
        self.process = subprocess.Popen(
            [self.postfix, "-c", self.config, "start-fg"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for("Postfix's greeting", self._ready)
        return self

    def _ready(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), 5) as stream:
                return stream.recv(3) == b"220"
        except OSError:
            return False

    def mails(self, user: str = "friend") -> list[bytes]:
        """What it has put into a Maildir."""
        new = Path(self.folder, "mail", user, "new")
        return [path.read_bytes() for path in sorted(new.glob("*"))]

    def log_text(self) -> str:
        """What it said."""
        return Path(self.folder, "log").read_text(encoding="utf-8")

    def stop(self) -> None:
        """Stop it, and all its children."""
        subprocess.run(
            [self.postfix, "-c", self.config, "stop"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if self.process is not None:
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
