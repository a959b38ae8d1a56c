"""What every provider's accounts must do."""

from __future__ import annotations

from imailpy import errors
from imailpy.interfaces.store import NewMessage
from imailpy.mail import UidSet
from tests.store.contract import Base, Watcher
from tests.support.store import deliver, spooled
from tests.support.world import result_of

ALL = UidSet(((1, 2**32 - 1),))
ALICE = "alice@example.test"


class AccountContract(Base):
    """Mailboxes of an account."""

    def names(self) -> list[str]:
        return [info.name for info in result_of(self.mail().mailboxes())]

    def test_first_mailboxes(self) -> None:
        """A new account has the mailboxes that clients look for."""
        self.assertEqual(
            self.names(),
            ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"],
        )
        info = result_of(self.mail().info("inbox"))
        self.assertEqual((info.name, info.uid_next), ("INBOX", 1))
        self.assertTrue(info.subscribed)
        sent = result_of(self.mail().info("Sent"))
        self.assertEqual(sent.special_use, "\\Sent")

    def test_create(self) -> None:
        """Creating makes the levels above; twice is refused."""
        info = result_of(
            self.mail().create("a/b/c", special_use="\\Important")
        )
        self.assertEqual(info.special_use, "\\Important")
        self.assertTrue({"a", "a/b", "a/b/c"} <= set(self.names()))
        with self.assertRaises(errors.MailboxExists):
            result_of(self.mail().create("a/b"))
        with self.assertRaises(errors.MailboxExists):
            result_of(self.mail().create("iNBoX"))

    def test_B12_1_names_that_look_like_paths(self) -> None:
        """Names that could lead a file system astray are refused."""
        bad = [
            "../x", "a/../b", "/etc", "~root", ".", "..", "", "a//b", "a/",
            "#x", "a\0", "a\r", "a\nb", "a\x7f", "a\udc80", "x" * 1025,
            "/".join("x" * 40),
        ]  # fmt: skip
        mail = self.mail()
        for name in bad:
            with self.assertRaises(errors.MailboxNameRefused):
                result_of(mail.create(name))
            with self.assertRaises(errors.MailboxNameRefused):
                result_of(mail.rename("Sent", name))
            with self.assertRaises(errors.MailboxNameRefused):
                result_of(mail.subscribe(name, True))
            with self.assertRaises(errors.MailboxNotFound):
                result_of(mail.open(name))
        self.assertEqual(len(self.names()), 6)

    def test_B12_2_one_form_of_a_name(self) -> None:
        """Two spellings of one name are one mailbox."""
        result_of(self.mail().create("Re\u0301sume\u0301"))
        self.assertIn("R\u00e9sum\u00e9", self.names())
        with self.assertRaises(errors.MailboxExists):
            result_of(self.mail().create("R\u00e9sum\u00e9"))

    def test_B12_3_inbox_has_no_case(self) -> None:
        """INBOX is INBOX however written, also above its children."""
        result_of(self.mail().create("Inbox/x"))
        self.assertIn("INBOX/x", self.names())
        with self.assertRaises(errors.MailboxNameRefused):
            result_of(self.mail().delete("inbox"))

    def test_uid_validity_is_never_reused(self) -> None:
        """A mailbox made again under an old name is another mailbox."""
        first = result_of(self.mail().create("x"))
        result_of(self.mail().delete("x"))
        second = result_of(self.mail().create("x"))
        self.assertGreater(second.uid_validity, first.uid_validity)
        self.assertNotEqual(second.id, first.id)
        self.store = self.reopen()
        result_of(self.mail().delete("x"))
        third = result_of(self.mail().create("x"))
        self.assertGreater(third.uid_validity, second.uid_validity)

    def test_delete(self) -> None:
        """Deleting takes the messages along; open sessions hear of it."""
        result_of(self.mail().create("x/y"))
        with self.assertRaises(errors.MailboxHasChildren):
            result_of(self.mail().delete("x"))
        box = self.open("x/y")
        watch = Watcher()
        box.attach(watch)
        result_of(box.append([NewMessage(spooled(self.store))]))
        result_of(self.mail().delete("x/y"))
        self.assertTrue(watch.changes[-1].gone)
        self.assertEqual(result_of(self.mail().used_octets()), 0)
        self.assertNotIn("x/y", self.names())
        with self.assertRaises(errors.MailboxNotFound):
            result_of(box.append([NewMessage(spooled(self.store))]))
        with self.assertRaises(errors.MailboxNotFound):
            result_of(self.mail().delete("x/y"))

    def test_B7_16_same_name_is_not_the_same_mailbox(self) -> None:
        """A session keeps off the new mailbox of the old name."""
        result_of(self.mail().create("x"))
        old = self.open("x")
        result_of(self.mail().delete("x"))
        result_of(self.mail().create("x"))
        new = self.open("x")
        self.assertIsNot(old, new)
        result_of(new.append([NewMessage(spooled(self.store))]))
        self.assertEqual(len(old.uids), 0)

    def test_rename(self) -> None:
        """Renaming moves all below; ids, UIDs and UIDVALIDITY stay."""
        result_of(self.mail().create("a/b"))
        uid = deliver(self.store, ALICE, mailbox="a/b")
        box = self.open("a/b")
        before = box.info
        result_of(self.mail().rename("a", "c/d"))
        self.assertEqual(box.info.name, "c/d/b")
        info = result_of(self.mail().info("c/d/b"))
        self.assertEqual(info.id, before.id)
        self.assertEqual(info.uid_validity, before.uid_validity)
        self.assertIs(self.open("c/d/b"), box)
        self.assertEqual(list(box.uids), [uid])
        self.assertNotIn("a", self.names())
        self.assertIn("c", self.names())
        for old, new, error in (
            ("c/d", "Sent", errors.MailboxExists),
            ("nowhere", "x", errors.MailboxNotFound),
            ("c", "c/d/e/f", errors.MailboxNameRefused),
            ("c", "inbox", errors.MailboxExists),
        ):
            with self.assertRaises(error):
                result_of(self.mail().rename(old, new))

    def test_rename_inbox(self) -> None:
        """Renaming INBOX moves its messages and leaves it empty."""
        deliver(self.store, ALICE)
        result_of(self.mail().create("INBOX/sub"))
        box = self.open()
        validity = box.info.uid_validity
        result_of(self.mail().rename("INBOX", "old"))
        self.assertEqual(len(box.uids), 0)
        self.assertEqual(box.info.uid_validity, validity)
        self.assertEqual(len(self.open("old").uids), 1)
        self.assertIn("INBOX/sub", self.names())

    def test_subscriptions(self) -> None:
        """A subscription outlives its mailbox, and may come before it."""
        mail = self.mail()
        result_of(mail.subscribe("later", True))
        self.assertIn("later", result_of(mail.subscriptions()))
        self.assertTrue(result_of(mail.create("later")).subscribed)
        result_of(mail.delete("later"))
        self.assertIn("later", result_of(mail.subscriptions()))
        box = self.open("Sent")
        result_of(mail.subscribe("Sent", False))
        self.assertFalse(result_of(mail.info("Sent")).subscribed)
        self.assertFalse(box.info.subscribed)
        self.assertNotIn("Sent", result_of(mail.subscriptions()))

    def test_counts_of_closed_mailbox(self) -> None:
        """STATUS of a mailbox that nobody has open is right."""
        deliver(self.store, ALICE, mailbox="Sent")
        info = result_of(self.mail().info("Sent"))
        self.assertEqual((info.exists, info.unseen, info.uid_next), (1, 1, 2))
        self.assertGreater(info.size_octets, 100)

    def test_no_such_account(self) -> None:
        """Mail of nobody is not found."""
        with self.assertRaises(errors.MailError):
            result_of(self.store.account("nobody").mailboxes())
        with self.assertRaises(errors.MailError):
            result_of(self.store.account("nobody").open("INBOX"))

    def test_accounts_are_apart(self) -> None:
        """What one account has, the other does not see."""
        deliver(self.store, ALICE)
        self.assertEqual(len(self.open(address="bob@example.test").uids), 0)
