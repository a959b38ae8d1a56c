"""The manual names every setting of the security realm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import attrs
from twisted.trial.unittest import SynchronousTestCase

from imailpy.config.schema import Configuration

HOUSE = Path(__file__).parents[2]
PAGES = HOUSE / "docs" / "manual" / "realm"
SECTIONS = (
    *("relay", "spoof", "access", "bans", "limits", "harvest", "stress"),
    *("sending", "hello", "smtp", "history", "policy", "login", "oidc"),
    *("ldap", "submission", "recipients"),
)
# Of a listener; the rest of it is no matter of the realm.
OF_LISTENERS = (
    *("auth", "plaintext_auth", "tls_client_ca", "open_relay"),
    *("proxy", "proxy_direct", "proxy_header_s"),
)


def keys(kind: Any) -> Iterator[str]:
    """Names of a section's settings, with those of the tables in it."""
    attrs.resolve_types(kind)
    for declared in attrs.fields(kind):
        inner = declared.type
        if get_origin(inner) in (dict, tuple):
            inner = get_args(inner)[get_origin(inner) is dict]
        if attrs.has(inner):
            yield from keys(inner)
        else:
            yield declared.name


def sections() -> Iterator[tuple[str, list[str]]]:
    """Give each section of the realm with its keys."""
    attrs.resolve_types(Configuration)
    for name in SECTIONS:
        kind = getattr(attrs.fields(Configuration), name).type
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        yield name, list(keys(kind))
    yield "listeners", list(OF_LISTENERS)


def wanting(pages: dict[str, str]) -> list[str]:
    """Give settings that no page names together with their section."""
    missing = []
    for section, names in sections():
        about = [
            text
            for text in pages.values()
            if re.search(rf"\[{section}[].]", text)
        ]
        for name in names:
            word = re.compile(
                rf"``(?:\[{section}\] )?{name}``|(?:^|[{{ ]){name} = ", re.M
            )
            if not any(word.search(text) for text in about):
                missing.append(f"{section}.{name}")
    return missing


class ManualTests(SynchronousTestCase):
    """docs/manual/realm."""

    def pages(self) -> dict[str, str]:
        return {
            each.name: each.read_text("utf-8") for each in PAGES.glob("*.rst")
        }

    def test_every_setting_has_its_place(self) -> None:
        """A page of the manual names the setting and its section."""
        self.assertEqual(wanting(self.pages()), [])

    def test_a_gap_is_noticed(self) -> None:
        """Without its page, a section's settings are missed."""
        pages = self.pages()
        del pages["sending-limits.rst"]
        self.assertIn("sending.first_time_recipients_a_day", wanting(pages))

    def test_every_page_can_be_found(self) -> None:
        """The list of pages names each of them."""
        listed = (PAGES.parent / "realm.rst").read_text("utf-8")
        for name in self.pages():
            self.assertIn(f"<realm/{name}>", listed)
