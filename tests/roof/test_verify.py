"""VRFY and EXPN, answered from the directory."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory

from imailpy.interfaces.directory import Alias
from imailpy.listeners.smtp import SmtpFactory, SmtpSettings
from imailpy.mail import Path
from imailpy.policy.networks import Networks
from tests.listeners.smtp.serving import Talker
from tests.roof.rooms import RoomsCase
from tests.support.settings import Fixed
from tests.support.still_world import result_of


class VerifyTests(RoomsCase):
    """REALM.md 2: unless a listed peer is allowed them."""

    def listed(self) -> Talker:
        listed = Networks.parse(["192.0.2.77"])
        factory = SmtpFactory(
            self.world,
            self.realm,
            self.delivery.receiver,
            self.journal,
            Fixed(SmtpSettings(vrfy_allowed=listed, expn_allowed=listed)),
        )
        self.world.network.listen("192.0.2.1", 2525, factory)
        talker = Talker(self.world)
        connected: Any = Factory.forProtocol(lambda: talker)
        self.world.network.connect("192.0.2.1", 2525, connected)
        self.world.run()
        talker.say(b"EHLO peer.test\r\n")
        return talker

    def test_answers(self) -> None:
        """VRFY tells whether somebody is there, EXPN where an alias leads;
        neither speaks of addresses that are not ours."""
        result_of(
            self.store.directory.add_alias(
                Alias(
                    Path.parse("all@example.test"),
                    (
                        Path.parse("alice@example.test"),
                        Path.parse("dan@elsewhere.test"),
                    ),
                )
            )
        )
        talker = self.listed()
        unknown = b"550 5.1.1 No such user here\r\n"
        for line, said in (
            (
                b"VRFY alice@example.test",
                b"250 2.1.5 <alice@example.test>\r\n",
            ),
            (
                b"VRFY Alice <alice+box@example.test>",
                b"250 2.1.5 <alice+box@example.test>\r\n",
            ),
            (b"VRFY all@example.test", b"250 2.1.5 <all@example.test>\r\n"),
            (b"VRFY no@example.test", unknown),
            (b"VRFY dan@elsewhere.test", unknown),
            (b"VRFY alice", unknown),
            (b"VRFY <<>", unknown),
            (
                b"EXPN all@example.test",
                b"250-2.1.5 <alice@example.test>\r\n"
                b"250 2.1.5 <dan@elsewhere.test>\r\n",
            ),
            (
                b"EXPN alice@example.test",
                b"250 2.1.5 <alice@example.test>\r\n",
            ),
            (b"EXPN dan@elsewhere.test", unknown),
            (b"EXPN", unknown),
        ):
            self.assertEqual(talker.say(line + b"\r\n", 0.1), said, line)
        self.assertIn("smtp.verified", self.journal.names())
        self.assertIn("smtp.expanded", self.journal.names())
