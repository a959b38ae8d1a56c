"""Passwords and the memory of right ones."""

from queue import Queue
from threading import Event, Semaphore

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import LoginUnavailable, QueueFull
from imailpy.mail import Secret
from imailpy.realm import hashes, passwords
from imailpy.realm.logins import Logins
from imailpy.realm.password_rules import complaint
from imailpy.realm.passwords import Passwords, needs_rehash
from imailpy.world.real_threads import RealPool
from tests.realm.support import HASH, PASSWORD, SmallWorld, secret
from tests.support.answer import answer


class HashTests(SynchronousTestCase):
    """Hashing and checking."""

    def setUp(self) -> None:
        self.world = SmallWorld()
        self.passwords = Passwords(self.world, queue=2)  # type: ignore[arg-type]

    def test_round_trip(self) -> None:
        """What was hashed is known again, anything else is not."""
        kept = answer(self.passwords.hash(secret()))
        self.assertTrue(kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$"))
        self.assertTrue(answer(self.passwords.verify(kept, secret())))
        self.assertFalse(answer(self.passwords.verify(kept, secret("no"))))
        self.assertFalse(needs_rehash(kept))

    def test_made_up_hash(self) -> None:
        """Nobody's password is checked with the same work as a real one."""
        [made_up] = self.passwords._made_up.values()
        self.assertEqual(hashes.extract_parameters(made_up), hashes.PARAMETERS)
        self.assertFalse(answer(self.passwords.verify(None, secret())))
        self.assertEqual(self.world.pools[0].jobs, 1)

    def test_unicode_forms(self) -> None:
        """A password is the same in either form of composition."""
        kept = answer(self.passwords.hash(secret("Gru\u0308\u00dfe aus K.")))
        self.assertTrue(
            answer(
                self.passwords.verify(kept, secret("Gr\u00fc\u00dfe aus K."))
            )
        )

    def test_no_passwords(self) -> None:
        """Empty, endless, control and undecodable ones never match."""
        for octets in (b"", b"x" * 1025, b"a\0b", b"\xff\xfe", b"a\nb"):
            self.assertIsNone(passwords.prepare(Secret(octets)), octets)
            self.assertFalse(
                answer(self.passwords.verify(HASH, Secret(octets)))
            )

    def test_broken_hash(self) -> None:
        """A hash that is none is no password, not an accident."""
        self.assertFalse(answer(self.passwords.verify("$2b$x", secret())))
        self.assertTrue(needs_rehash("$2b$x"))

    def test_B9_11_bounded_queue(self) -> None:
        """When the queue is full, whoever comes is told to come later."""
        answer(self.passwords.verify(None, secret()))
        pool = self.world.pools[0]
        pool.held = True
        waiting = [
            Deferred.fromCoroutine(self.passwords.verify(HASH, secret()))
            for _ in range(2)
        ]
        self.assertRaises(
            LoginUnavailable,
            answer,
            self.passwords.verify(HASH, secret()),
        )
        pool.go()
        for each in waiting:
            self.assertTrue(self.successResultOf(each))

    def test_B9_11_real_pool(self) -> None:
        """With both threads at work and a hundred waiting, the next login
        is told to come later at once, and nothing waits in the reactor."""
        gate, settled = Event(), Queue()
        at_work = Semaphore(0)
        pool = RealPool("hash", 2, 100, lambda *call: settled.put(call))

        def job() -> None:
            at_work.release()
            gate.wait(30)

        def work_off(count: int) -> None:
            for _ in range(count):
                call, *arguments = settled.get(timeout=30)
                call(*arguments)

        busy = [pool.run(job) for _ in range(2)]
        for _ in busy:
            self.assertTrue(at_work.acquire(timeout=30))
        waiting = [pool.run(int, 7) for _ in range(100)]
        self.assertRaises(QueueFull, pool.run, int, 7)
        self.assertTrue(settled.empty())
        gate.set()
        work_off(102)
        for each in waiting:
            self.assertEqual(self.successResultOf(each), 7)
        stopped = pool.stop()
        work_off(1)
        self.successResultOf(stopped)

    def test_threads_start_late(self) -> None:
        """Building it starts no thread: the daemon has not forked yet."""
        self.assertEqual(self.world.pools, [])

    def test_rules(self) -> None:
        """Short, common and self-naming passwords are complained about."""
        for text in (
            "",
            "short",
            "passwordpassword",
            "PasswordPassword",
            "aaaaaaaaaaaaaaaa",
            "abababababab",
            "somebody.long",
            "tab\tinside it all",
        ):
            said = complaint(text, "somebody.long@local.test")
            self.assertIsNotNone(said, text)
        for text in (
            PASSWORD,
            "alice-demo-password",
            "sm\u00f8rrebr\u00f8d nu!",
        ):
            self.assertIsNone(complaint(text, "ann@local.test"), text)


class LoginsTests(SynchronousTestCase):
    """Right a moment ago."""

    def setUp(self) -> None:
        self.world = SmallWorld()
        self.logins = Logins(self.world, most=3)  # type: ignore[arg-type]

    def test_B9_8_keys(self) -> None:
        """Only the same account, kept hash and password are known again."""
        self.logins.remember("1", HASH, secret(), 300)
        self.assertTrue(self.logins.knows("1", HASH, secret()))
        self.assertFalse(self.logins.knows("2", HASH, secret()))
        self.assertFalse(self.logins.knows("1", HASH, secret("other")))
        self.assertFalse(self.logins.knows("1", "changed", secret()))
        # Parts cannot be shifted against each other.
        self.logins.remember("1", "ab", Secret(b"c"), 300)
        self.assertFalse(self.logins.knows("1", "a", Secret(b"bc")))

    def test_five_minutes(self) -> None:
        """After its time, or with time 0, nothing is known."""
        self.logins.remember("1", HASH, secret(), 300)
        self.world.clock.reactor.advance(300)
        self.assertFalse(self.logins.knows("1", HASH, secret()))
        self.logins.remember("1", HASH, secret(), 0)
        self.assertFalse(self.logins.knows("1", HASH, secret()))

    def test_bounded(self) -> None:
        """The entry that was used least lately goes first."""
        for at in "123":
            self.logins.remember(at, HASH, secret(), 300)
        self.assertTrue(self.logins.knows("1", HASH, secret()))
        self.logins.remember("4", HASH, secret(), 300)
        self.assertTrue(self.logins.knows("1", HASH, secret()))
        self.assertFalse(self.logins.knows("2", HASH, secret()))

    def test_no_password_in_it(self) -> None:
        """The memory holds no password and no plain digest of one."""
        self.logins.remember("1", HASH, secret(), 300)
        self.assertNotIn(PASSWORD, repr(vars(self.logins)))
        other = Logins(self.world)  # type: ignore[arg-type]
        self.assertFalse(other.knows("1", HASH, secret()))
        self.assertNotEqual(
            list(self.logins._until), [other._name("1", HASH, secret())]
        )
