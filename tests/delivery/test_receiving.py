"""From a listener's pieces to a promise."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from imailpy.delivery.receiving import ordered_id
from imailpy.delivery.stamps import traces_in
from imailpy.errors import (
    OutcomeUnknown,
    PeerError,
    StorageFull,
    StoreUnavailable,
)
from imailpy.interfaces.delivery import IReceiver, IReceiving, Transaction
from imailpy.interfaces.realm import IAvatar
from imailpy.mail import (
    ACCEPTED,
    Client,
    Decision,
    Envelope,
    MailParameters,
    Path,
    Reply,
    Verdict,
)
from tests.delivery.house import (
    ALICE,
    ANN,
    BOB,
    CAROL,
    CLIENT,
    HouseCase,
    to,
)
from tests.support.still_world import result_of
from tests.support.store import SIMPLE, account_of

NO = Decision(Verdict.REJECT, "test.no", "scripted", Reply(550, "no", "5.7.1"))
LMTP = evolve(CLIENT, service="lmtp")


@implementer(IAvatar)
class Avatar:
    def __init__(self, account: Any) -> None:
        self.account = account
        self.identities: frozenset[str] = frozenset()
        self.domains: frozenset[str] = frozenset()

    def may_send_as(self, path: Path) -> bool:
        return True

    def logout(self) -> None:
        pass


class _Case(HouseCase):
    def quota(self, address: str, octets: int) -> None:
        account = account_of(self.store, address)
        result_of(
            self.store.directory.update_account(
                evolve(account, quota_octets=octets)
            )
        )

    def codes(self, replies: list[Reply]) -> list[str]:
        return [f"{reply.code} {reply.enhanced_status}" for reply in replies]

    def begin(self, **more: Any) -> Any:
        envelope = Envelope(Path.parse(ANN), (to(ALICE),))
        more.setdefault("envelope", envelope)
        return self.delivery.receiver.begin(
            Transaction("d1", CLIENT, "client.example", "ESMTP", **more)
        )


class LocalTests(_Case):
    """Mail for accounts of ours."""

    def test_provides(self) -> None:
        """Receiver and receiving provide what listeners expect."""
        self.assertTrue(verifyObject(IReceiver, self.delivery.receiver))
        self.assertTrue(verifyObject(IReceiving, self.begin()))

    def test_one_recipient(self) -> None:
        """A message lies in the inbox, byte for byte behind our fields."""
        (reply,) = self.send(ALICE)
        self.assertEqual(reply.code, 250)
        (mail,) = self.mails(ALICE)
        self.assertTrue(mail.endswith(SIMPLE))
        prefix = mail[: -len(SIMPLE)].decode()
        self.assertTrue(
            prefix.startswith(
                f"Return-Path: <{ANN}>\r\nDelivered-To: {ALICE}\r\n"
                "Received: from client.example ([203.0.113.9])\r\n"
            ),
            prefix,
        )
        self.assertIn(f"for <{ALICE}>", prefix)
        self.assertIn(reply.text.removeprefix("OK "), prefix)
        self.assertIn("delivery.stored", self.journal.names())

    def test_received_names_no_other_recipient(self) -> None:
        """With several recipients none is named in what others see."""
        self.send(ALICE, BOB)
        (mail,) = self.mails(ALICE)
        self.assertNotIn(b"bob", mail.replace(SIMPLE, b""))
        self.assertNotIn(b"for <", mail)

    def test_one_copy_a_mailbox(self) -> None:
        """However many ways lead to a mailbox, it gets one copy."""
        self.alias("all@example.test", ALICE, BOB)
        replies = self.send(ALICE, "all@example.test", "ALICE@example.test")
        self.assertEqual([reply.code for reply in replies], [250] * 3)
        self.assertEqual(len(self.mails(ALICE)), 1)
        self.assertEqual(len(self.mails(BOB)), 1)

    def test_boxes(self) -> None:
        """`user+box` reaches the mailbox, which is made; NUL discards."""
        self.send("alice+Lists@example.test", "bob-NUL@example.test")
        self.assertEqual(len(self.mails(ALICE, "Lists")), 1)
        self.assertEqual(self.mails(BOB), [])
        self.assertIn("delivery.discarded", self.journal.names())

    def test_only_discarded(self) -> None:
        """A message for nobody but NUL is accepted and stored nowhere."""
        (reply,) = self.send("alice+nul@example.test")
        self.assertEqual(reply.code, 250)
        self.assertEqual((self.mails(ALICE), self.rows()), ([], []))

    def test_mailbox_that_cannot_be_had(self) -> None:
        """A mailbox that the store refuses means the inbox."""
        self.few_mailboxes()
        (reply,) = self.send("alice+new@example.test")
        self.assertEqual(reply.code, 250)
        self.assertEqual(len(self.mails(ALICE)), 1)

    def test_quarantine(self) -> None:
        """What the realm keeps away from inboxes goes to Junk."""
        junk = Decision(Verdict.QUARANTINE, "test.junk", "scripted")
        self.send(ALICE, BOB, decisions=[junk, ACCEPTED])
        self.assertEqual(len(self.mails(ALICE, "Junk")), 1)
        self.assertEqual(len(self.mails(ALICE)), 0)
        self.assertEqual(len(self.mails(BOB)), 1)

    def test_verdicts_are_per_recipient(self) -> None:
        """Who is refused gets that reply and no mail, the others get it."""
        replies = self.send(ALICE, BOB, decisions=[NO, ACCEPTED])
        self.assertEqual(self.codes(replies), ["550 5.7.1", "250 2.0.0"])
        self.assertEqual((self.mails(ALICE), len(self.mails(BOB))), ([], 1))

    def test_all_refused(self) -> None:
        """A message that everybody is refused is stored nowhere."""
        replies = self.send(ALICE, BOB, decisions=[NO, NO])
        self.assertEqual([reply.code for reply in replies], [550, 550])
        self.assertEqual((self.mails(ALICE), self.mails(BOB)), ([], []))

    def test_gone_meanwhile(self) -> None:
        """An address that went away since RCPT is refused, others not."""
        replies = self.send("gone@example.test", BOB)
        self.assertEqual(self.codes(replies), ["550 5.1.1", "250 2.0.0"])

    def test_internationalized(self) -> None:
        """An address beyond ASCII is stored under its own name."""
        self.alias("jörg@example.test", ALICE)
        self.send("jörg@example.test", protocol="UTF8SMTP")
        (mail,) = self.mails(ALICE)
        self.assertIn("Delivered-To: jörg@example.test\r\n".encode(), mail)


class TroubleTests(_Case):
    """Full disks, full mailboxes, stores that fail."""

    def test_B8_4_lmtp_answers_each_for_itself(self) -> None:
        """LMTP: one over quota, one that cannot be told, one fine: three
        replies in order, each true."""
        self.quota(ALICE, 10)
        resolve = self.delivery.router.resolve

        async def sometimes(path: Path) -> Any:
            if path.domain == "other.test":
                raise StoreUnavailable("scripted")
            return await resolve(path)

        self.patch(self.delivery.router, "resolve", sometimes)
        replies = self.send(ALICE, CAROL, BOB, client=LMTP, protocol="LMTP")
        self.assertEqual(
            self.codes(replies), ["552 5.2.2", "451 4.3.0", "250 2.0.0"]
        )
        self.assertEqual(len(self.mails(BOB)), 1)
        self.assertEqual(self.rows(), [])

    def test_quota_of_all(self) -> None:
        """SMTP: when nobody has room, all of it is refused."""
        self.quota(ALICE, 10)
        self.quota(BOB, 10)
        replies = self.send(ALICE, BOB)
        self.assertEqual(self.codes(replies), ["552 5.2.2"] * 2)
        self.assertEqual(self.rows(), [])

    def test_quota_of_one(self) -> None:
        """SMTP: with the one reply that there is, who has no room is tried
        again until it has."""
        self.quota(ALICE, 10)
        replies = self.send("alice+work@example.test", BOB)
        self.assertEqual([reply.code for reply in replies], [250, 250])
        self.assertEqual(len(self.mails(BOB)), 1)
        (row,) = self.rows()
        self.assertEqual(row.route, "")
        self.start()
        self.world.run(400)
        self.assertEqual(self.mails(ALICE, "work"), [])
        self.quota(ALICE, 10_000)
        self.world.run(3600)
        (mail,) = self.mails(ALICE, "work")
        self.assertTrue(mail.endswith(SIMPLE))
        self.assertEqual(mail.count(b"Received:"), 1)
        self.assertEqual(self.rows()[0].state.value, "done")

    def test_large_message_for_one_who_has_no_room(self) -> None:
        """A message of two megabytes that one had no room for is there,
        whole, when it has."""
        octets = SIMPLE + b"0123456789" * 200_000 + b"\r\n"
        self.quota(ALICE, 10)
        self.send(ALICE, BOB, octets=octets)
        self.quota(ALICE, 10**9)
        self.start()
        self.world.run(3600)
        for address in (ALICE, BOB):
            (mail,) = self.mails(address)
            self.assertTrue(mail.endswith(octets), address)

    def test_part_of_an_alias(self) -> None:
        """LMTP: when one behind an alias has no room and another has, the
        message was taken, and the rest is tried again."""
        self.alias("both@example.test", ALICE, BOB)
        self.quota(ALICE, 10)
        (reply,) = self.send("both@example.test", client=LMTP)
        self.assertEqual(reply.code, 250)
        self.assertEqual(len(self.rows()), 1)

    def test_store_trouble_is_temporary(self) -> None:
        """Whatever the store's trouble, nothing is promised."""
        for error, code in (
            (StorageFull("scripted"), "452 4.3.1"),
            (StoreUnavailable("scripted"), "451 4.3.0"),
            (OutcomeUnknown("scripted"), "451 4.3.0"),
        ):

            async def fails(_: Any, error: Exception = error) -> Any:
                raise error

            self.patch(self.store, "accept", fails)
            replies = self.send(ALICE, BOB, decisions=[ACCEPTED, NO])
            self.assertEqual(self.codes(replies), [code, "550 5.7.1"])

    def test_full_spool(self) -> None:
        """A message for which the spool has no room is told at its end."""
        self.small_spool()
        receiving = self.begin()
        for _ in range(5):
            receiving.write(b"x" * 50)
        with self.assertRaises(StorageFull):
            receiving.finish()
        envelope = Envelope(
            Path.parse(ANN), (to(ALICE),), MailParameters(size_octets=101)
        )
        with self.assertRaises(StorageFull):
            self.begin(envelope=envelope).finish()

    def test_discard_at_any_time(self) -> None:
        """Forgetting a message does no harm, whenever it happens."""
        receiving = self.begin()
        receiving.discard()
        receiving.write(b"x")
        receiving = self.begin()
        receiving.write(SIMPLE)
        receiving.finish()
        receiving.discard()
        receiving.discard()
        self.assertEqual(self.mails(ALICE), [])

    def test_B3_6_second_copy_is_marked(self) -> None:
        """Who did not hear our 250 and comes again gets it kept and marked."""
        text = b"Message-ID: <same@x.test>\r\n\r\nhello\r\n"
        for delivery_id in ("d1", "d2"):
            envelope = Envelope(Path.parse(ANN), (to(ALICE),))
            receiving = self.delivery.receiver.begin(
                Transaction(
                    delivery_id, CLIENT, "client.example", "ESMTP", envelope
                )
            )
            receiving.write(text)
            receiving.finish()
            result_of(receiving.accept([ACCEPTED]))
        first, second = self.mails(ALICE)
        self.assertNotIn(b"X-Imailpy-Repeat-Of", first)
        self.assertIn(b"X-Imailpy-Repeat-Of: d1\r\n", second)
        self.assertIn("delivery.repeated", self.journal.names())

    def test_accepted_once(self) -> None:
        """A message that was never finished cannot be accepted."""
        receiving = self.begin()
        self.failureResultOf(receiving.accept([ACCEPTED]), ValueError)


class IdTests(SynchronousTestCase):
    """Delivery ids."""

    def test_sorts_by_time(self) -> None:
        """A later id sorts behind an earlier one, whatever is random."""
        earlier = ordered_id(1_700_000_000.001, "7" * 20)
        later = ordered_id(1_700_000_000.002, "2" * 20)
        self.assertLess(earlier, later)
        self.assertLess(later, ordered_id(2_700_000_000.0, "2" * 20))
        self.assertEqual(len(earlier), 20)


class LoopTests(_Case):
    """Messages that have come round."""

    def test_B5_13_hop_limit(self) -> None:
        """Fifty hops are taken, the fifty-first is a loop."""
        for hops, fine in ((50, True), (51, False), (60, False)):
            receiving = self.begin()
            receiving.write(b"Received: by x; today\r\n" * hops + SIMPLE)
            if fine:
                receiving.finish()
                continue
            with self.assertRaises(PeerError) as caught:
                receiving.finish()
            reply = caught.exception.reply
            self.assertEqual(
                (reply.code, reply.enhanced_status), (554, "5.4.6")
            )

    def test_B13_7_sent_on_and_back(self) -> None:
        """What an alias sent outside is refused when it comes back for the
        same alias; for another address it is taken."""
        self.alias("fwd@example.test", "x@out.test")
        self.send("fwd@example.test", BOB)
        (row,) = self.rows()
        body = result_of(self.store.queue.body(row.delivery_id))
        octets = b"".join(body.chunks())
        self.assertEqual(len(traces_in(octets)), 1)
        self.assertNotIn(b"fwd@", octets)
        replies = self.send("fwd@example.test", BOB, octets=octets)
        self.assertEqual(self.codes(replies), ["554 5.4.6", "250 2.0.0"])
        # The copy that stays here bears no mark.
        self.assertEqual(traces_in(self.mails(BOB)[0]), frozenset())


class SubmissionTests(_Case):
    """Mail from our own users."""

    def submit(self, octets: bytes, **more: Any) -> list[Reply]:
        return self.send(
            ALICE,
            octets=octets,
            sender=BOB,
            submission=True,
            protocol="ESMTPSA",
            avatar=Avatar(account_of(self.store, BOB)),
            **more,
        )

    def test_mended(self) -> None:
        """Date and Message-ID are added, Bcc goes, the body stays."""
        body = b"Good day.\r\n" * 5000
        self.submit(b"From: bob@example.test\r\nBcc: x@y.test\r\n\r\n" + body)
        (mail,) = self.mails(ALICE)
        self.assertIn(b"\r\nDate: ", mail)
        self.assertIn(b"\r\nMessage-ID: <", mail)
        self.assertNotIn(b"Bcc", mail)
        self.assertTrue(mail.endswith(b"\r\n\r\n" + body))

    def test_any_cut(self) -> None:
        """However the octets are cut, the same message is stored."""
        octets = (
            b"From: bob@example.test\r\nDate: Thu, 1 Jan 2026 12:00:00 +0000"
            b"\r\nMessage-ID: <1@x>\r\nSubject: a\r\n b\r\n\r\nhello\r\n"
        )
        envelope = Envelope(Path.parse(BOB), (to(ALICE),))
        for at in range(len(octets)):
            receiving = self.begin(envelope=envelope, submission=True)
            receiving.write(octets[:at])
            receiving.write(octets[at:])
            body = receiving.finish()
            self.assertEqual(b"".join(body.chunks()), octets, at)

    def test_no_header_section_end(self) -> None:
        """A message that is all header section is still a message."""
        envelope = Envelope(Path.parse(BOB), (to(ALICE),))
        receiving = self.begin(envelope=envelope, submission=True)
        receiving.write(b"From: bob@example.test\r\nSubject: x\r\n")
        octets = b"".join(receiving.finish().chunks())
        self.assertTrue(octets.startswith(b"From: bob@example.test\r\n"))
        self.assertTrue(octets.endswith(b"\r\n\r\n"))

    def test_refused(self) -> None:
        """What cannot be mended is refused with the reason."""
        for octets in (
            b"Subject: x\r\n\r\nhello\r\n",
            b"From: a@x.test, b@x.test\r\n\r\nhello\r\n",
            b"From: bob@example.test\r\n" * 2 + b"\r\nhello\r\n",
        ):
            with self.assertRaises(PeerError) as caught:
                self.submit(octets)
            self.assertEqual(caught.exception.reply.code, 550)

    def test_header_section_is_bounded(self) -> None:
        """A header section without end costs a bounded memory."""
        envelope = Envelope(Path.parse(BOB), (to(ALICE),))
        receiving = self.begin(envelope=envelope, submission=True)
        for _ in range(500):
            receiving.write(b"X-More: " + b"x" * 990 + b"\r\n")
        self.assertLess(len(receiving._held), 2000)
        with self.assertRaises(PeerError):
            receiving.finish()

    def test_client_address_stays_private(self) -> None:
        """Where a user sat when sending is not told to the world."""
        self.submit(
            SIMPLE, client=Client("203.0.113.9", 1, "s", "submission", "s1")
        )
        (mail,) = self.mails(ALICE)
        self.assertNotIn(b"203.0.113.9", mail)
        self.assertNotIn(b"from client.example", mail)
        self.assertIn(b"(signed in)", mail)


class QueueingTests(_Case):
    """Mail for the outside."""

    def test_queued(self) -> None:
        """One row an outside recipient, its body with our Received."""
        replies = self.send("x@out.test", "y@out.test", ALICE, "X@out.test")
        self.assertEqual([reply.code for reply in replies], [250] * 4)
        self.assertEqual(
            self.states(), ["x@out.test ready", "y@out.test ready"]
        )
        row = self.rows()[0]
        body = result_of(self.store.queue.body(row.delivery_id))
        octets = b"".join(body.chunks())
        self.assertTrue(octets.startswith(b"Received: from client.example"))
        self.assertTrue(octets.endswith(SIMPLE))
        self.assertNotIn(b"Return-Path", octets)

    def test_original_recipient_of_an_alias(self) -> None:
        """A row that comes from an alias remembers the alias."""
        self.alias("fwd@example.test", "x@out.test")
        self.send(to("fwd@example.test", "SUCCESS", "FAILURE"))
        (row,) = self.rows()
        self.assertEqual(row.orcpt, "rfc822;fwd@example.test")
        self.assertEqual(row.notify, {"SUCCESS", "FAILURE"})


class NothingTests(SynchronousTestCase):
    """Marks in header sections."""

    def test_no_marks(self) -> None:
        """A body that talks of marks has none."""
        self.assertEqual(
            traces_in(b"A: b\r\n\r\nX-Imailpy-Trace: x\r\n"), frozenset()
        )
