"""A house with one neighbour."""

from __future__ import annotations

import email
import email.policy
from typing import Any

from imailpy.mail import Reply
from tests.delivery.hosts import MailHost, zone
from tests.delivery.house import ALICE, HouseCase

HOUR, DAY = 3600.0, 86_400.0
HOST = "198.51.100.1"
NO_USER = Reply(550, "no such user", "5.1.1")
BUSY = Reply(451, "come back later", "4.3.2")


class OutCase(HouseCase):
    """A house with one neighbour, `out.test`."""

    def setUp(self) -> None:
        super().setUp()
        self.host = MailHost(self.world, HOST)
        self.resolver.zone = zone(out__test=[HOST])

    def out(self, *recipients: Any, sender: str = ALICE, **more: Any) -> None:
        """Accept mail of Alice's for the outside, and let it go."""
        replies = self.send(*recipients, sender=sender, **more)
        self.assertEqual({reply.code for reply in replies}, {250})
        self.delivery.start()
        self.world.run(10)

    def told(self, address: str = ALICE) -> Any:
        """The one report in somebody's inbox, as `email` reads it."""
        (mail,) = self.mails(address)
        return email.message_from_bytes(mail, policy=email.policy.SMTP)

    def fields(self, report: Any) -> list[dict[str, str]]:
        """The groups of fields of a report: the message's first."""
        (status,) = (
            part
            for part in report.walk()
            if part.get_content_type() == "message/delivery-status"
        )
        return [dict(group.items()) for group in status.get_payload()]
