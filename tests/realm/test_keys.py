"""App passwords, imported hashes, one-time codes, certificates, grants."""

import base64
import hashlib
from typing import Any
from unittest import mock

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import LoginRefused, ObjectExists, ObjectNotFound
from imailpy.interfaces.directory import (
    AccountSecrets,
    KnownCertificate,
    SecondFactor,
)
from imailpy.mail import (
    CertificateCredentials,
    ClientCertificate,
    PasswordCredentials,
    Path,
    ProvenCredentials,
    ScramSecret,
    Secret,
)
from imailpy.realm import hashes, second_factor
from imailpy.realm.app_passwords import read_letters
from imailpy.realm.avatar import owns
from imailpy.realm.crypt512 import crypt512
from imailpy.realm.hashes import UnknownHash, kind_of, make_up, read_imported
from imailpy.realm.settings import LoginSettings, RealmSettings
from tests.realm.support import ANN, BOB, PASSWORD, House
from tests.support.answer import answer

OPEN = LoginSettings(failure_delay_s=0, windows=())
NOW = 1_700_000_000.0


class _Case(SynchronousTestCase):
    """A house with ann and bob."""

    def setUp(self) -> None:
        self.house = House(RealmSettings(login=OPEN))
        self.directory = self.house.directory
        self.realm = self.house.realm

    def login(
        self,
        password: str,
        service: str = "imap",
        address: str = "203.0.113.9",
        authcid: str = "ann@local.test",
    ) -> Any:
        gate = self.house.gate(service, address)
        shown = PasswordCredentials(authcid, Secret(password.encode()))
        return answer(gate.login(shown))

    def refused(self, *arguments: Any, **more: Any) -> str:
        """Be refused as everybody is; gives the reason in the log."""
        with self.assertRaises(LoginRefused) as caught:
            self.login(*arguments, **more)
        self.assertEqual(
            str(caught.exception.reply), "535 5.7.8 Authentication failed"
        )
        return str(self.house.journal.events[-1][1]["reason"])

    def make(self, **scope: Any) -> str:
        return answer(self.realm.app_passwords.make("id-ann", **scope))[1]


class AppPasswordTests(_Case):
    """A password for each program."""

    def test_opens(self) -> None:
        """It opens the account without any slow hash, however typed."""
        password = self.make(note="phone")
        self.assertRegex(password, r"^([a-z]{5}-){3}[a-z]{5}$")
        for typed in (
            password,
            password.upper(),
            password.replace("-", ""),
            password.replace("-", " "),
        ):
            self.login(typed)
        self.assertEqual(self.house.jobs, 0)
        told = self.house.journal.events[-1][1]
        self.assertIn("(phone)", told["reason"])
        self.assertNotIn(password, repr(self.house.journal.events))

    def test_B9_9_scopes(self) -> None:
        """On the wrong protocol or from the wrong address it is refused as
        a wrong password is, and the log says why."""
        password = self.make(
            services=frozenset(("imap",)), networks=("192.0.2.0/24",)
        )
        self.login(password, "imap", "192.0.2.7")
        for service in ("submission", "pop3", "managesieve", "web"):
            before = self.house.jobs
            said = self.refused(password, service, "192.0.2.7")
            self.assertIn(f"not for {service}", said)
            self.assertEqual(self.house.jobs, before + 1)
        said = self.refused(password, "imap", "198.51.100.1")
        self.assertIn("not for clients at 198.51.100.1", said)
        self.refused(self.make(), "web")
        self.login(self.make(services=frozenset(("smtp",))), "submission")

    def test_expires(self) -> None:
        """From its expiry on it opens nothing."""
        password = self.make(expires_at=NOW + 10)
        self.login(password)
        self.house.world.clock.reactor.advance(10)
        self.assertIn("expired", self.refused(password))

    def test_of_one_account(self) -> None:
        """It opens its own account, and no disabled one."""
        password = self.make()
        self.refused(password, authcid="bob@local.test")
        self.refused(password, authcid="nobody@local.test")
        self.directory.disable(ANN)
        self.assertIn("disabled", self.refused(password))

    def test_B9_8_removed(self) -> None:
        """Removed, it opens nothing from that moment on."""
        password = self.make()
        self.login(password)
        [kept] = answer(self.directory.app_passwords("id-ann"))
        answer(self.directory.remove_app_password("id-ann", kept.id))
        self.refused(password)

    def test_last_use(self) -> None:
        """Its last use is noted once an hour, and to the hour."""
        password = self.make()
        for after_s, noted in ((0, NOW), (600, NOW), (7200, NOW + 7800)):
            self.house.world.clock.reactor.advance(after_s)
            self.login(password)
            [kept] = answer(self.directory.app_passwords("id-ann"))
            self.assertEqual(kept.used_at, noted - noted % 3600)

    def test_form(self) -> None:
        """Only twenty letters are looked up among app passwords."""
        for text in (b"short", b"a" * 21, b"abcde-fghij-klmno-pqrs1", b""):
            self.assertIsNone(read_letters(Secret(text)))
        self.assertEqual(
            read_letters(Secret(b"ABCDE fghij-klmnopqrst")),
            b"abcdefghijklmnopqrst",
        )

    def test_own_password_of_twenty_letters(self) -> None:
        """Who made up twenty letters themselves still gets in."""
        own = "correcthorsebatterys"
        kept = hashes.hash_now(own.encode(), b"salt of 16 octet")
        self.directory.kept["id-ann"] = AccountSecrets(kept)
        self.login(own)

    def test_only_app_passwords(self) -> None:
        """Where it is wanted, the own password opens no mail service, nor
        does a SCRAM proof of it; the web it does."""
        scram = ScramSecret(
            b"s" * 16, 4096, Secret(b"k" * 32), Secret(b"v" * 32)
        )
        kept = self.directory.kept["id-ann"]
        self.directory.kept["id-ann"] = evolve(
            kept, app_passwords_only=True, scram=scram
        )
        self.assertIn("app passwords only", self.refused(PASSWORD))
        self.login(PASSWORD, "web")
        self.login(self.make())
        gate = self.house.gate("imap")
        told = answer(gate.scram_secret("ann@local.test"))
        self.assertNotEqual(told.stored_key, scram.stored_key)
        with self.assertRaises(LoginRefused):
            answer(gate.login(ProvenCredentials("ann@local.test")))


class HashTests(SynchronousTestCase):
    """Hashes of other servers."""

    # Of Ulrich Drepper's specification of SHA512-CRYPT.
    VECTORS = (
        (
            "Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3u"
            "BnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "Hello world!",
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3"
            "Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        ),
        (
            "This is just a test",
            "$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QB"
            "xGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
        ),
    )

    def right(self, kept: str, password: str) -> bool:
        octets = password.encode()
        return hashes.verify_now(kept, octets, octets)

    def test_sha512_vectors(self) -> None:
        """The vectors of the specification hold."""
        for password, kept in self.VECTORS:
            kept = read_imported(kept)
            self.assertTrue(self.right(kept, password), kept)
            self.assertFalse(self.right(kept, password + "x"))

    def test_sha512_lengths(self) -> None:
        """Passwords of any length have the digest that passlib gives."""
        try:
            from passlib.hash import sha512_crypt
        except ImportError:
            self.skipTest("passlib is not here")
        for size in (1, 15, 16, 17, 63, 64, 65, 130):
            password = ("pw\u00e4" * size).encode()[:size]
            theirs = sha512_crypt.using(rounds=1000, salt="abc").hash(password)
            ours = crypt512(password, b"abc", 1000).decode()
            self.assertEqual(theirs.rpartition("$")[2], ours, size)

    def test_schemes(self) -> None:
        """Each scheme is read with and without its name, and checked."""
        import bcrypt

        salted = hashlib.sha1(b"open sesamesalt").digest() + b"salt"
        ssha = base64.b64encode(salted).decode()
        blf = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
        argon = hashes.hash_now(b"open sesame", b"salt of 16 octet")
        for text, kind in (
            (blf, "bcrypt:4"),
            (blf.replace("$2b$", "$2y$"), "bcrypt:4"),
            (blf.replace("$2b$", "$2a$"), "bcrypt:4"),
            (f"{{BLF-CRYPT}}{blf}", "bcrypt:4"),
            (f"{{SSHA}}{ssha}", ""),
            (f"{{ssha}}{ssha}", ""),
            (f"{{ARGON2ID}}{argon}", hashes.own_kind()),
        ):
            kept = read_imported(text)
            self.assertEqual(kind_of(kept), kind)
            self.assertTrue(self.right(kept, "open sesame"), text)
            self.assertFalse(self.right(kept, "open sesam"), text)

    def test_hostile(self) -> None:
        """What is damaged, unknown or too dear is refused at import."""
        digest, bc = "a" * 86, "a" * 53
        for text in (
            "",
            "plain",
            "{PLAIN}secret",
            "{MD5}x",
            f"{{SSHA}}$6$salt${digest}",
            "$6$salt$short",
            f"$6$rounds=1000001$salt${digest}",
            f"$6$rounds=999$salt${digest}",
            f"$6$rounds=999999999$salt${digest}",
            f"$2b$15${bc}",
            f"$2b$31${bc}",
            f"$2b$03${bc}",
            f"$2x$10${bc}",
            "{SSHA}!!!",
            "{SSHA}c2hvcnQ=",
            "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$c2FsdHNhbHQ",
            "$argon2id$v=19$m=19456,t=99,p=1$c2FsdHNhbHQ$c2FsdHNhbHQ",
            "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$c2FsdHNhbHQ",
            "$6$s\u00e4lt$" + digest,
            "$6$" + "a" * 600,
        ):
            with self.assertRaises(UnknownHash, msg=text):
                read_imported(text)

    def test_made_up(self) -> None:
        """A made-up hash is of its kind and costs what a real one does."""
        for kind in ("bcrypt:4", "sha512-crypt:1000", "argon2id:64:1:1"):
            made = make_up(kind, lambda count: bytes(range(count)))
            self.assertEqual(kind_of(made), kind)
            self.assertEqual(read_imported(made), made)
            self.assertFalse(self.right(made, "anything"))

    def test_long_for_bcrypt(self) -> None:
        """bcrypt takes 72 octets of a password, here as elsewhere."""
        import bcrypt

        kept = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
        self.assertTrue(self.right(kept, "x" * 100))


class ImportedTests(_Case):
    """Accounts that come from another server."""

    def setUp(self) -> None:
        super().setUp()
        import bcrypt

        kept = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        self.directory.kept["id-bob"] = AccountSecrets(
            kept, imported="bcrypt:4", app_passwords_only=False
        )

    def test_rehash(self) -> None:
        """The first right login replaces the hash by one of ours."""
        self.login(PASSWORD, authcid="bob@local.test")
        kept = self.directory.kept["id-bob"]
        self.assertEqual(kind_of(kept.password_hash or ""), hashes.own_kind())
        self.assertEqual(kept.imported, "")
        self.assertEqual(answer(self.directory.imported_kinds()), [])
        self.login(PASSWORD, authcid="bob@local.test")

    def test_B9_1_same_work(self) -> None:
        """With app passwords, codes and imported hashes about, a refusal
        takes the same checks of the same cost, whatever its reason."""
        carol, dora = Path("carol", "local.test"), Path("dora", "local.test")
        for each in (carol, dora):
            self.directory.add(each)
        self.directory.disable(dora)
        answer(
            self.directory.set_second_factor(
                "id-carol", SecondFactor(Secret(b"s" * 20), confirmed=True)
            )
        )
        password = self.make(services=frozenset(("imap",)))
        real = hashes.verify_now
        done: list[str] = []

        def counted(kept: str, *octets: bytes) -> bool:
            done.append(kind_of(kept))
            return real(kept, *octets)

        with mock.patch.object(hashes, "verify_now", counted):
            for authcid, typed in (
                ("ann@local.test", "wrong password"),
                ("bob@local.test", "wrong password"),
                ("carol@local.test", "wrong password"),
                ("carol@local.test", PASSWORD),
                ("dora@local.test", PASSWORD),
                ("nobody@local.test", "wrong password"),
                ("ann@local.test", password),
                ("ann@local.test", "aaaaa-aaaaa-aaaaa-aaaaa"),
                ("nobody@local.test", password),
                ("not a name", "wrong password"),
            ):
                done.clear()
                self.refused(typed, "pop3", authcid=authcid)
                self.assertEqual(
                    sorted(done), [hashes.own_kind(), "bcrypt:4"], authcid
                )

    def test_B9_8_changed(self) -> None:
        """A right password that is remembered is wrong once changed."""
        self.login(PASSWORD, authcid="bob@local.test")
        other = hashes.hash_now(b"another one", b"salt of 16 octet")
        self.directory.kept["id-bob"] = AccountSecrets(other)
        self.refused(PASSWORD, authcid="bob@local.test")


class CodeTests(_Case):
    """One-time codes."""

    def setUp(self) -> None:
        super().setUp()
        self.factors = self.realm.second_factors
        self.clock = self.house.world.clock

    def code(self, off: int = 0) -> str:
        factor = answer(self.directory.second_factor("id-ann"))
        step = int(self.clock.now()) // 30 + off
        return second_factor.code_of(factor.secret.reveal(), step)

    def enrol(self) -> list[str]:
        answer(self.factors.begin("id-ann"))
        codes: list[str] = answer(self.factors.confirm("id-ann", self.code()))
        self.clock.reactor.advance(30)
        return codes

    def check(self, code: str) -> tuple[bool, str]:
        checked = answer(self.factors.check("id-ann", code))
        return checked.right, checked.reason

    def test_rfc6238_vectors(self) -> None:
        """The vectors of RFC 6238, appendix B, in six digits."""
        for now, code in (
            (59, "287082"),
            (1111111109, "081804"),
            (1111111111, "050471"),
            (1234567890, "005924"),
            (2000000000, "279037"),
            (20000000000, "353130"),
        ):
            made = second_factor.code_of(b"12345678901234567890", now // 30)
            self.assertEqual(made, code)

    def test_enrolment(self) -> None:
        """Codes count once the owner has shown one, and not before."""
        with self.assertRaises(ObjectNotFound):
            answer(self.factors.confirm("id-ann", "000000"))
        secret = answer(self.factors.begin("id-ann"))
        self.assertEqual(len(secret.reveal()), 20)
        self.assertFalse(answer(self.factors.required("id-ann")))
        wrong = "000000" if self.code() != "000000" else "000001"
        self.assertIsNone(answer(self.factors.confirm("id-ann", wrong)))
        self.login(PASSWORD)
        codes = self.enrol()
        self.assertEqual(len(set(codes)), 10)
        self.assertTrue(answer(self.factors.required("id-ann")))
        for again in (
            self.factors.begin("id-ann"),
            self.factors.confirm("id-ann", self.code()),
        ):
            with self.assertRaises(ObjectExists):
                answer(again)
        self.assertIn("app passwords only", self.refused(PASSWORD))
        answer(self.factors.disable("id-ann"))
        self.login(PASSWORD)

    def test_uri(self) -> None:
        """An authenticator gets what it needs."""
        made = second_factor.uri(
            Secret(b"12345678901234567890"), "ann@local.test", "mail.test"
        )
        self.assertEqual(
            made,
            "otpauth://totp/mail.test%3Aann%40local.test?secret="
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=mail.test&"
            "algorithm=SHA1&digits=6&period=30",
        )

    def test_B9_9_replay(self) -> None:
        """A code is right once, within its window and a step around it."""
        self.enrol()
        code = self.code()
        self.assertEqual(self.check(code), (True, "one-time code"))
        self.assertEqual(self.check(code), (False, "the code was used before"))
        # An older one, in the window, that nobody used: also too late.
        self.assertFalse(self.check(self.code(-1))[0])
        self.assertTrue(self.check(self.code(1))[0])
        self.assertFalse(self.check(self.code(2))[0])
        self.clock.reactor.advance(30)
        self.assertFalse(self.check(self.code())[0])
        self.clock.reactor.advance(30)
        self.assertTrue(self.check(self.code())[0])

    def test_B9_9_recovery(self) -> None:
        """A recovery code is right once, and void once others are drawn."""
        codes = self.enrol()
        self.assertTrue(self.check(codes[0].upper())[0])
        self.assertFalse(self.check(codes[0])[0])
        renewed = answer(self.factors.renew_recovery("id-ann"))
        self.assertFalse(self.check(codes[1])[0])
        self.assertTrue(self.check(renewed[0])[0])

    def test_guessing(self) -> None:
        """After ten wrong codes within an hour none is looked at."""
        self.enrol()
        for _ in range(10):
            self.assertFalse(self.check("no code")[0])
        self.assertIn("too many", self.check(self.code())[1])
        self.clock.reactor.advance(3600)
        self.assertTrue(self.check(self.code())[0])

    def test_nobody(self) -> None:
        """Who has no codes has no right ones."""
        answer(self.factors.begin("id-ann"))
        for account_id in ("id-bob", "nobody", "id-ann"):
            checked = answer(self.factors.check(account_id, "000000"))
            self.assertFalse(checked.right)
        with self.assertRaises(ObjectNotFound):
            answer(self.factors.disable("id-bob"))


class CertificateTests(_Case):
    """EXTERNAL."""

    ANNS = ClientCertificate("aa" * 32, ("Ann@LOCAL.test",), "CN=ann")

    def show(self, certificate: ClientCertificate, authzid: str = "") -> Any:
        gate = self.house.gate("imap")
        shown = CertificateCredentials(certificate, authzid)
        return answer(gate.login(shown)).account.address

    def test_by_address(self) -> None:
        """The account whose address is in the certificate is opened."""
        for authzid in ("", "ann@local.test", "ANN%local.test"):
            self.assertEqual(self.show(self.ANNS, authzid), ANN)

    def test_B9_2_another(self) -> None:
        """Nobody acts for another, by a certificate neither."""
        for authzid in ("bob@local.test", "info@local.test", "*", "x\0y"):
            with self.assertRaises(LoginRefused):
                self.show(self.ANNS, authzid)

    def test_nobody(self) -> None:
        """An alias, a stranger, nonsense and a disabled one open nothing."""
        for addresses in (
            (),
            ("info@local.test",),
            ("ann@other.test",),
            ("nonsense",),
            ("ann@local.test ",),
        ):
            with self.assertRaises(LoginRefused):
                self.show(ClientCertificate("bb" * 32, addresses))
        self.directory.disable(ANN)
        with self.assertRaises(LoginRefused):
            self.show(self.ANNS)

    def test_several(self) -> None:
        """A certificate of several accounts opens the one that is meant."""
        both = ClientCertificate(
            "cc" * 32, ("ann@local.test", "bob@local.test")
        )
        with self.assertRaises(LoginRefused):
            self.show(both)
        self.assertEqual(self.show(both, "bob@local.test"), BOB)

    def test_by_fingerprint(self) -> None:
        """A registered one opens its account, whatever else it says."""
        known = KnownCertificate(self.ANNS.fingerprint)
        answer(self.directory.add_certificate("id-bob", known))
        self.assertEqual(self.show(self.ANNS), BOB)
        with self.assertRaises(LoginRefused):
            self.show(self.ANNS, "ann@local.test")


class GrantTests(_Case):
    """Whom an account may send as."""

    def test_B4_13_granted(self) -> None:
        """Granted addresses and domains are one's own, and no others."""
        self.directory.add(Path("sales", "local.test"))
        for sender in ("sales@local.test", "ann@far.test", "@news.test"):
            answer(self.directory.add_grant("id-ann", sender))
        avatar = self.login(PASSWORD)

        def own(text: str) -> bool:
            directory: Any = self.directory
            return answer(owns(directory, avatar, Path.parse(text)))

        for text in (
            "ann@local.test",
            "ann+box@local.test",
            "Sales@local.test",
            "ann@far.test",
            "anybody@news.test",
            "x+y@NEWS.test",
        ):
            self.assertTrue(own(text), text)
        for text in (
            "sales+box@local.test",
            "ann+box@far.test",
            "bob@local.test",
            "x@sub.news.test",
            "x@ews.test",
        ):
            self.assertFalse(own(text), text)


class NameTests(_Case):
    """Names that somebody made up."""

    def test_B9_4_hostile_names(self) -> None:
        """No name is a pattern, a template or a second spelling of one."""
        for name in (
            "*",
            "*@local.test",
            "a)(uid=*",
            "ann@local.test)(uid=*",
            "' OR 1=1--",
            "%u%u%u",
            "%u@local.test",
            "ann\0@local.test",
            "ann@local.test\0",
            "ann@local.test@x",
            "ann@local.test ",
            " ann@local.test",
            "ann @local.test",
            "a\uff4en@local.test",
            "\u0251nn@local.test",
            "ann\u200b@local.test",
            "ann_@local.test",
            "an%@local.test",
            "x" * 5000,
        ):
            self.refused(PASSWORD, authcid=name)
        for name in ("ANN@LOCAL.TEST", "ann%local.test"):
            self.login(PASSWORD, authcid=name)
