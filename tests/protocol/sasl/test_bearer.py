"""OAUTHBEARER and XOAUTH2."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Secret, TokenCredentials
from imailpy.protocol.sasl import (
    Challenge,
    CheckToken,
    Failed,
    refusal,
    server,
)

# The example of [RFC7628 4.1], and Google's of its documentation.
OAUTHBEARER = (
    b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
    b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
)
XOAUTH2 = (
    b"user=someuser@example.com\x01"
    b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==\x01\x01"
)


class BearerTests(SynchronousTestCase):
    """One message with a token."""

    def read(self, mechanism: str, octets: bytes) -> TokenCredentials:
        step = server(mechanism).start(octets)
        self.assertIsInstance(step, CheckToken, (octets, step))
        return step.credentials

    def test_oauthbearer(self) -> None:
        """The standard's example is read: a name, and a token."""
        self.assertEqual(
            self.read("OAUTHBEARER", OAUTHBEARER),
            TokenCredentials(
                "user@example.com",
                Secret(b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="),
            ),
        )

    def test_xoauth2(self) -> None:
        """Google's example is read."""
        found = self.read("XOAUTH2", XOAUTH2)
        self.assertEqual(found.authcid, "someuser@example.com")
        self.assertEqual(found.mechanism, "XOAUTH2")
        self.assertTrue(found.token.reveal().startswith(b"vF9dft4q"))

    def test_asked_for(self) -> None:
        """A client without initial response is asked for its message."""
        for mechanism, octets in (
            ("OAUTHBEARER", OAUTHBEARER),
            ("XOAUTH2", XOAUTH2),
        ):
            exchange = server(mechanism)
            self.assertEqual(exchange.start(None), Challenge(b""))
            self.assertIsInstance(exchange.respond(octets), CheckToken)
            # Nothing comes after it.
            self.assertIsInstance(exchange.respond(octets), Failed)

    def test_spellings(self) -> None:
        """No name, an escaped one, another case of Bearer, unknown keys."""
        for octets, name in (
            (b"n,,\x01auth=Bearer abc\x01\x01", ""),
            (b"y,,\x01auth=bearer abc\x01\x01", ""),
            (b"n,a=a=2Cb=3Dc,\x01auth=BEARER abc\x01\x01", "a,b=c"),
            (b"n,a=u,\x01auth=Bearer abc\x01future=x y\x01\x01", "u"),
            ("n,a=ä,\x01auth=Bearer abc\x01\x01".encode(), "ä"),
        ):
            found = self.read("OAUTHBEARER", octets)
            self.assertEqual(found.authcid, name)
            self.assertEqual(found.token, Secret(b"abc"))

    def test_malformed(self) -> None:
        """What is not the mechanism's syntax fails as malformed, and the
        reason holds nothing that the client said."""
        for mechanism, octets in (
            ("OAUTHBEARER", b""),
            ("OAUTHBEARER", b"\x01"),
            ("OAUTHBEARER", b"n,,"),
            ("OAUTHBEARER", b"n,,\x01\x01"),
            ("OAUTHBEARER", b"p=tls-exporter,,\x01auth=Bearer abc\x01\x01"),
            ("OAUTHBEARER", b"n,a=a=2cb,\x01auth=Bearer abc\x01\x01"),
            ("OAUTHBEARER", b"n,a=\0,\x01auth=Bearer abc\x01\x01"),
            ("OAUTHBEARER", b"n,a=\xff,\x01auth=Bearer abc\x01\x01"),
            ("OAUTHBEARER", b"n,,\x01auth=Bearer abc\x01"),
            ("OAUTHBEARER", b"n,,\x01auth=Basic abc\x01\x01"),
            ("OAUTHBEARER", b"n,,\x01auth=Bearer \x01\x01"),
            ("OAUTHBEARER", b"n,,\x01auth=Bearer a b\x01\x01"),
            ("OAUTHBEARER", b"n,,\x01auth=Bearer a%00b\x01\x01"),
            ("OAUTHBEARER", b"n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01"),
            (
                "OAUTHBEARER",
                b"n,,\x01auth=Bearer " + b"a" * 9999 + b"\x01\x01",
            ),
            ("XOAUTH2", b"auth=Bearer abc\x01\x01"),
            ("XOAUTH2", b"user=\x01auth=Bearer abc\x01\x01"),
            ("XOAUTH2", b"user=\xff\x01auth=Bearer abc\x01\x01"),
            ("XOAUTH2", b"user=a\r\nb\x01auth=Bearer abc\x01\x01"),
        ):
            step = server(mechanism).start(octets)
            self.assertIsInstance(step, Failed, octets)
            self.assertTrue(step.malformed)
            self.assertNotIn("abc", step.reason)

    def test_refusal(self) -> None:
        """The refusal is JSON that tells a stranger nothing of us."""
        self.assertEqual(
            json.loads(refusal("OAUTHBEARER")), {"status": "invalid_token"}
        )
        self.assertEqual(
            json.loads(refusal("XOAUTH2")),
            {"status": "401", "schemes": "bearer"},
        )

    def test_secret(self) -> None:
        """A token is not seen where credentials are printed."""
        found = self.read("XOAUTH2", XOAUTH2)
        self.assertNotIn("vF9", repr(found))

    @settings(max_examples=200)
    @given(st.binary(max_size=200), st.booleans())
    def test_any_octets(self, octets: bytes, google: bool) -> None:
        """Whatever a client says gives credentials or a refusal."""
        exchange = server("XOAUTH2" if google else "OAUTHBEARER")
        self.assertIsInstance(exchange.start(octets), CheckToken | Failed)
