"""The access guard's decision, as a pure function of what was asked."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.common.access import Asked, is_loopback_host, login_refusal, needs_login, refusal
from headrace.common.conf import Settings

LOCAL = Settings()
OPEN = Settings(
    auth="required",
    allowed_hosts=("models.example", ".corp.example"),
    allowed_origins=("https://app.example:443",),
    metrics_token="scrape",
)
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get")
HOST = "localhost:8000"


def code(asked: Asked, settings: Settings = LOCAL) -> str:
    found = refusal(asked, settings)
    return found.code if found else ""


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:1",
        "localhost.:80",
        "a.localhost",
        "127.0.0.1",
        "127.255.0.9:80",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_loopback_hosts(host: str) -> None:
    assert code(Asked("GET", host=host)) == ""


FOREIGN_HOSTS = [
    "",
    " ",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "0.0.0.0",
    "[::]",
    "10.0.0.1",
    "169.254.169.254",
    "localhost@evil.example",
    "evil.example:localhost",
    "localhost:80:80",
    "localhost,evil.example",
    "notlocalhost",
    "127.1",
    "2130706433",
    "0x7f.1",
    "[::1",
    "::1",
    "[::1]x",
    "localhost/",
    "localhost\\evil",
    "loc\u0430lhost",
    "128.0.0.1",
    "[fe80::1]",
    "localhost evil.example",
    "localhost\n",
    "localhost..",
]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_foreign_hosts(host: str) -> None:
    for settings in (LOCAL, OPEN):
        assert code(Asked("GET", host=host), settings) == "host_refused"


@given(st.text(max_size=30))
@example("127.0.0.1:")
def test_no_other_text_is_a_host(text: str) -> None:
    if code(Asked("GET", host=text)) == "":
        name = text.rpartition(":")[0] if ":" in text and not text.endswith("]") else text
        assert is_loopback_host(name)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("models.example", True),
        ("MODELS.example.:443", True),
        ("a.models.example", False),
        ("corp.example", True),
        ("x.y.corp.example", True),
        ("xcorp.example", False),
        ("corp.example.evil", False),
    ],
)
def test_allowed_hosts(host: str, allowed: bool) -> None:
    assert (code(Asked("OPTIONS", host=host), OPEN) == "") is allowed


@given(
    st.sampled_from(METHODS),
    st.one_of(
        st.text(max_size=30), st.sampled_from(["null", "http://localhost:8001", "https://evil.example", "file://"])
    ),
)
def test_a_foreign_page_changes_nothing(method: str, origin: str) -> None:
    found = code(Asked(method, host=HOST, origin=origin))
    own = origin.lower() in ("http://localhost:8000", "https://localhost:8000")
    assert found == ("" if method in SAFE_METHODS or own else "origin_refused")


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:8000@evil.example",
        "http://evil.example\\@localhost:8000",
        "http://evil.example#@localhost:8000",
        "http://localhost:8000/",
        "http://localhost:8000, http://evil.example",
        "http://localhost",
        "ws://localhost:8000",
        "http://127.0.0.1:8000",
        "chrome-extension://abc",
    ],
)
def test_only_our_own_origin_is_ours(origin: str) -> None:
    assert code(Asked("POST", host=HOST, origin=origin)) == "origin_refused"


@pytest.mark.parametrize(
    ("host", "origin", "scheme"),
    [
        (HOST, "http://localhost:8000", "http"),
        ("localhost", "http://localhost", "http"),
        ("localhost:80", "http://localhost", "http"),
        ("[::1]:8000", "http://[::1]:8000", "http"),
        ("localhost", "https://localhost", "http"),  # a proxy ended TLS
        ("localhost", "https://localhost:443", "https"),
    ],
)
def test_our_own_page_gets_in(host: str, origin: str, scheme: str) -> None:
    assert code(Asked("POST", host=host, origin=origin, scheme=scheme, fetch_site="same-origin")) == ""


@given(
    st.sampled_from(METHODS),
    st.sampled_from(["cross-site", "same-site", "SAME-SITE", "none", "same-origin", "", "other"]),
)
def test_fetch_metadata_counts_without_an_origin(method: str, site: str) -> None:
    good = method in SAFE_METHODS or site in ("none", "same-origin", "")
    assert (code(Asked(method, host=HOST, fetch_site=site)) == "") is good


def test_an_allowed_origin_may_be_cross_site() -> None:
    asked = Asked("POST", host="models.example", origin="https://app.example", fetch_site="cross-site")
    assert code(asked, OPEN) == ""
    assert code(Asked("POST", host=HOST, origin="https://app.example", fetch_site="cross-site")) == "origin_refused"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", " application/json ;x=y"])
def test_json_bodies(kind: str) -> None:
    assert code(Asked("POST", host=HOST, content_type=kind, has_body=True)) == ""


@given(st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]), st.text(max_size=30))
@example("POST", "application/json, text/plain")
@example("POST", "text/plain;application/json")
@example("POST", "application/jsonp")
def test_other_bodies(method: str, kind: str) -> None:
    wanted = "" if kind.partition(";")[0].strip().lower() == "application/json" else "unsupported_media_type"
    assert code(Asked(method, host=HOST, content_type=kind, has_body=True)) == wanted
    assert code(Asked(method, host=HOST, content_type=kind, has_body=False)) == ""


@pytest.mark.parametrize(
    ("meta", "has_body"),
    [
        ({}, False),
        ({"CONTENT_LENGTH": ""}, False),
        ({"CONTENT_LENGTH": "0"}, False),
        ({"CONTENT_LENGTH": "10"}, True),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, True),
    ],
)
def test_whether_there_is_a_body(meta: dict[str, str], has_body: bool) -> None:
    assert Asked.of(meta, method="POST", path="/", scheme="http").has_body is has_body


def test_who_must_log_in() -> None:
    for method, path, authenticated, settings, let_in in (
        ("GET", "/api/projects/", False, LOCAL, True),
        ("GET", "/api/projects/", False, OPEN, False),
        ("GET", "/api/projects/", True, OPEN, True),
        ("GET", "/healthz", False, OPEN, True),
        ("GET", "/healthz/", False, OPEN, False),
        ("GET", "/metrics", False, OPEN, True),
        ("OPTIONS", "/api/projects/", False, OPEN, True),
    ):
        found = login_refusal(Asked(method, path), settings, authenticated=authenticated)
        assert (found is None) is let_in, (method, path, authenticated)
        assert found is None or found.status == 401


@pytest.mark.parametrize("auth", ["none", "required"])
@pytest.mark.parametrize("token", ["", "scrape"])
@pytest.mark.parametrize("site", [False, True])
def test_who_may_read_the_figures(auth: str, token: str, site: bool) -> None:
    """Whoever has the token, wherever there is one; without one whoever may be here at all, where nobody logs in."""
    settings = Settings(auth=auth, metrics_token=token)  # type: ignore[arg-type]
    for given_token, right in (("", False), ("scrap", False), ("scrape\u00e9", False), ("scrape", token == "scrape")):
        asked = Asked("GET", "/metrics", host=HOST, authorization=f"Bearer {given_token}")
        let_in = refusal(asked, settings) is None and not needs_login(asked, settings, site=site)
        assert let_in is (right if token else auth == "none" and not site)
    assert refusal(Asked("GET", "/metrics", host="rebound.example"), settings) is not None


def test_refusals_repeat_headers_harmlessly() -> None:
    found = refusal(Asked("POST", host=HOST, origin="x" * 5000 + "\x1b[31m"), LOCAL)
    assert found is not None
    assert found.message.isprintable()
    assert len(found.message) < 500
