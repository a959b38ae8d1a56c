"""Users of a real LDAP server: logging in, and being written to."""

import atexit
from collections.abc import Sequence
from functools import cache
from typing import Any

from attrs import evolve
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import reactor
from twisted.internet.defer import DeferredList, ensureDeferred
from twisted.internet.task import deferLater
from twisted.internet.tcp import Client
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from imailpy.errors import (
    DirectoryUnavailable,
    LoginUnavailable,
    ObjectExists,
)
from imailpy.interfaces.directory import (
    Account,
    AccountSecrets,
    Alias,
    Domain,
    SecondFactor,
)
from imailpy.interfaces.realm import IRecipientCheck, Known, Standing
from imailpy.mail import PasswordCredentials, Path, Secret
from imailpy.realm.app_passwords import AppPasswords
from imailpy.realm.checkers import PasswordChecker
from imailpy.realm.elsewhere import Elsewhere
from imailpy.realm.ldap.settings import LdapSettings, Server
from imailpy.realm.logins import Logins
from imailpy.realm.passwords import Passwords, prepare
from imailpy.realm.settings import LoginSettings
from imailpy.realm.tokens.settings import TokenSettings
from imailpy.tls import Tls
from imailpy.tls.settings import TlsSettings
from imailpy.world.real import RealWorld
from tests.realm.support import (
    ANN,
    PASSWORD,
    SmallDirectory,
    SmallRecipients,
)
from tests.support.server import HOST
from tests.support.settings import Fixed
from tests.support.slapd import (
    BASE,
    SERVICE,
    SERVICE_PASSWORD,
    Slapd,
    person,
)

CARL = Path("carl", "local.test")


class Directory(SmallDirectory):
    """Accounts may be made, too."""

    async def domain(self, name: str) -> Domain | None:
        return Domain(name) if name == "local.test" else None

    async def add_account(
        self,
        path: Path,
        secrets: AccountSecrets,
        *,
        quota_octets: int | None = None,
    ) -> Account:
        if path.folded in self.entries:
            raise ObjectExists(str(path))
        self.add(path, secrets)
        account = self.entries[path.folded]
        await self.update_account(
            evolve(account, quota_octets=quota_octets)  # type: ignore
        )
        return self.entries[path.folded]  # type: ignore[return-value]

    async def update_account(self, account: Account) -> None:
        self.entries[account.address.folded] = account

    async def add_alias(self, alias: Alias) -> None:
        self.entries[alias.address.folded] = alias


class FastPasswords(Passwords):
    """Compares at once, and counts."""

    checked = 0

    async def verify(
        self,
        encoded: str | None,
        password: Secret,
        kinds: Sequence[str] = (),
    ) -> bool:
        self.checked += 1
        right = prepare(password) == PASSWORD.encode()
        return right and encoded is not None


@cache
def shared_slapd() -> Slapd:
    """One server for all tests; ends with the run."""
    slapd = Slapd(
        person(
            "carl",
            "carl has a secret",
            "carl@local.test",
            employeeNumber="5000",
            title="carl.c@local.test",
        ),
        person("dora", "dora has a secret", "dora@local.test"),
        person("ann", "another secret", "ann@local.test"),
        person("out", "locked has one", "out@local.test", employeeType="no"),
        person("star*", "star has a secret", "star*@local.test"),
        person("twin1", "twins have one", "twin@local.test"),
        person("twin2", "twins have one", "twin@local.test"),
        person("away", "away has a secret", "away@other.test"),
    ).start()
    atexit.register(slapd.close)
    return slapd


class LdapTests(TestCase):
    """slapd with carl and his like; ann has a password of ours."""

    def setUp(self) -> None:
        self.slapd = shared_slapd()
        self.world: Any = RealWorld(reactor)
        tls = Tls(
            self.world,
            Fixed(TlsSettings(trust_file=self.slapd.certificate)),
        )
        self.directory: Any = Directory()
        self.directory.add(ANN)
        self.settings = Fixed(
            LdapSettings(
                servers=(Server(HOST, self.slapd.port, False),),
                bind_dn=SERVICE,
                bind_password=Secret(SERVICE_PASSWORD.encode()),
                base=BASE,
                user_filter="(&(objectClass=inetOrgPerson)(mail={login}))",
                aliases="title",
                quota="employeeNumber",
                enabled="employeeType",
                timeout_s=5.0,
            )
        )
        self.elsewhere = Elsewhere(
            self.world,
            tls,
            None,
            self.directory,
            self.settings,
            Fixed(TokenSettings()),
        )
        self.addCleanup(self.hang_up, self.elsewhere)
        self.passwords = FastPasswords(self.world)
        self.login = LoginSettings()
        logins = Logins(self.world)
        self.checkers = self.elsewhere.checkers(
            PasswordChecker(
                self.directory,
                self.passwords,
                logins,
                lambda: self.login,
                AppPasswords(self.world, self.directory),
                self.world.clock.now,
            ),
            logins,
            lambda: self.login,
        )

    async def hang_up(self, elsewhere: Elsewhere) -> None:
        """Wait until the server has heard our farewells."""
        await elsewhere.stop()
        for _ in range(500):
            open_ones: Any = reactor
            if not any(
                isinstance(each, Client) for each in open_ones.getReaders()
            ):
                return
            await deferLater(open_ones, 0.01)

    async def show(self, name: str, password: str, authzid: str = "") -> str:
        return await self.checkers.passwords.check(
            PasswordCredentials(name, Secret(password.encode()), authzid)
        )

    async def refuse(self, name: str, password: str, **more: Any) -> str:
        try:
            await self.show(name, password, **more)
        except UnauthorizedLogin as error:
            return str(error)
        raise AssertionError("it was let in")

    async def test_first_login(self) -> None:
        """A user of the directory gets its account with the first login,
        with the quota and the aliases that the directory knows."""
        self.assertEqual(
            await self.show("Carl@LOCAL.test", "carl has a secret"), "id-carl"
        )
        account = self.directory.entries["carl@local.test"]
        self.assertEqual(account.quota_octets, 5000)
        self.assertEqual(
            self.directory.entries["carl.c@local.test"].targets, (CARL,)
        )
        self.assertIsNone(self.directory.kept["id-carl"].password_hash)

    async def test_wrong(self) -> None:
        """A wrong password is wrong, and makes no account."""
        why = await self.refuse("carl@local.test", "carl has no secret")
        self.assertIn("wrong password", why)
        self.assertNotIn("carl@local.test", self.directory.entries)

    async def test_not_made(self) -> None:
        """Where accounts are not made, only those that are there let in."""
        self.settings.change(
            evolve(self.settings.current, create_accounts=False)
        )
        await self.refuse("carl@local.test", "carl has a secret")
        self.directory.add(CARL, AccountSecrets())
        await self.show("carl@local.test", "carl has a secret")

    async def test_local_first(self) -> None:
        """An account with a password here knows that one alone."""
        await self.show("ann@local.test", PASSWORD)
        await self.refuse("ann@local.test", "another secret")

    async def test_B9_9_second_factor(self) -> None:
        """One-time codes kept here hold for a password kept there, also for
        one that was right a moment ago."""
        await self.show("dora@local.test", "dora has a secret")
        await self.directory.set_second_factor(
            "id-dora", SecondFactor(Secret(b"s" * 20), confirmed=True)
        )
        why = await self.refuse("dora@local.test", "dora has a secret")
        self.assertIn("app passwords only", why)

    async def test_disabled(self) -> None:
        """Disabled there or here: not let in."""
        why = await self.refuse("out@local.test", "locked has one")
        self.assertIn("disabled", why)
        await self.show("dora@local.test", "dora has a secret")
        self.directory.disable(Path("dora", "local.test"))
        await self.refuse("dora@local.test", "dora has a secret")

    async def test_foreign_address(self) -> None:
        """A user whose address is in no domain of ours has no mailbox."""
        self.settings.change(
            evolve(self.settings.current, user_filter="(uid={user})")
        )
        await self.refuse("away@local.test", "away has a secret")
        self.assertEqual(len(self.directory.entries), 1)

    async def test_by_another_name(self) -> None:
        """One may sign in by a uid; the account is that of the address."""
        self.settings.change(
            evolve(
                self.settings.current,
                user_filter="(uid={user})",
                address="mail",
            )
        )
        self.login = LoginSettings(default_domain="local.test")
        self.assertEqual(
            await self.show("carl", "carl has a secret"), "id-carl"
        )

    async def test_B9_2_authzid(self) -> None:
        """One acts for oneself alone."""
        await self.refuse(
            "carl@local.test", "carl has a secret", authzid="ann@local.test"
        )

    async def test_B9_3_empty_password(self) -> None:
        """An empty password is refused before the server is asked, which
        would call it an anonymous success."""
        self.settings.change(
            evolve(self.settings.current, servers=(Server(HOST, 9, False),))
        )
        for password in ("", "\0", "\0secret"):
            await self.refuse("carl@local.test", password)

    async def test_B9_4_names(self) -> None:
        """Names that would be patterns find nobody, or whom they spell."""
        for name in (
            "*",
            "*@local.test",
            "c*@local.test",
            "carl@local.test)(uid=*",
            "a)(uid=*",
            "' OR 1=1--",
            "%u%u%u",
            "{user}@local.test",
            "carl@local.test\0",
            " carl@local.test",
            "carl@local.test@x",
            "carl\\2a@local.test",
            "cn=imailpy",
            SERVICE,
        ):
            await self.refuse(name, "carl has a secret")
        self.assertEqual(len(self.directory.entries), 1)
        await self.show("star*@local.test", "star has a secret")

    async def test_two_of_them(self) -> None:
        """Where a name means two users nobody is let in as either."""
        with self.assertRaises(LoginUnavailable):
            await self.show("twin@local.test", "twins have one")

    async def test_B9_1_same_work(self) -> None:
        """A refusal costs one hash, one search and one bind, for whom it
        may be."""
        binds: list[Any] = []
        people = self.elsewhere.people
        check = people.check
        searches: list[Path] = []
        by_login = people.by_login

        async def counted(who: Any, password: Secret) -> bool:
            binds.append(who)
            return await check(who, password)

        async def sought(path: Path) -> Any:
            searches.append(path)
            return await by_login(path)

        people.check = counted  # type: ignore[method-assign]
        people.by_login = sought  # type: ignore[method-assign]
        for number, name in enumerate(
            (
                "ann@local.test",
                "carl@local.test",
                "nobody@local.test",
                "out@local.test",
            ),
            1,
        ):
            await self.refuse(name, "wrong password")
            self.assertEqual(self.passwords.checked, number)
            self.assertEqual(len(binds), number)
            self.assertEqual(len(searches), number)

    async def test_B9_8_cache(self) -> None:
        """A right password is known for five minutes, and no other one with
        it; with cache_s = 0 it is not."""
        await self.show("carl@local.test", "carl has a secret")
        self.settings.change(
            evolve(self.settings.current, servers=(Server(HOST, 9, False),))
        )
        await self.show("carl@local.test", "carl has a secret")
        with self.assertRaises(LoginUnavailable):
            await self.show("carl@local.test", "carl has a secret!")
        self.directory.disable(CARL)
        with self.assertRaises(LoginUnavailable):
            await self.show("carl@local.test", "carl has a secret")

    async def test_no_cache(self) -> None:
        """With cache_s = 0 the directory is asked each time."""
        self.login = LoginSettings(cache_s=0)
        await self.show("carl@local.test", "carl has a secret")
        self.settings.change(
            evolve(self.settings.current, servers=(Server(HOST, 9, False),))
        )
        with self.assertRaises(LoginUnavailable):
            await self.show("carl@local.test", "carl has a secret")

    # Servers

    async def test_tls(self) -> None:
        """ldaps works, and so does STARTTLS; a certificate that is not
        trusted, or of another name, does not."""
        slapd = self.slapd
        for server in (
            Server(HOST, slapd.tls_port, True),
            Server("localhost", slapd.port, False),
        ):
            self.settings.change(
                evolve(self.settings.current, servers=(server,))
            )
            await self.elsewhere.people.by_login(CARL)
        strange = Elsewhere(
            self.world,
            Tls(self.world, Fixed(TlsSettings())),
            None,
            self.directory,
            self.settings,
            Fixed(TokenSettings()),
        )
        for port, tls in ((slapd.tls_port, True), (slapd.port, False)):
            self.settings.change(
                evolve(
                    self.settings.current, servers=(Server(HOST, port, tls),)
                )
            )
            with self.assertRaises(Exception) as caught:
                await strange.people.by_login(CARL)
            self.assertIn("certificate", caught.exception.private)  # type: ignore

    async def test_fail_over(self) -> None:
        """The next server is asked when one does not answer."""
        servers = (
            Server(HOST, 9, False),
            Server("no-such-host.invalid", 389, True),
            *self.settings.current.servers,
        )
        self.settings.change(evolve(self.settings.current, servers=servers))
        await self.show("carl@local.test", "carl has a secret")

    async def test_wrong_service_password(self) -> None:
        """When we may not search that is our trouble, not the user's."""
        self.settings.change(
            evolve(self.settings.current, bind_password=Secret(b"wrong"))
        )
        with self.assertRaises(LoginUnavailable) as caught:
            await self.show("carl@local.test", "carl has a secret")
        self.assertIn("bind_dn", caught.exception.private)

    async def test_down_and_up(self) -> None:
        """A server that hangs or is down is a failure for now; when it is
        back everything goes on."""
        slapd = self.slapd
        self.login = LoginSettings(cache_s=0)
        self.settings.change(evolve(self.settings.current, timeout_s=0.3))
        await self.show("carl@local.test", "carl has a secret")
        slapd.pause()
        try:
            with self.assertRaises(LoginUnavailable):
                await self.show("carl@local.test", "carl has a secret")
            # Who has a password here is let in all the same.
            await self.show("ann@local.test", PASSWORD)
        finally:
            slapd.go_on()
        self.settings.change(evolve(self.settings.current, timeout_s=5.0))
        await self.show("carl@local.test", "carl has a secret")
        slapd.stop()
        try:
            with self.assertRaises(LoginUnavailable):
                await self.show("carl@local.test", "carl has a secret")
        finally:
            slapd.start()
        await self.show("carl@local.test", "carl has a secret")

    async def test_B9_11_many(self) -> None:
        """Of a crowd so many passwords are checked at once, so many wait,
        and the rest is told to come again."""
        self.settings.change(
            evolve(self.settings.current, connections=2, waiting=3)
        )
        people = self.elsewhere.people
        found = await people.by_login(CARL)
        crowd = [
            ensureDeferred(people.check(found, Secret(b"wrong")))
            for _ in range(8)
        ]
        done = await DeferredList(crowd, consumeErrors=True)
        self.assertEqual([ok for ok, _ in done], [True] * 5 + [False] * 3)

    # Recipients

    async def test_recipients(self) -> None:
        """Mail for a user who has never signed in is taken; mail for
        somebody whom nobody knows is not."""
        recipients = self.elsewhere.recipients(SmallRecipients(self.directory))
        self.assertEqual(await recipients.standing(CARL), Standing(True, True))
        self.assertIn("carl@local.test", self.directory.entries)
        nobody = Path("nobody", "local.test")
        self.assertEqual(
            await recipients.standing(nobody), Standing(True, False)
        )
        self.assertEqual(
            await recipients.standing(Path("carl", "other.test")),
            Standing(False, False),
        )
        # That is known for a while; the rest is asked about.
        self.settings.change(
            evolve(self.settings.current, servers=(Server(HOST, 9, False),))
        )
        self.assertEqual(
            await recipients.standing(nobody), Standing(True, False)
        )
        self.assertEqual(await recipients.standing(ANN), Standing(True, True))
        with self.assertRaises(DirectoryUnavailable):
            await recipients.standing(Path("dora", "local.test"))

    async def test_rehearsed_recipients(self) -> None:
        """`why` says of a user who was never here that mail for it would be
        taken, and makes no account."""
        live = self.elsewhere.recipients(SmallRecipients(self.directory))
        recipients = live.rehearsing()
        before = dict(self.directory.entries)
        for path in (CARL, ANN):
            self.assertEqual(
                await recipients.standing(path), Standing(True, True)
            )
        nobody = Path("nobody", "local.test")
        self.assertEqual(
            await recipients.standing(nobody), Standing(True, False)
        )
        self.assertEqual(self.directory.entries, before)
        self.assertEqual(await live.standing(CARL), Standing(True, True))
        self.assertIn("carl@local.test", self.directory.entries)

    async def test_other_domains(self) -> None:
        """Recipients of a domain that we send on are known by LDAP; while
        it is down that cannot be told."""
        check = self.elsewhere.recipient_check()
        verifyObject(IRecipientCheck, check)
        away = Path("away", "other.test")
        self.assertEqual(await check.known(away), Known.YES)
        nobody = Path("*", "other.test")
        self.assertEqual(await check.known(nobody), Known.NO)
        self.settings.change(
            evolve(self.settings.current, servers=(Server(HOST, 9, False),))
        )
        self.assertEqual(await check.known(away), Known.YES)
        self.assertEqual(
            await check.known(Path("new", "other.test")), Known.UNKNOWN
        )
        self.assertNotIn("away@other.test", self.directory.entries)

    async def test_rehearsal(self) -> None:
        """An operator is told what a login would do, and no secrets; what
        was right a moment ago is asked for again."""
        await self.show("carl@local.test", "carl has a secret")
        steps = await self.checkers.rehearse(
            PasswordCredentials(
                "carl@local.test", Secret(b"carl has a secret")
            )
        )
        self.assertEqual(
            steps,
            [
                ("ldap", f"found uid=carl,{BASE}"),
                ("ldap", "the password is right"),
                ("account", "carl@local.test"),
                ("result", "accepted"),
            ],
        )
        steps = await self.checkers.rehearse(
            PasswordCredentials("nobody@local.test", Secret(b"x"))
        )
        self.assertEqual(steps[0], ("ldap", "not found"))
        self.assertTrue(steps[-1][1].startswith("refused"))
