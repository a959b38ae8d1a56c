"""Proxies, XCLIENT, VRFY, EXPN and sending limits in the configuration."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.config import ConfigError, Configuration, parse, rooms
from imailpy.config.demo import demo
from imailpy.config.listeners import listeners
from imailpy.config.providers import Providers
from imailpy.policy.settings import OverLimit, SendingLimits
from tests.config.test_read import PLAIN

DISK: Any = None
PROXIED = PLAIN.replace("smtp.tls", "smtp.proxy = ['10.0.0.5']\nsmtp.tls")


def listener(configuration: Configuration, name: str) -> Any:
    (found,) = [
        each
        for each in listeners(configuration.listeners)
        if each.name == name
    ]
    return found


class PeerTests(SynchronousTestCase):
    """What the file says reaches the rooms."""

    def test_smtp(self) -> None:
        """Lists of peers reach the SMTP listeners."""
        read = parse(
            PLAIN + "[smtp]\nxclient = ['10.0.0.5']\nxclient_login = true\n"
            "vrfy_allowed = ['10.0.0.6']\nexpn_allowed = ['10.0.0.7']\n"
            "recipient_delay_ms = 250\n"
        )
        told = rooms.smtp(read, listener(read, "smtp"))
        self.assertIn("10.0.0.5", told.xclient)
        self.assertTrue(told.xclient_login)
        self.assertIn("10.0.0.6", told.vrfy_allowed)
        self.assertIn("10.0.0.7", told.expn_allowed)
        self.assertEqual(told.recipient_delay_s, 0.25)

    def test_proxies(self) -> None:
        """Proxies reach their listener; which ones can change at a reload,
        whether there are any cannot."""
        providers = Providers(parse(PROXIED), DISK)
        told = providers.proxied["smtp"]
        self.assertIn("10.0.0.5", told.current.peers)
        self.assertEqual(
            (told.current.direct, told.current.header_s), (False, 10.0)
        )
        providers.reload(
            parse(
                PROXIED.replace("10.0.0.5", "10.0.0.6").replace(
                    "smtp.tls",
                    "smtp.proxy_direct = true\nsmtp.proxy_header_s = 3\n"
                    "smtp.tls",
                )
            )
        )
        self.assertNotIn("10.0.0.5", told.current.peers)
        self.assertIn("10.0.0.6", told.current.peers)
        self.assertEqual(
            (told.current.direct, told.current.header_s), (True, 3.0)
        )
        with self.assertRaises(ConfigError):
            providers.reload(parse(PLAIN))

    def test_sending(self) -> None:
        """Limits reach the policy, each with its own default."""
        read = parse(
            PLAIN + "[sending]\nmessages_a_day = 1\nrecipients_a_day = 2\n"
            "first_time_recipients_a_day = 3\nburst = 4\nover = 'hold'\n"
        )
        self.assertEqual(
            rooms.realm(read).policy.sending,
            SendingLimits(1, 2, 3, 4, OverLimit.HOLD),
        )
        nothing = rooms.realm(parse(PLAIN)).policy
        self.assertEqual(nothing.sending, SendingLimits())

    def test_demo(self) -> None:
        """The demonstration counts nobody's mail."""
        read = parse(demo("/tmp/demo"))
        self.assertFalse(rooms.realm(read).policy.sending.any)
