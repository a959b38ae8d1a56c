"""Tokens that are read: signatures and claims."""

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from twisted.trial.unittest import SynchronousTestCase

from imailpy.realm.tokens.claims import TokenRefused, address_of
from imailpy.realm.tokens.jwt import UnknownKey, read_keys, read_token
from imailpy.realm.tokens.settings import TokenSettings
from tests.support.issuer import AUDIENCE, Issuer, made_key, spell

NOW = 1_800_000_000.0
SETTINGS = TokenSettings(
    issuer="https://id.example.test", audiences=(AUDIENCE, "other")
)


class TokenTests(SynchronousTestCase):
    """An issuer with three keys."""

    def setUp(self) -> None:
        self.issuer = Issuer()
        self.issuer.now = lambda: NOW
        self.keys = read_keys(self.issuer.jwks())

    def read(self, token: bytes, told: TokenSettings = SETTINGS) -> Any:
        return read_token(token, self.keys, told, NOW)

    def refuse(self, token: bytes, told: TokenSettings = SETTINGS) -> str:
        with self.assertRaises(TokenRefused) as caught:
            self.read(token, told)
        return str(caught.exception)

    def test_good(self) -> None:
        """RSA, elliptic curve and Ed25519: each kind of key signs."""
        for kind in ("RSA", "EC", "OKP"):
            claims = self.read(self.issuer.token(kind))
            self.assertEqual(address_of(claims, SETTINGS), "ann@local.test")

    def test_audiences(self) -> None:
        """One of several audiences is enough."""
        self.read(self.issuer.token(aud=["else", AUDIENCE]))

    def test_B9_7_alg_none(self) -> None:
        """A token that nobody signed is refused, however it is spelt."""
        for alg in ("none", "None", "NONE", "", None, 1, ["RS256"]):
            self.assertIn(
                "not allowed", self.refuse(self.issuer.unsigned(alg=alg))
            )
        head, body, _ = self.issuer.token().split(b".")
        self.refuse(b".".join((head, body, b"")))
        # Not even where somebody writes it into the settings.
        unwise = TokenSettings(
            SETTINGS.issuer, (AUDIENCE,), algorithms=("none",)
        )
        self.assertIn("never", self.refuse(self.issuer.unsigned(), unwise))

    def test_B9_7_public_key_as_secret(self) -> None:
        """Our knowledge of the public key is no shared secret."""
        key = made_key("RSA")
        for secret in (key.as_pem(private=False), self.issuer.jwks(), b""):
            token = self.issuer.by_secret(secret)
            self.assertIn("not allowed", self.refuse(token))
            unwise = TokenSettings(
                SETTINGS.issuer, (AUDIENCE,), algorithms=("HS256", "RS256")
            )
            self.assertIn("never", self.refuse(token, unwise))

    def test_B9_7_published_secret(self) -> None:
        """A shared secret among the published keys is not used."""
        listed = json.loads(self.issuer.jwks())
        listed["keys"].append(
            {"kty": "oct", "kid": "key RSA", "k": "c2VjcmV0"}
        )
        found = read_keys(json.dumps(listed).encode())
        self.assertEqual(len(found), 3)
        with self.assertRaises(ValueError):
            read_keys(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}')

    def test_B9_7_claims(self) -> None:
        """Another issuer or audience, a token of yesterday or of tomorrow,
        a scope too few: refused, and the log knows why."""
        scoped = TokenSettings(
            SETTINGS.issuer, (AUDIENCE,), scopes=("mail", "imap")
        )
        for claims, told, why in (
            ({"iss": "https://evil.test"}, SETTINGS, "issuer"),
            ({"iss": SETTINGS.issuer + "/"}, SETTINGS, "issuer"),
            ({"iss": None}, SETTINGS, "issuer"),
            ({"aud": "something else"}, SETTINGS, "audience"),
            ({"aud": AUDIENCE + "x"}, SETTINGS, "audience"),
            ({"aud": [["imailpy-test"]]}, SETTINGS, "audience"),
            ({"aud": None}, SETTINGS, "audience"),
            ({"exp": NOW - 61}, SETTINGS, "expired"),
            ({"exp": None}, SETTINGS, "without exp"),
            ({"exp": "never"}, SETTINGS, "not a number"),
            ({"exp": True}, SETTINGS, "not a number"),
            ({"exp": math.nan}, SETTINGS, "not a number"),
            ({"nbf": NOW + 61}, SETTINGS, "nbf"),
            ({"iat": NOW + 61}, SETTINGS, "iat"),
            ({}, scoped, "scope imap"),
            ({"scope": ["imapx"]}, scoped, "scope imap mail"),
            ({"scope": 5}, scoped, "scope imap mail"),
        ):
            why_not = self.refuse(self.issuer.token(**claims), told)
            self.assertIn(why, why_not, claims)

    def test_clock_skew(self) -> None:
        """Clocks may differ by as much as the setting says."""
        self.read(self.issuer.token(exp=NOW - 59))
        self.read(self.issuer.token(nbf=NOW + 59, iat=NOW + 59))

    def test_scopes(self) -> None:
        """Scopes are a text or a list, in scope or in scp."""
        told = TokenSettings(
            SETTINGS.issuer, (AUDIENCE,), scopes=("mail", "imap")
        )
        self.read(self.issuer.token(scope="imap openid mail"), told)
        self.read(self.issuer.token(scope=None, scp=["mail", "imap"]), told)

    def test_B9_7_kid(self) -> None:
        """A kid is a string that is compared: no path, no template."""
        for kid in (
            "../../../dev/null",
            "/etc/passwd",
            "%2e%2e%2fkey RSA",
            "%{env:HOME}",
            "key RSA\0",
            "' OR 1=1--",
            "key rsa",
            "",
        ):
            with self.assertRaises(UnknownKey):
                self.read(self.issuer.token(header={"kid": kid}))

    def test_B9_7_key_in_the_header(self) -> None:
        """A key, or a link to one, that the token brings itself is not
        looked at; a critical extension that we do not know refuses it."""
        stranger = Issuer()
        stranger.keys = {"own": made_key("RSA", 1)}
        public = made_key("RSA", 1).as_dict(private=False)
        for header in (
            {"kid": "own", "jwk": public},
            {"kid": "key RSA", "jwk": public},
            {"kid": "own", "jku": "https://evil.test/keys"},
            {"kid": "own", "x5u": "https://evil.test/keys"},
        ):
            head = {"alg": "RS256", **header}
            registry = jws.JWSRegistry(
                algorithms=["RS256"], strict_check_header=False
            )
            token = jws.serialize_compact(
                head,
                json.dumps(self.issuer.claims()).encode(),
                made_key("RSA", 1),
                algorithms=["RS256"],
                registry=registry,
            ).encode()
            self.refuse(token)

    def test_B9_7_kinds_do_not_mix(self) -> None:
        """An algorithm of one kind of key does not go with another's."""
        for alg, kid in (("ES256", "key RSA"), ("RS256", "key EC")):
            head, body, signature = self.issuer.token().split(b".")
            head = spell({"alg": alg, "kid": kid})
            with self.assertRaises(UnknownKey):
                self.read(b".".join((head, body, signature)))

    def test_without_kid(self) -> None:
        """A token without kid is tried with the keys of its kind."""
        self.read(self.issuer.token(header={"kid": None}))

    def test_changed(self) -> None:
        """A token of which one octet has changed is refused."""
        head, body, signature = self.issuer.token().split(b".")
        body = spell(self.issuer.claims(email="bob@local.test"))
        self.assertIn(
            "signature", self.refuse(b".".join((head, body, signature)))
        )

    def test_name(self) -> None:
        """The address must be there, be text, and be verified."""
        for claims in (
            {"email": None},
            {"email": ["ann@local.test"]},
            {"email": ""},
            {"email_verified": False},
            {"email_verified": None},
            {"email_verified": 1.5},
        ):
            found = self.read(self.issuer.token(**claims))
            with self.assertRaises(TokenRefused):
                address_of(found, SETTINGS)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=80), st.integers(0, 400), st.integers(0, 255))
    def test_any_octets(self, noise: bytes, at: int, octet: int) -> None:
        """Whatever is shown is refused, if it is not what was signed."""
        issuer = Issuer()
        issuer.now = lambda: NOW
        good = issuer.token("EC")
        changed = good[:at] + bytes([octet]) + good[at + 1 :]
        keys = read_keys(issuer.jwks())
        for token in (noise, noise + b"." + noise + b".", changed):
            try:
                claims = read_token(token, keys, SETTINGS, NOW)
            except TokenRefused:
                continue
            # Base64 has several spellings of its last octets.
            self.assertEqual(claims, issuer.claims())
            self.assertEqual(
                token.rpartition(b".")[0], good.rpartition(b".")[0]
            )


class KeyTests(SynchronousTestCase):
    """Published keys."""

    def test_nonsense(self) -> None:
        """What is no set of keys is told as such."""
        for octets in (
            b"",
            b"[]",
            b"{}",
            b'{"keys": {}}',
            b'{"keys": []}',
            b'{"keys": [1, null, {"kty": "RSA"}]}',
            b'{"keys": [{"kty": "RSA", "n": "!", "e": 3}]}',
            b"[" * 100_000,
        ):
            with self.assertRaises(ValueError):
                read_keys(octets)

    def test_encryption_keys(self) -> None:
        """Keys for encryption are no keys for signatures."""
        key = made_key("RSA").as_dict(private=False)
        with self.assertRaises(ValueError):
            read_keys(json.dumps({"keys": [{**key, "use": "enc"}]}).encode())
