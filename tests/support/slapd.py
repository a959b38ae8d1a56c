"""Debian's slapd, as a process of its own on loopback, in its own folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from imailpy.tls import selfsigned
from imailpy.world.real import RealWorld
from tests.support.server import HOST, free_port, program, wait_for

BASE = "ou=people,dc=example,dc=test"
SERVICE = "cn=imailpy,dc=example,dc=test"
SERVICE_PASSWORD = "service-secret-6201"

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCertificateFile {folder}/tls/self-signed.crt
TLSCertificateKeyFile {folder}/tls/self-signed.key
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{service}" read by * none
database mdb
suffix "dc=example,dc=test"
directory {folder}/data
"""

_HEAD = f"""\
dn: dc=example,dc=test
objectClass: domain
dc: example

dn: {SERVICE}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: imailpy
userPassword: {SERVICE_PASSWORD}

dn: {BASE}
objectClass: organizationalUnit
ou: people

"""


def person(uid: str, password: str, *mail: str, **more: str) -> str:
    """Spell one user as LDIF."""
    lines = [
        f"dn: uid={uid},{BASE}",
        "objectClass: inetOrgPerson",
        f"uid: {uid}",
        f"cn: {uid}",
        f"sn: {uid}",
        f"userPassword: {password}",
        *(f"mail: {each}" for each in mail),
        *(f"{name}: {value}" for name, value in more.items()),
    ]
    return "\n".join(lines) + "\n\n"


class Slapd:
    """
    A directory of users.

    Args:
        people: LDIF below `BASE`, as `person` spells it.
    """

    def __init__(self, *people: str) -> None:
        self._slapd = program("slapd")
        self._slapadd = program("slapadd")
        self.folder = tempfile.mkdtemp(prefix="imailpy-slapd-")
        self.port, self.tls_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        os.mkdir(f"{self.folder}/data")
        selfsigned.ensure(
            RealWorld(None), f"{self.folder}/tls", ["localhost"], [HOST]
        )
        self._conf = f"{self.folder}/slapd.conf"
        Path(self._conf).write_text(
            _CONFIGURATION.format(folder=self.folder, service=SERVICE)
        )
        ldif = Path(self.folder, "people.ldif")
        ldif.write_text(_HEAD + "".join(people), encoding="utf-8")
        subprocess.run(
            [self._slapadd, "-f", self._conf, "-l", str(ldif)],
            check=True,
            capture_output=True,
        )

    @property
    def certificate(self) -> str:
        """What a client has to trust."""
        return f"{self.folder}/tls/self-signed.crt"

    def start(self) -> Slapd:
        """Start, and wait until it listens."""
        self.process = subprocess.Popen(
            [
                self._slapd,
                "-f",
                self._conf,
                "-h",
                f"ldap://{HOST}:{self.port}/ ldaps://{HOST}:{self.tls_port}/",
                # In the foreground, saying nothing.
                "-d",
                "0",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def ready() -> bool:
            try:
                socket.create_connection((HOST, self.tls_port), 5).close()
            except OSError:
                return False
            return True

        wait_for("slapd", ready)
        return self

    def pause(self) -> None:
        """Have it hang: it takes connections, and answers nothing."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it answer again."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it; `start` starts it again."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def close(self) -> None:
        """End it, and remove the folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
