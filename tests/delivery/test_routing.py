"""Where addresses lead."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.delivery.boxes import mailbox_of, splits
from imailpy.delivery.routing import Route, Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.errors import DirectoryUnavailable
from imailpy.interfaces.directory import Alias, Domain
from imailpy.interfaces.realm import IRecipients, Standing
from imailpy.mail import NULL_PATH, Path
from tests.support.settings import Fixed
from tests.support.still_world import StillWorld, result_of
from tests.support.store import account_of, make_store

A, B, C = "alice@example.test", "bob@example.test", "carol@other.test"


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = make_store(StillWorld())
        self.settings = Fixed(
            DeliverySettings(
                own_addresses=frozenset({"192.0.2.1", "2001:db8::1"})
            )
        )
        self.router = Router(self.settings, self.store)

    def change(self, **changes: Any) -> None:
        self.settings.change(evolve(self.settings.current, **changes))

    def alias(self, address: str, *targets: str) -> None:
        paths = tuple(Path.parse(target) for target in targets)
        result_of(
            self.store.directory.add_alias(Alias(Path.parse(address), paths))
        )

    def route(self, path: str | Path) -> Route:
        if isinstance(path, str):
            path = Path.parse(path)
        return result_of(self.router.resolve(path))

    def leads(self, path: str | Path) -> list[str]:
        """Mailboxes and outside addresses, as text."""
        route = self.route(path)
        places = [
            f"{place.account.address}:{place.mailbox}"
            for place in route.places
        ]
        return sorted(places) + sorted(map(str, route.outward))


class AddressTests(_Case):
    """Addresses of ours and of others."""

    def test_account(self) -> None:
        """An account's address leads to its inbox, whatever its case."""
        self.assertEqual(self.leads(A), [f"{A}:INBOX"])
        self.assertEqual(self.leads("ALICE@Example.TEST"), [f"{A}:INBOX"])

    def test_unknown(self) -> None:
        """An unknown address of ours leads nowhere."""
        route = self.route("nobody@example.test")
        self.assertTrue(route.local)
        self.assertFalse(route.exists)

    def test_others(self) -> None:
        """An address of others leads outside and is not ours."""
        route = self.route("x@elsewhere.test")
        self.assertEqual((route.local, len(route.outward)), (False, 1))

    def test_bare_names(self) -> None:
        """The null path leads nowhere, nor does a bare postmaster while we
        have no domain."""
        self.assertFalse(self.route(NULL_PATH).exists)

        async def none() -> list[Domain]:
            return []

        self.patch(self.store.directory, "domains", none)
        self.assertFalse(self.route(Path("postmaster", "")).exists)

    def test_catch_all(self) -> None:
        """A domain's catch-all takes what nobody else has."""
        result_of(
            self.store.directory.update_domain(
                Domain("example.test", Path.parse(C))
            )
        )
        self.assertEqual(self.leads("nobody@example.test"), [f"{C}:INBOX"])
        self.assertEqual(self.leads(A), [f"{A}:INBOX"])

    def test_catch_all_that_leads_nowhere(self) -> None:
        """A catch-all that does not exist ends the search."""
        for target in ("gone@example.test", "gone@other.test"):
            domain = Domain("example.test", Path.parse(target))
            result_of(self.store.directory.update_domain(domain))
            self.assertEqual(self.leads("nobody@example.test"), [])

    def test_every_domain_has_a_postmaster(self) -> None:
        """Postmaster of every domain, and without one, reaches somebody."""
        self.assertEqual(self.leads("PostMaster@example.test"), [f"{A}:INBOX"])
        self.assertEqual(self.leads("postmaster@other.test"), [f"{C}:INBOX"])
        self.assertEqual(self.leads(Path("postmaster", "")), [f"{A}:INBOX"])
        self.change(postmaster=Path.parse(B))
        self.assertEqual(self.leads("postmaster@other.test"), [f"{B}:INBOX"])
        result_of(self.store.directory.add_domain(Domain("empty.test")))
        self.assertEqual(self.leads("postmaster@empty.test"), [f"{B}:INBOX"])
        # One that does not exist is no reason to lose the mail.
        self.change(postmaster=Path.parse("gone@example.test"))
        self.assertEqual(self.leads("postmaster@empty.test"), [f"{A}:INBOX"])

    def test_own_postmaster_wins(self) -> None:
        """A postmaster in the directory is the postmaster."""
        self.alias("postmaster@example.test", B)
        self.assertEqual(self.leads("postmaster@example.test"), [f"{B}:INBOX"])

    def test_address_literals(self) -> None:
        """An address literal of ours is ours, another one is not."""
        self.assertEqual(self.leads("alice@[192.0.2.1]"), [f"{A}:INBOX"])
        self.assertEqual(
            self.leads("alice@[IPv6:2001:DB8::1]"), [f"{A}:INBOX"]
        )
        self.assertEqual(self.leads("postmaster@[192.0.2.1]"), [f"{A}:INBOX"])
        self.assertFalse(self.route("alice@[192.0.2.2]").local)
        self.change(literal_domain="other.test")
        self.assertEqual(self.leads("carol@[192.0.2.1]"), [f"{C}:INBOX"])

    def test_no_answer_from_the_directory(self) -> None:
        """A directory that cannot tell is never taken for "unknown"."""

        async def fails(path: Path) -> None:
            raise DirectoryUnavailable("scripted")

        self.patch(self.store.directory, "find", fails)
        with self.assertRaises(DirectoryUnavailable):
            self.route(A)


class AliasTests(_Case):
    """Addresses that stand for others."""

    def test_expansion(self) -> None:
        """An alias reaches all its targets, each mailbox once."""
        self.alias(
            "all@example.test", A, B, "x@out.test", "ALICE@example.test"
        )
        self.alias("team@example.test", "all@example.test", B, "X@out.test")
        wanted = [f"{A}:INBOX", f"{B}:INBOX", "x@out.test"]
        self.assertEqual(self.leads("team@example.test"), wanted)

    def test_B13_7_loop(self) -> None:
        """Aliases in a circle reach who else is among their targets."""
        self.alias("a@example.test", "b@example.test", A)
        self.alias("b@example.test", "a@example.test")
        self.assertEqual(self.leads("b@example.test"), [f"{A}:INBOX"])
        self.alias("c@example.test", "d@example.test")
        self.alias("d@example.test", "c@example.test")
        self.assertFalse(self.route("c@example.test").exists)

    def test_depth(self) -> None:
        """Aliases behind each other have a limit."""
        for n in range(20):
            self.alias(f"n{n}@example.test", f"n{n + 1}@example.test")
        self.alias("n20@example.test", A)
        self.assertEqual(self.leads("n12@example.test"), [f"{A}:INBOX"])
        route = self.route("n0@example.test")
        self.assertFalse(route.exists)
        self.assertTrue(route.too_deep)

    def test_number_of_targets(self) -> None:
        """An alias of very many addresses has a limit."""
        self.change(alias_targets=50)
        self.alias("big@example.test", *(f"u{n}@out.test" for n in range(99)))
        route = self.route("big@example.test")
        self.assertTrue(route.too_deep)
        self.assertLessEqual(len(route.outward), 51)


class BoxTests(_Case):
    """`user+box` and `user-box`."""

    def test_boxes(self) -> None:
        """What stands behind the separator names a mailbox."""
        self.assertEqual(
            self.leads("alice+Lists@example.test"), [f"{A}:Lists"]
        )
        self.assertEqual(self.leads("alice-work@example.test"), [f"{A}:work"])
        self.assertEqual(self.leads("alice+a/b@example.test"), [f"{A}:a/b"])
        self.assertEqual(self.leads("alice+a+b@example.test"), [f"{A}:a+b"])

    def test_existing_address_wins(self) -> None:
        """An address that exists is never split; the longest user wins."""
        self.alias("alice-work@example.test", B)
        self.assertEqual(self.leads("alice-work@example.test"), [f"{B}:INBOX"])
        self.assertEqual(self.leads("alice-work-x@example.test"), [f"{B}:x"])
        self.assertEqual(self.leads("alice-w-x@example.test"), [f"{A}:w-x"])

    def test_nul_discards(self) -> None:
        """Mail for the box NUL is thrown away, and the address exists."""
        route = self.route("alice+NUL@example.test")
        self.assertEqual((route.exists, route.places), (True, ()))

    def test_names_from_strangers(self) -> None:
        """A name that is not plain means the inbox."""
        for box in ("..", "../x", "a//b", "/a", "a/", "~root", "#news", "%"):
            self.assertEqual(mailbox_of(box), "INBOX", box)
        for box in ("INBOX", "inbox", "Inbox/x", "*", "a" * 65, " a", "a\tb"):
            self.assertEqual(mailbox_of(box), "INBOX", box)
        for box in ("Junk", "a.b", "Größe", "a/b/c"):
            self.assertEqual(mailbox_of(box), box)

    def test_splits_are_few(self) -> None:
        """However many separators there are, look-ups are few."""
        self.assertLessEqual(len(list(splits("-a" * 32, "+-"))), 6)
        self.assertEqual(list(splits("-a-", "-")), [])

    def test_switched_off(self) -> None:
        """Without separators in the settings nothing is split."""
        self.change(separators="")
        self.assertEqual(self.leads("alice+x@example.test"), [])


class StandingTests(_Case):
    """What the realm is told."""

    def test_provides(self) -> None:
        """The router is what the realm asks."""
        self.assertTrue(verifyObject(IRecipients, self.router))

    def standing(self, path: str) -> Standing:
        return result_of(self.router.standing(Path.parse(path)))

    def test_standing(self) -> None:
        """Ours and known, ours and unknown, and of others."""
        self.assertEqual(self.standing(A), Standing(True, True))
        self.assertEqual(
            self.standing("nobody@example.test"), Standing(True, False)
        )
        self.assertEqual(self.standing("x@out.test"), Standing(False, False))

    def test_quota(self) -> None:
        """A full mailbox and the room of one that is not are told."""
        account = account_of(self.store, A)
        directory = self.store.directory
        full = evolve(account, quota_octets=0)
        result_of(directory.update_account(full))
        self.assertEqual(self.standing(A), Standing(True, True, True, 0))
        result_of(directory.update_account(evolve(account, quota_octets=99)))
        self.assertEqual(self.standing(A), Standing(True, True, False, 99))
        # Somebody else behind the address may have room.
        self.alias("both@example.test", A, B)
        self.assertEqual(
            self.standing("both@example.test"), Standing(True, True)
        )
