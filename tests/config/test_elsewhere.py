"""What may be said of issuers and directories."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.config import ConfigError, parse
from imailpy.config.schema.elsewhere import may_ask, read_ldap_url

HEAD = """
[server]
host_name = "mail.example.com"
[storage]
directory = "/data"
[[tls.certificates]]
certificate = "/c"
key = "/k"
"""


class ComplaintTests(SynchronousTestCase):
    """Mistakes are told before anybody signs in."""

    def complain(self, text: str) -> str:
        with self.assertRaises(ConfigError) as caught:
            parse(HEAD + text)
        return str(caught.exception)

    def test_oidc(self) -> None:
        """An issuer without audience, weak signatures, clear text."""
        for text, word in (
            ('issuer = "https://id.test"', "audiences"),
            ('issuer = "http://id.test"\naudiences = ["x"]', "https"),
            ('algorithms = ["HS256"]', "HS256"),
            ('algorithms = ["none"]', "none"),
            (
                'issuer = "https://id.test"\naudiences = ["x"]\n'
                'introspection_url = "https://id.test/ask"',
                "client_id",
            ),
        ):
            self.assertIn(word, self.complain("[oidc]\n" + text), text)
        parse(HEAD + '[oidc]\nissuer = "https://id.test"\naudiences = ["x"]')

    def test_ldap(self) -> None:
        """A directory without base, passwords in clear text, a filter that
        finds everybody."""
        for text, word in (
            ('urls = ["ldaps://a.test"]', '"base" is missing'),
            ('urls = ["http://a.test"]', "is not a server"),
            (
                'urls = ["ldap://a.test"]\nbase = "dc=x"\nstarttls = false',
                "could be read",
            ),
            ('bind_dn = "cn=x"\nurls = ["ldaps://a"]', "go together"),
            ('user_filter = "(mail=*)"', "same user"),
        ):
            self.assertIn(word, self.complain("[ldap]\n" + text), text)
        parse(HEAD + '[ldap]\nurls = ["ldap://a.test"]\nbase = "dc=x"')

    def test_relay_domains(self) -> None:
        """Recipients by LDAP need a directory."""
        said = self.complain(
            '[relay.domains."example.net"]\nrecipients = "ldap"'
        )
        self.assertIn("needs urls in [ldap]", said)

    def test_ldap_urls(self) -> None:
        """Hosts with and without port, and addresses."""
        for url, found in (
            ("ldap://a.test", ("a.test", 389, False)),
            ("ldaps://A.test/", ("a.test", 636, True)),
            ("ldap://a.test:3389", ("a.test", 3389, False)),
            ("ldaps://[2001:db8::1]:1636", ("2001:db8::1", 1636, True)),
        ):
            self.assertEqual(read_ldap_url(url), found)
        for url in ("ldap://", "ldapi:///x", "a.test", "ldap://a:0", ""):
            with self.assertRaises(ValueError):
                read_ldap_url(url)


class UrlTests(SynchronousTestCase):
    """Whom we ask."""

    def test_may_ask(self) -> None:
        """https everywhere, http on this machine."""
        for url, may in (
            ("https://id.example.com", True),
            ("https://id.example.com:8443/a?b", True),
            ("http://127.0.0.1:8000/x", True),
            ("http://localhost/x", True),
            ("http://[::1]:80/", True),
            ("http://id.example.com/", False),
            ("http://localhost.evil.test/", False),
            ("http://127.0.0.1@evil.test/", False),
            ("file:///etc/passwd", False),
            ("https://", False),
            ("https://a b/", False),
            ("", False),
        ):
            self.assertEqual(may_ask(url), may, url)
