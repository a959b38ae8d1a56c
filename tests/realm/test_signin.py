"""Signing in."""

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm as ICredRealm
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.errors import LoginRefused, LoginUnavailable
from imailpy.interfaces.directory import AccountSecrets
from imailpy.interfaces.realm import IAvatar
from imailpy.mail import (
    PasswordCredentials,
    Path,
    ProvenCredentials,
    ScramSecret,
    Secret,
)
from imailpy.realm.passwords import hash_now
from imailpy.realm.settings import (
    FailureWindow,
    LoginSettings,
    RealmSettings,
)
from tests.realm.support import ANN, BOB, HASH, House, secret
from tests.support.answer import answer

OPEN = LoginSettings(failure_delay_s=0, windows=())


def typed(
    authcid: str = "ann@local.test",
    password: str = "correct battery staple",
    authzid: str = "",
) -> PasswordCredentials:
    return PasswordCredentials(authcid, secret(password), authzid)


class LoginTests(SynchronousTestCase):
    """A name and a password."""

    def setUp(self) -> None:
        self.house = House(RealmSettings(login=OPEN))
        self.gate = self.house.gate("imap")

    def refuse(self, credentials: Any) -> LoginRefused:
        with self.assertRaises(LoginRefused) as caught:
            answer(self.gate.login(credentials))
        self.assertIsNone(self.gate.avatar)
        error = caught.exception
        self.assertEqual(str(error.reply), "535 5.7.8 Authentication failed")
        return error

    def test_right(self) -> None:
        """The right password gives the account's avatar."""
        avatar = answer(self.gate.login(typed("ANN%local.test")))
        verifyObject(IAvatar, avatar)
        self.assertEqual(avatar.account.address, ANN)
        self.assertIs(self.gate.avatar, avatar)
        self.assertEqual(
            avatar.identities, {"ann@local.test", "info@local.test"}
        )
        self.assertEqual(self.house.rules(), ["login.accepted"])

    def test_B9_1_same_work(self) -> None:
        """Unknown, disabled and password-less accounts cost one hash and
        get the words that a wrong password gets."""
        self.house.directory.disable(BOB)
        self.house.directory.add(Path("new", "local.test"), AccountSecrets())
        for credentials in (
            typed(password="wrong password"),
            typed("nobody@local.test"),
            typed("not a name"),
            typed("info@local.test"),
            typed("bob@local.test"),
            typed("new@local.test"),
            typed(authzid="bob@local.test"),
        ):
            before = self.house.jobs
            self.refuse(credentials)
            self.assertEqual(self.house.jobs, before + 1, credentials)
        self.assertEqual(set(self.house.rules()), {"login.refused"})

    def test_B9_2_authzid(self) -> None:
        """One acts for oneself, in whatever spelling, and for nobody else."""
        answer(self.gate.login(typed(authzid="Ann@LOCAL.test")))
        for authzid in ("bob@local.test", "admin", "*", "info@local.test"):
            gate = self.gate = self.house.gate("imap")
            self.refuse(typed(authzid=authzid))
            self.assertIsNone(gate.avatar)

    def test_B9_3_empty_password(self) -> None:
        """An empty password is refused before anything is asked."""
        self.house.directory.down = True
        self.refuse(typed(password=""))
        self.assertEqual(self.house.jobs, 0)

    def test_cache(self) -> None:
        """A second login within five minutes costs no hash; a changed
        password is asked for at once."""
        answer(self.gate.login(typed()))
        answer(self.gate.login(typed()))
        self.assertEqual(self.house.jobs, 1)
        self.house.world.clock.reactor.advance(301)
        answer(self.gate.login(typed()))
        self.assertEqual(self.house.jobs, 2)
        self.house.directory.kept["id-ann"] = AccountSecrets(
            hash_now(b"another password", b"salt of 16 octet")
        )
        self.gate = self.house.gate("imap")
        self.refuse(typed())

    def test_disabled_while_cached(self) -> None:
        """A disabled account is out at once, cache or not."""
        answer(self.gate.login(typed()))
        self.house.directory.disable(ANN)
        self.gate = self.house.gate("imap")
        self.refuse(typed())

    def test_rehash(self) -> None:
        """A hash of other parameters is made anew at the next login."""
        from argon2 import PasswordHasher

        old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.house.directory.kept["id-ann"] = AccountSecrets(
            old.hash("correct battery staple")
        )
        answer(self.gate.login(typed()))
        kept = self.house.directory.kept["id-ann"].password_hash
        self.assertIn("m=19456,t=2,p=1", kept or "")
        answer(self.gate.login(typed()))
        self.assertEqual(self.house.jobs, 2)

    def test_B9_11_busy(self) -> None:
        """With the hash queue full a login may be tried again."""
        house = House(
            RealmSettings(login=LoginSettings(hash_queue=1, windows=()))
        )
        gate = house.gate("imap")
        answer(gate.login(typed()))
        house.world.pools[0].held = True
        first = Deferred.fromCoroutine(gate.login(typed("bob@local.test")))
        with self.assertRaises(LoginUnavailable) as caught:
            answer(house.gate("pop3").login(typed("bob@local.test")))
        self.assertEqual(caught.exception.reply.code, 454)
        house.world.pools[0].go()
        self.assertEqual(self.successResultOf(first).account.address, BOB)
        self.assertIn("login.busy", house.rules())

    def test_directory_down(self) -> None:
        """What cannot be checked now is neither right nor wrong."""
        self.house.directory.down = True
        for credentials in (typed(), ProvenCredentials("ann@local.test")):
            self.assertRaises(
                LoginUnavailable, answer, self.gate.login(credentials)
            )

    def test_no_secret_in_journal(self) -> None:
        """No password gets into the journal, right or wrong."""
        answer(self.gate.login(typed()))
        self.assertRaises(
            LoginRefused,
            answer,
            self.gate.login(typed(password="wrong-secret-pw")),
        )
        told = repr(self.house.journal.events)
        self.assertNotIn("battery", told)
        self.assertNotIn("wrong-secret", told)
        self.assertIn("wrong password", told)


class CredTests(SynchronousTestCase):
    """What Twisted's cred wants of its parts."""

    def test_interfaces(self) -> None:
        """Portal, realm and checkers are what cred says they are."""
        realm = House().realm
        for checker in set(realm.portal.checkers.values()):
            verifyObject(ICredentialsChecker, checker)
        verifyObject(ICredRealm, realm.portal.realm)
        self.assertRaises(
            NotImplementedError,
            realm.portal.realm.requestAvatar,
            b"id-ann",
            None,
        )


class ProofTests(SynchronousTestCase):
    """SCRAM."""

    REAL = ScramSecret(b"s" * 16, 4096, Secret(b"k" * 32), Secret(b"v" * 32))

    def setUp(self) -> None:
        self.house = House(RealmSettings(login=OPEN))
        self.gate = self.house.gate("imap")

    def test_proven(self) -> None:
        """Who has proven itself signs in without a hash."""
        avatar = answer(
            self.gate.login(ProvenCredentials("ann@local.test", ""))
        )
        self.assertEqual(avatar.account.address, ANN)
        self.assertEqual(self.house.jobs, 0)

    def test_obstacles(self) -> None:
        """A proof does not help a disabled account or act for another."""
        self.house.directory.disable(BOB)
        for credentials in (
            ProvenCredentials("bob@local.test"),
            ProvenCredentials("nobody@local.test"),
            ProvenCredentials("ann@local.test", "bob@local.test"),
        ):
            self.assertRaises(
                LoginRefused, answer, self.gate.login(credentials)
            )

    def test_secret(self) -> None:
        """The account's own secret, where it has one and may sign in."""
        self.house.directory.kept["id-ann"] = AccountSecrets(HASH, self.REAL)
        self.assertEqual(
            answer(self.gate.scram_secret("ANN@local.test")), self.REAL
        )
        self.house.directory.disable(ANN)
        self.assertNotEqual(
            answer(self.gate.scram_secret("ann@local.test")), self.REAL
        )

    def test_made_up_secret(self) -> None:
        """For everybody else a secret that looks real and never changes."""
        told = [
            answer(House().gate("imap").scram_secret(name))
            for name in ("nobody@local.test", "NOBODY@local.test")
        ]
        self.assertEqual(told[0], told[1])
        self.assertEqual(len(told[0].salt), 16)
        self.assertEqual(told[0].iterations, 4096)
        others = [
            answer(self.gate.scram_secret(name)).salt
            for name in ("ann@local.test", "x", "", "\udcff", "nobody")
        ]
        self.assertEqual(len({*others, told[0].salt}), 6)

    def test_directory_down(self) -> None:
        """A directory that is down is told as such."""
        self.house.directory.down = True
        self.assertRaises(
            LoginUnavailable, answer, self.gate.scram_secret("ann@local.test")
        )


class DelayTests(SynchronousTestCase):
    """What a failure costs."""

    def setUp(self) -> None:
        self.house = House(
            RealmSettings(
                login=LoginSettings(
                    failure_delay_s=2, windows=(FailureWindow(60, 3, 5, 9),)
                )
            )
        )

    def test_delay(self) -> None:
        """The answer to a failed login comes two seconds late."""
        gate = self.house.gate("pop3")
        login = Deferred.fromCoroutine(gate.login(typed(password="wrong")))
        self.house.world.clock.reactor.advance(1.9)
        self.assertNoResult(login)
        self.house.world.clock.reactor.advance(0.2)
        self.failureResultOf(login, LoginRefused)

    def test_delay_of_proof(self) -> None:
        """So does that to a proof that does not hold."""
        gate = self.house.gate("imap")
        done = Deferred.fromCoroutine(
            gate.login_failed("SCRAM-SHA-256", "ann@local.test")
        )
        self.assertNoResult(done)
        self.house.world.clock.reactor.advance(2)
        self.successResultOf(done)
        self.assertEqual(self.house.rules(), ["login.refused"])

    def test_gone_meanwhile(self) -> None:
        """A client that goes away leaves no timer behind."""
        gate = self.house.gate("imap")
        done = Deferred.fromCoroutine(gate.login_failed("PLAIN", "x"))
        gate.closed()
        self.successResultOf(done)
        self.assertEqual(self.house.world.clock.reactor.getDelayedCalls(), [])

    def fail(self, address: str) -> None:
        gate = self.house.gate("imap", address)
        done = Deferred.fromCoroutine(gate.login_failed("PLAIN", "x"))
        gate.closed()
        self.successResultOf(done)

    def test_B9_5_windows(self) -> None:
        """After three failures from an address nothing is checked for it,
        after five not for its neighbours, for the rest of the minute."""
        for _ in range(3):
            self.fail("198.51.100.1")
        near = self.house.gate("imap", "198.51.100.1")
        for refused in (
            near.login(typed()),
            near.scram_secret("ann@local.test"),
        ):
            self.assertRaises(LoginUnavailable, answer, refused)
        self.assertEqual(self.house.jobs, 0)
        answer(self.house.gate("imap", "198.51.100.2").login(typed()))
        for _ in range(2):
            self.fail("198.51.100.3")
        neighbour = self.house.gate("imap", "198.51.100.2")
        self.assertRaises(LoginUnavailable, answer, neighbour.login(typed()))
        self.assertIn("login.throttled", self.house.rules())
        far = self.house.gate("imap", "203.0.113.1")
        answer(far.login(typed()))
        self.house.world.clock.reactor.advance(60)
        answer(near.login(typed()))

    def test_switched_off(self) -> None:
        """Without windows any number of failures is checked."""
        self.house.settings.change(RealmSettings(login=OPEN))
        gate = self.house.gate("imap")
        for _ in range(40):
            answer(gate.login_failed("PLAIN", "x"))
        answer(gate.login(typed()))
