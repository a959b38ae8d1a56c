"""What we are made of: pinned, listed, and silent while it is imported."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.house.source import HOUSE

LOCK = HOUSE / "etc" / "requirements.lock"
PINNED = re.compile(
    r"^([a-z0-9.-]+)==(\S+) \\\n"
    r"((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
    re.M,
)
# No name is looked up and no connection opened by whoever imports this.
IMPORT_ALL = """
import pkgutil, socket, sys

def never(*arguments, **more):
    raise SystemExit(f"network at import: {arguments}")

socket.socket.connect = never
socket.socket.connect_ex = never
socket.getaddrinfo = never
socket.gethostbyname = never
import imailpy
for module in pkgutil.walk_packages(imailpy.__path__, "imailpy."):
    __import__(module.name)
if "twisted.internet.reactor" in sys.modules and not any(
    name.endswith("offline") for name in sys.modules
):
    raise SystemExit("the reactor was installed by an import")
print("quiet")
"""
# What comes with an extra is missing where nobody asked for it.
IMPORT_WITHOUT = """
import pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"no module named {name}", name=name)

sys.meta_path.insert(0, Missing())
import imailpy
for module in pkgutil.walk_packages(imailpy.__path__, "imailpy."):
    if module.name not in WITH_EXTRAS:
        __import__(module.name)
print("whole")
"""
# Imported with the first question to an LDAP server or about a token.
WITH_EXTRAS = (
    "imailpy.realm.ldap.codec",
    "imailpy.realm.ldap.connection",
    "imailpy.realm.tokens.jwt",
    "imailpy.realm.tokens.keys",
)


def declared(section: str, key: str) -> set[str]:
    """Give the names of packages that setup.cfg asks for."""
    settings = configparser.ConfigParser()
    settings.read(HOUSE / "setup.cfg")
    return {
        re.split(r"[\s\[>=<]", line)[0].replace(".", "-")
        for line in settings[section][key].split("\n")
        if line
    }


def pinned() -> dict[str, str]:
    """Give name -> version of everything that the lock pins with hashes."""
    text = LOCK.read_text(encoding="utf-8")
    return {name: version for name, version, _ in PINNED.findall(text)}


class SupplyTests(SynchronousTestCase):
    """The supply chain [SECURITY B15.7]."""

    def test_B15_7_pinned_with_hashes(self) -> None:
        """Every package we ask for is pinned, with hashes, and no other."""
        wanted = declared("options", "install_requires")
        self.assertEqual(wanted - set(pinned()), set())
        lines = [
            line
            for line in LOCK.read_text(encoding="utf-8").splitlines()
            if "==" in line
        ]
        self.assertEqual(len(lines), len(pinned()))

    def test_B15_7_bill_of_materials(self) -> None:
        """The bill of materials lists what the lock pins."""
        bill = json.loads(
            (HOUSE / "etc" / "sbom.json").read_text(encoding="utf-8")
        )
        listed = {part["name"]: part["version"] for part in bill["components"]}
        self.assertEqual(listed, pinned())

    def test_B15_7_no_network_at_import(self) -> None:
        """Importing every module of ours asks nobody anything."""
        done = subprocess.run(
            [sys.executable, "-c", IMPORT_ALL],
            cwd=HOUSE,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.stdout.strip(), "quiet", done.stderr[-2000:])

    def test_extras_are_left_out(self) -> None:
        """Nothing of an extra is needed by who has not installed it."""
        extras: set[str] = set()
        for name in ("oidc", "ldap", "import"):
            extras |= declared("options.extras_require", name)
        self.assertEqual(extras, {"bcrypt", "joserfc", "ldaptor"})
        text = IMPORT_WITHOUT.replace("WITH_EXTRAS", repr(WITH_EXTRAS))
        done = subprocess.run(
            [sys.executable, "-c", text.replace("EXTRAS", repr(extras))],
            cwd=HOUSE,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.stdout.strip(), "whole", done.stderr[-2000:])
