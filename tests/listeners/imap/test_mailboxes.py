"""LIST, LSUB and what makes, changes and removes mailboxes."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.store import MailboxInfo
from imailpy.listeners.imap import listing
from imailpy.protocol.imap.commands import List
from tests.support.imap import InMemory


class MailboxTests(InMemory, SynchronousTestCase):
    """One client manages its mailboxes."""

    def setUp(self) -> None:
        self.house = self.make_house()
        self.client = self.house.sign_in()
        for name in ("Work/2025/May", "Work/2026", "Play"):
            self.client.say(f"CREATE {name}")

    def names(self, command: str) -> dict[str, str]:
        """Run LIST or LSUB; gives name -> attributes and what follows."""
        *lines, last = self.client.say(command)
        self.assertTrue(last.startswith("OK"), last)
        found = {}
        for line in lines:
            head, _, tail = line.partition(' "/" ')
            name, _, more = tail.partition(" (")
            attributes = head.partition("(")[2].rstrip(")")
            found[name] = attributes + (f" ({more}" if more else "")
        return found

    def test_children(self) -> None:
        """LIST tells whether there is something below."""
        found = self.names('LIST "" W*')
        self.assertEqual(
            found,
            {
                "Work": "\\HasChildren",
                "Work/2025": "\\HasChildren",
                "Work/2025/May": "\\HasNoChildren",
                "Work/2026": "\\HasNoChildren",
            },
        )
        self.assertEqual(
            list(self.names('LIST "" Work/%')), ["Work/2025", "Work/2026"]
        )
        self.assertEqual(list(self.names("LIST Work/ %6")), ["Work/2026"])
        self.assertEqual(list(self.names('LIST "" inbox')), ["INBOX"])

    def test_delimiter(self) -> None:
        """An empty pattern asks for the delimiter."""
        self.assertEqual(
            self.client.say('LIST "" ""'),
            ['* LIST (\\Noselect) "/" ""', "OK Listed"],
        )

    def test_special_use(self) -> None:
        """Special uses are told, chosen by, and given at CREATE."""
        self.assertEqual(
            self.names('LIST (SPECIAL-USE) "" *'),
            {
                "Archive": "\\HasNoChildren \\Archive",
                "Drafts": "\\HasNoChildren \\Drafts",
                "Junk": "\\HasNoChildren \\Junk",
                "Sent": "\\HasNoChildren \\Sent",
                "Trash": "\\HasNoChildren \\Trash",
            },
        )
        self.client.say("CREATE Posted (USE (\\Sent))")
        self.assertIn("\\Sent", self.names('LIST "" Posted')["Posted"])

    def test_recursivematch(self) -> None:
        """RECURSIVEMATCH shows what stands above what is subscribed."""
        self.client.say("SUBSCRIBE Work/2025/May")
        found = self.names('LIST (SUBSCRIBED RECURSIVEMATCH) "" W%')
        self.assertEqual(
            found, {"Work": '\\HasChildren ("CHILDINFO" ("SUBSCRIBED"))'}
        )
        self.client.say("SUBSCRIBE Gone/Below")
        found = self.names('LIST (SUBSCRIBED RECURSIVEMATCH) "" G%')
        self.assertIn("\\NonExistent", found["Gone"])
        found = self.names('LIST (SUBSCRIBED) "" G*')
        self.assertEqual(
            found, {"Gone/Below": "\\NonExistent \\HasNoChildren \\Subscribed"}
        )

    def test_list_status(self) -> None:
        """RETURN (STATUS ...) gives each mailbox its counts."""
        said = self.client.say(
            'LIST "" (Play INBOX) RETURN (STATUS (MESSAGES UIDNEXT))'
        )
        self.assertEqual(
            said[:-1],
            [
                '* LIST (\\HasNoChildren) "/" INBOX',
                "* STATUS INBOX (MESSAGES 0 UIDNEXT 1)",
                '* LIST (\\HasNoChildren) "/" Play',
                "* STATUS Play (MESSAGES 0 UIDNEXT 1)",
            ],
        )

    def test_lsub(self) -> None:
        """LSUB shows subscriptions, with % what stands above them too."""
        for name in ("INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"):
            self.client.say(f"UNSUBSCRIBE {name}")
        self.client.say("SUBSCRIBE Work/2026")
        self.client.say("SUBSCRIBE Nowhere")
        self.assertEqual(
            self.names('LSUB "" %'),
            {"Nowhere": "\\Noselect", "Work": "\\Noselect"},
        )
        self.assertEqual(
            self.names('LSUB "" *'),
            {"Nowhere": "\\Noselect", "Work/2026": ""},
        )

    def test_missing_levels(self) -> None:
        """A level without mailbox is shown as one that is not there."""
        info = MailboxInfo("m", "a/b/c", 1, 1, 1, 0, 0, 0, 0)
        for extended, word in ((False, "\\Noselect"), (True, "\\NonExistent")):
            command = List(b"t", "", ("%",), extended=extended)
            lines = [
                line for line in listing.lines(command, [info], []) if line
            ]
            self.assertEqual(
                [(line.name, line.attributes) for line in lines],
                [("a", (word, "\\HasChildren"))],
            )

    def test_rename_takes_what_is_below(self) -> None:
        """RENAME takes what is below along."""
        self.assertEqual(self.client.say("RENAME Work Job"), ["OK Renamed"])
        self.assertEqual(
            list(self.names('LIST "" Job*')),
            ["Job", "Job/2025", "Job/2025/May", "Job/2026"],
        )

    def test_refusals_have_their_codes(self) -> None:
        """What cannot be done is refused with the code that tells why."""
        for command, answer in (
            ("CREATE Play", "NO [ALREADYEXISTS]"),
            ("DELETE Nope", "NO [NONEXISTENT]"),
            ("DELETE INBOX", "NO [CANNOT]"),
            ("RENAME Nope Other", "NO [NONEXISTENT]"),
            ("RENAME Play INBOX", "NO [ALREADYEXISTS]"),
            ("RENAME Work Work/Below", "NO [CANNOT]"),
        ):
            said = self.client.say(command)
            self.assertTrue(said[-1].startswith(answer), (command, said))

    def test_B12_1_names_are_never_paths(self) -> None:
        """Names that look like paths are refused and make nothing."""
        before = self.names('LIST "" *')
        deep = "/".join("d" * 40)
        for name in (
            '"../x"',
            '"a/../b"',
            '"/etc"',
            '"~root"',
            '"."',
            '".."',
            '""',
            '"a//b"',
            '"#news"',
            f'"{deep}"',
            '"' + "x" * 1025 + '"',
            '"&AC8-"',
            '"a\x7fb"',
        ):
            for command in (f"CREATE {name}", f"RENAME Play {name}"):
                said = self.client.say(command)
                self.assertIn(said[-1][:3], ("NO ", "BAD"), command)
        for octets in (b"a\x00b", b"a\rb", b"a\nb", b"a\xffb"):
            said = self.client.send(
                b"x CREATE {%d+}\r\n%b\r\n" % (len(octets), octets)
            )
            self.assertIn(said[:4], (b"x NO", b"x BA"), octets)
            if self.client.transport.disconnecting:
                self.client = self.house.sign_in()
        self.assertEqual(self.names('LIST "" *'), before)

    def test_B12_3_inbox_has_no_case(self) -> None:
        """INBOX is one mailbox however it is spelt."""
        self.assertIn("NO [ALREADYEXISTS]", self.client.say("CREATE inbox")[0])
        self.assertEqual(
            self.client.say("STATUS Inbox (MESSAGES)")[0],
            "* STATUS INBOX (MESSAGES 0)",
        )
        self.client.say("CREATE iNbOx/Below")
        self.assertIn("INBOX/Below", self.names('LIST "" INBOX*'))

    def test_names_beyond_ascii(self) -> None:
        """Names beyond ASCII travel as modified UTF-7."""
        self.assertEqual(self.client.say("CREATE &AOQ-rger"), ["OK Created"])
        self.assertIn("&AOQ-rger", self.names('LIST "" *'))

    def test_namespace(self) -> None:
        """One personal namespace, nothing shared."""
        self.assertEqual(
            self.client.say("NAMESPACE")[0],
            '* NAMESPACE (("" "/")) NIL NIL',
        )
