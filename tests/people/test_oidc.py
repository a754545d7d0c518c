"""Signing in at a provider: a real one on loopback, honest and lying."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from django.contrib.auth.models import User
from django.test import Client
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from headrace.people.links import invite
from headrace.people.models import Identity
from headrace.people.oidc import _client
from headrace.projects.models import Membership, Project
from tests.people.conftest import SELF

CLIENT_ID, CLIENT_SECRET = "headrace", "canary-client-secret"


class Provider:
    """Authorisation code flow with PKCE. `claims` go into the identity token, over its honest ones."""

    def __init__(self) -> None:
        self.key: Any = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.sign_with: Any = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {}
        self.asked: dict[str, dict[str, str]] = {}
        self.metadata: dict[str, Any] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = {"/.well-known/openid-configuration": provider.document, "/keys": provider.keys}
                self._answer(answers[self.path]())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(provider.token({name: values[0] for name, values in parse_qs(body).items()}))

            def _answer(self, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(400 if "error" in body else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        } | self.metadata

    def keys(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def authorise(self, address: str) -> dict[str, str]:
        """The person agrees: the query with which the browser comes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = generate_token(20)
        self.asked[code] = asked
        return {"code": code, "state": asked["state"]}

    def token(self, given: dict[str, str]) -> dict[str, Any]:
        asked = self.asked.pop(given.get("code", ""), None)
        if asked is None or create_s256_code_challenge(given.get("code_verifier", "")) != asked["code_challenge"]:
            return {"error": "invalid_grant"}
        now = int(time.time())
        honest = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "s-1", "iat": now, "exp": now + 60}
        claims = honest | {"nonce": asked["nonce"]} | self.claims
        token = jwt.encode({"alg": self.algorithm, "kid": "one"}, claims, self.sign_with, algorithms=[self.algorithm])
        return {"access_token": "a", "token_type": "Bearer", "id_token": token}


@pytest.fixture
def provider(database: None, required: Any) -> Iterator[Provider]:
    each = Provider()
    _use(required, each)
    yield each
    each.close()


def _use(settings: Any, provider: Provider, **more: Any) -> None:
    names = {"OIDC_ISSUER": provider.issuer, "OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET}
    settings.HEADRACE = {"AUTH": "required"} | names | more
    _client.cache_clear()


def sign_in(provider: Provider, client: Client) -> Any:
    start = client.get("/sign/oidc")
    assert start.status_code == 302, start.content
    assert start["Location"].startswith(f"{provider.issuer}/authorize?")
    assert CLIENT_SECRET not in start["Location"]
    return client.get("/sign/oidc/callback", provider.authorise(start["Location"]))


def test_who_is_allowed_gets_an_account_and_keeps_it(provider: Provider, required: Any) -> None:
    _use(required, provider, OIDC_ALLOW=["example.org"])
    provider.claims = {"email": "Kim@Example.org", "email_verified": True, "preferred_username": "kim"}
    client = Client(headers=SELF)
    assert sign_in(provider, client)["Location"] == "/"
    assert client.get("/api/me/").json() == {"name": "kim", "operator": False, "projects": {}}
    provider.claims = {"preferred_username": "someone-else"}  # known by issuer and subject from now on
    assert sign_in(provider, Client(headers=SELF)).status_code == 302
    assert User.objects.count() == Identity.objects.count() == 1
    assert not User.objects.get().has_usable_password()


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": "kim@example.org"},
        {"email": "kim@example.org", "email_verified": "true"},
        {"email": "kim@example.org.evil.example", "email_verified": True},
        {"email": "kim@evil-example.org", "email_verified": True},
    ],
)
def test_others_are_strangers(provider: Provider, required: Any, claims: dict[str, Any]) -> None:
    _use(required, provider, OIDC_ALLOW=["example.org"])
    provider.claims = claims
    answer = sign_in(provider, Client(headers=SELF))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not User.objects.exists()


def test_an_invitation_lets_a_stranger_in(provider: Provider) -> None:
    made = invite(Project.objects.get(public_id="default"), "editor")
    client = Client(headers=SELF)
    body = {"secret": made.path.partition("#")[2], "with": "provider"}
    assert client.post("/sign/link", body, content_type="application/json").json() == {"next": "/sign/oidc"}
    assert sign_in(provider, client).status_code == 302
    assert Membership.objects.get().role == "editor"
    assert sign_in(provider, Client(headers=SELF)).status_code == 302


def test_a_name_or_an_address_of_e_mail_takes_over_no_account(provider: Provider, required: Any) -> None:
    owner = User.objects.create_superuser("owner", email="owner@example.org")
    _use(required, provider, OIDC_ALLOW=["*"])
    provider.claims = {"preferred_username": "owner", "email": "owner@example.org", "email_verified": True}
    client = Client(headers=SELF)
    assert sign_in(provider, client).status_code == 302
    assert client.get("/api/me/").json()["name"] == "owner-2"
    assert Identity.objects.get().user != owner


def lies(provider: Provider) -> dict[str, Any]:
    other = RSAKey.generate_key(2048, {"kid": "one"})
    return {
        "another's key": {"sign_with": other},
        "a shared secret": {"sign_with": OctKey.import_key(CLIENT_SECRET * 2), "algorithm": "HS256"},
        "another issuer": {"claims": {"iss": "https://evil.example"}},
        "another audience": {"claims": {"aud": "another"}},
        "over": {"claims": {"exp": 1}},
        "another nonce": {"claims": {"nonce": "x"}},
    }


@pytest.mark.parametrize("lie", list(lies(None)))  # type: ignore[arg-type]
def test_a_lying_provider_lets_nobody_in(provider: Provider, required: Any, lie: str) -> None:
    _use(required, provider, OIDC_ALLOW=["*"])
    for name, value in lies(provider)[lie].items():
        setattr(provider, name, value)
    answer = sign_in(provider, Client(headers=SELF))
    assert (answer.status_code, answer.json()["code"]) == (502, "provider_failed")
    assert not User.objects.exists()


def test_a_provider_of_another_name_is_not_asked(provider: Provider) -> None:
    provider.metadata = {"issuer": "https://evil.example"}
    assert Client(headers=SELF).get("/sign/oidc").status_code == 502


def test_nobody_comes_back_who_was_not_sent(provider: Provider, required: Any) -> None:
    _use(required, provider, OIDC_ALLOW=["*"])
    start = Client(headers=SELF).get("/sign/oidc")
    query = provider.authorise(start["Location"])
    assert Client(headers=SELF).get("/sign/oidc/callback", query).status_code == 502  # another browser
    for query in ({}, {"error": "access_denied", "state": "x"}, {"code": "x", "state": "y"}):
        assert Client(headers=SELF).get("/sign/oidc/callback", query).status_code == 502


def test_without_a_provider_there_is_no_such_page(database: None, required: Any) -> None:
    assert Client(headers=SELF).get("/sign/oidc").status_code == 404
