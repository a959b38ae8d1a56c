"""
An issuer of tokens with fresh keys, and its web server on loopback.

    issuer = Issuer()
    with IssuerSite(issuer) as site:
        ... site.url is the issuer's URL, site.asked what was asked for
        issuer.token(email="ann@local.test")
"""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
import warnings
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwk, jws

AUDIENCE = "imailpy-test"


@cache
def made_key(kind: str, which: int = 0) -> Any:
    """One key of a kind; the same one in the whole run."""
    if kind == "RSA":
        return jwk.RSAKey.generate_key(2048)
    if kind == "EC":
        return jwk.ECKey.generate_key("P-256")
    return jwk.OKPKey.generate_key("Ed25519")


def spell(value: Any) -> bytes:
    """Base64url of JSON, without padding."""
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


class Issuer:
    """Signs tokens, and lists its keys."""

    ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}

    def __init__(self, name: str = "https://id.example.test") -> None:
        self.name = name
        self.keys: dict[str, Any] = {
            f"key {kind}": made_key(kind) for kind in self.ALGORITHMS
        }
        self.now = time.time

    def jwks(self) -> bytes:
        """The published keys."""
        return json.dumps(
            {
                "keys": [
                    {**key.as_dict(private=False), "kid": kid, "use": "sig"}
                    for kid, key in self.keys.items()
                ]
            }
        ).encode()

    def claims(self, **more: Any) -> dict[str, Any]:
        """What a good token says; None leaves a claim out."""
        now = int(self.now())
        said = {
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": "1234",
            "iat": now,
            "exp": now + 600,
            "email": "ann@local.test",
            "email_verified": True,
            "scope": "openid mail",
            **more,
        }
        return {k: v for k, v in said.items() if v is not None}

    def token(
        self, kind: str = "RSA", header: Any = None, **more: Any
    ) -> bytes:
        """A token signed by the key of a kind."""
        kid = f"key {kind}"
        alg = self.ALGORITHMS[kind]
        head = {"alg": alg, "kid": kid, **(header or {})}
        head = {k: v for k, v in head.items() if v is not None}
        claims = json.dumps(self.claims(**more)).encode()
        registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
        with warnings.catch_warnings():
            # It wants EdDSA to be called Ed25519.
            warnings.simplefilter("ignore")
            return jws.serialize_compact(
                head,
                claims,
                made_key(kind),
                algorithms=[alg],
                registry=registry,
            ).encode()

    def unsigned(self, **header: Any) -> bytes:
        """A token that nobody signed."""
        return b".".join(
            (spell({"alg": "none", **header}), spell(self.claims()), b"")
        )

    def by_secret(self, secret: bytes, alg: str = "HS256") -> bytes:
        """A token that a shared secret signed: our public key, say."""
        head = spell({"alg": alg, "kid": "key RSA"})
        text = head + b"." + spell(self.claims())
        return text + b"." + spell(hmac.digest(secret, text, "sha256"))


class IssuerSite:
    """Discovery, keys and introspection over HTTP."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.asked: list[str] = []
        self.authorization: list[str | None] = []
        self.active: dict[str, dict[str, Any]] = {}
        self.status = 200
        self.padding = b""
        site = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(b"")

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                self.answer(self.rfile.read(size))

            def answer(self, body: bytes) -> None:
                site.asked.append(self.path)
                site.authorization.append(self.headers["Authorization"])
                octets = site.page(self.path, body)
                self.send_response(site.status)
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            def log_message(self, *whatever: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        issuer.name = self.url
        # Python waits for all other threads before it ends.
        self._thread = threading.Thread(
            target=self._server.serve_forever, daemon=True
        )

    def page(self, path: str, body: bytes) -> bytes:
        """What one page says."""
        if path == "/.well-known/openid-configuration":
            said: Any = {
                "issuer": self.issuer.name,
                "jwks_uri": f"{self.url}/keys",
            }
            return json.dumps(said).encode()
        if path == "/keys":
            return self.issuer.jwks() + self.padding
        token = parse_qs(body.decode()).get("token", [""])[0]
        said = self.active.get(token, {"active": False})
        return json.dumps(said).encode()

    def __enter__(self) -> IssuerSite:
        self._thread.start()
        return self

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __exit__(self, *whatever: object) -> None:
        self.close()
