"""
Reading the file, and looking at those that it names.

Everything is told at once: what is no TOML alone, because nothing can be
said about the rest; all other complaints together.
"""

from __future__ import annotations

from collections.abc import Iterator

from imailpy.config import relaying
from imailpy.config.access import read_list
from imailpy.config.checks import CHECKS, every_value
from imailpy.config.checks import certificates as needs_certificates
from imailpy.config.complaint import Complaint, ConfigError
from imailpy.config.lines import KeyPath
from imailpy.config.read import build, complain, read_toml
from imailpy.config.schema import Access, Configuration
from imailpy.interfaces.world import IDisk
from imailpy.mail import Secret
from imailpy.world.real_disk import RealDisk


def load(path: str, disk: IDisk | None = None) -> Configuration:
    """
    Read a configuration file and all that can be known to be wrong with it.

    Raises:
        ConfigError: With every complaint.
        OSError: The file cannot be read.
    """
    disk = disk or RealDisk()
    octets = disk.read_foreign(path)
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise ConfigError(
            [Complaint(line, 1, "", "not UTF-8; save it as UTF-8", path)]
        ) from None
    return parse(text, path, disk)


def parse(
    text: str,
    file: str = "imailpy.toml",
    disk: IDisk | None = None,
    *,
    certificates: bool = True,
) -> Configuration:
    """
    Read a configuration's text.

    Args:
        file: Its name, for complaints; relative paths begin where it is.
        disk: Where the files that it names are; None: do not look at them.
        certificates: Whether they must be there; who only decides needs none.
    """
    raw, lines = read_toml(text, file)
    configuration, wrong = build(raw, lines, file)
    broken = {path[0] for path, _ in wrong}
    wrong.extend(every_value(configuration))
    for sections, check in CHECKS:
        if check is needs_certificates and not certificates:
            continue
        if not sections & broken:
            wrong.extend(check(configuration))
    if disk is not None:
        if certificates:
            wrong.extend(_certificates(configuration, disk))
        wrong.extend(_named_files(configuration, disk))
    if wrong:
        raise ConfigError(
            [complain(configuration, path, text) for path, text in wrong]
        )
    return configuration


def read_password(path: str, disk: IDisk) -> Secret:
    """Read the one line of a password file; raises `OSError`."""
    octets = disk.read_foreign(path, private=True)
    return Secret(octets.partition(b"\n")[0].rstrip(b"\r"))


# (section, key, whether it holds a secret)
_ELSEWHERE = (
    ("oidc", "jwks_file", False),
    ("oidc", "client_secret_file", True),
    ("ldap", "bind_password_file", True),
)


def _certificates(
    configuration: Configuration, disk: IDisk
) -> Iterator[tuple[KeyPath, str]]:
    for at, pair in enumerate(configuration.tls.certificates):
        path: KeyPath = ("tls", "certificates", at)
        yield from _file((*path, "certificate"), pair.certificate, disk, False)
        yield from _file((*path, "key"), pair.key, disk, True)


def _named_files(
    configuration: Configuration, disk: IDisk
) -> Iterator[tuple[KeyPath, str]]:
    trust_file = configuration.tls.trust_file
    if trust_file:
        yield from _file(("tls", "trust_file"), trust_file, disk, False)
    for section, key, secret in _ELSEWHERE:
        named = getattr(getattr(configuration, section), key)
        if named:
            yield from _file((section, key), named, disk, secret)
    for service, access in configuration.access.items():
        if access.file:
            yield from _access_file(("access", service, "file"), access, disk)
    policy = configuration.policy
    for key, named in (("file", policy.file), ("tests", policy.tests)):
        if named:
            yield from _file(("policy", key), named, disk, False)
    delivery = configuration.delivery
    hops: list[tuple[KeyPath, str]] = [
        (("delivery", "smart_host"), delivery.smart_host.password_file)
    ]
    for name, route in delivery.routes.items():
        hops.append((("delivery", "routes", name), route.password_file))
    for name, onward in configuration.relay.domains.items():
        hops.append((("relay", "domains", name), onward.password_file))
    yield from relaying.files(configuration, disk)
    for path, file in hops:
        if file:
            yield from _file((*path, "password_file"), file, disk, True)


def _access_file(
    path: KeyPath, access: Access, disk: IDisk
) -> Iterator[tuple[KeyPath, str]]:
    """Look whether a list can be read, and where it is wrong."""
    try:
        read_list(access.file, disk)
    except (OSError, ValueError) as error:
        yield path, getattr(error, "strerror", None) or str(error)


def _file(
    path: KeyPath, name: str, disk: IDisk, secret: bool
) -> Iterator[tuple[KeyPath, str]]:
    """Look whether a file is there, and who may read it."""
    try:
        octets = disk.read_foreign(name, private=secret)
    except FileNotFoundError:
        yield path, f"{name} does not exist"
    except OSError as error:
        yield path, f"{name}: {error.strerror}"
    else:
        if not octets.strip():
            yield path, f"{name} is empty"
