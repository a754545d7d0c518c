"""The egress policy, as a function: no test here resolves a name or opens a socket."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.backends.egress import EgressPolicy
from headrace.backends.http_address import Kind, embedded, kind_of
from headrace.backends.http_target import parse_url
from headrace.errors import UpstreamError
from tests.corpus import CASES, needs_corpus, rows

ROWS = rows(CASES / "ssrf_cases.jsonl")
# What a hostile or careless resolver answers for the names of the corpus; every other name leads to a public address.
NAMES = {
    "multi.test": ["93.184.216.34", "10.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "localhost": ["127.0.0.1"],
    "ollama.corp.test": ["10.20.30.40"],
}
PUBLIC = "93.184.216.34"


def verdict(policy: EgressPolicy, url: str, names: dict[str, list[str]] = NAMES) -> str:
    """Empty where every address that the URL leads to may be connected to; else the refusal."""
    try:
        target = policy.check_url(url)
        for ip in [target.host] if target.address else names.get(target.host, [PUBLIC]):
            policy.check_address(target, ip)
    except UpstreamError as error:
        if error.code != "egress_refused":
            raise
        return error.message
    return ""


def refuses(policy: EgressPolicy, url: str, names: dict[str, list[str]] = NAMES) -> bool:
    return bool(verdict(policy, url, names))


@needs_corpus
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_row_of_the_corpus(row: dict[str, Any]) -> None:
    url, _, allow = row["url"].partition(" with ALLOW list entry")
    policy = EgressPolicy((url,)) if allow or url != row["url"] else EgressPolicy()
    assert refuses(policy, url) == (row["expect"] != "allow")


@needs_corpus
@pytest.mark.parametrize("row", [row for row in ROWS if row["id"].startswith("dyn")], ids=lambda row: row["id"])
def test_rows_about_names_hold_for_https_too(row: dict[str, Any]) -> None:
    """Over http the scheme alone refuses them; over https it has to be the address."""
    if row["id"] == "dyn01":
        assert refuses(EgressPolicy(), row["url"].replace("http:", "https:"))
    if row["id"] == "dyn11":
        assert not refuses(EgressPolicy(), "https://a.test", {"a.test": [PUBLIC]})
        assert refuses(EgressPolicy(), "https://a.test", {"a.test": ["192.168.1.1"]})


ELSEWHERE = [
    *(
        "10.0.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.1.1",
        "169.254.169.254",
        "169.254.170.2",
    ),
    *("172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255", "100.100.100.200", "192.0.0.192"),
    *("192.0.0.9", "168.63.129.16", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "198.19.255.255"),
    *("192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1"),
    *("2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "3ffe::1", "5f00::1", "fc00::1"),
    *("fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::a9fe:a9fe", "fec0::1", "ff02::1", "4000::1"),
    *("2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1"),
]
SOMEWHERE = ["8.8.8.8", "1.1.1.1", PUBLIC, "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.0.1.1"]
SOMEWHERE += ["198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "2400:cb00::1"]


@pytest.mark.parametrize("ip", ELSEWHERE)
def test_an_address_that_is_not_public_is_refused_in_every_way(ip: str) -> None:
    host = f"[{ip}]" if ":" in ip else ip
    assert refuses(EgressPolicy(), f"https://{host}/")
    assert refuses(EgressPolicy(), "https://a.test/", {"a.test": [ip]})
    assert refuses(EgressPolicy(), "https://a.test/", {"a.test": [PUBLIC, ip]})


@pytest.mark.parametrize("ip", SOMEWHERE)
def test_a_public_address_is_allowed_over_https_only(ip: str) -> None:
    host = f"[{ip}]" if ":" in ip else ip
    assert not refuses(EgressPolicy(), f"https://{host}/")
    assert not refuses(EgressPolicy(), "https://a.test/", {"a.test": [ip]})
    assert refuses(EgressPolicy(), f"http://{host}/")
    assert refuses(EgressPolicy(local=True), f"http://{host}/")


TRICKS = [
    *("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "017700000001", "0x7f.0x1"),
    *("127.0.0.0x1", "1.0x", "00127.0.0.1", "127.0.0.01", "256.1.1.1", "1.2.3.4.5", "4294967296", "1.2.3.4..", "0"),
    *(
        "127。0。0。1",
        "127．0．0．1",
        "127｡0｡0｡1",
        "１２７.0.0.1",
        "①②⑦.0.0.1",
        "ⓛocalhost",
        "ＬＯＣＡＬＨＯＳＴ",
        "ｌocalhost",
    ),
    *(
        "loca\u00adlhost",
        "local\u200bhost",
        "localhost\u2024",
        "a.test\u3002",
        "faß.test",
        "ﬁ.test",
        "exa\u0345mple.test",
    ),
    *(
        "127%2e0%2e0%2e1",
        "%31%32%37.0.0.1",
        "localhost%00.a.test",
        "a.test%2f",
        "a_b%.test",
        "a..test",
        ".a.test",
        "a.test..",
    ),
    *(
        "-a.test",
        "a-.test",
        "a" * 64 + ".test",
        ".".join(["a" * 60] * 5),
        "a b.test",
        "a,b.test",
        "a;b.test",
        "a'b.test",
    ),
    *(
        "[::1%eth0]",
        "[::1%25lo]",
        "[fe80::1%25eth0]",
        "[::ffff:127.0.0.1",
        "::1",
        "[127.0.0.1]",
        "[v1.a]",
        "[]",
        "[::1]x",
    ),
    *("user@a.test", "user:pw@a.test", "a.test@127.0.0.1", "@a.test", "a.test:@b.test", "a.test:80@127.0.0.1"),
    *(
        "a.test:0",
        "a.test:65536",
        "a.test:-1",
        "a.test:+80",
        "a.test:8_0",
        "a.test:８０",
        "a.test:",
        "a.test:80:80",
        "a.test:0x50",
    ),
]
URLS = [
    *(
        "",
        "a.test",
        "//a.test/",
        "https:a.test",
        "https:/a.test",
        "https:///a.test",
        "https://",
        "https://?x",
        "https:\\\\a.test",
    ),
    *(
        "https://a.test\\@b.test",
        "https://a.test/\r\nx: y",
        "https://a.test/\tx",
        " https://a.test",
        "https://a.test ",
        "https://a.test/\0",
    ),
    *(
        "https://a.test/#x",
        "https://a.test#@b.test",
        "ftp://a.test",
        "file:///etc/passwd",
        "gopher://a.test/",
        "dict://a.test:11211/",
    ),
    *(
        "javascript:alert(1)",
        "data:text/plain,x",
        "http+unix://%2Frun/",
        "unix:///run/x",
        "HTTPS//a.test",
        "https://a.test/\u2028x",
    ),
    *(
        "jar:https://a.test!/",
        "ws://a.test/",
        "netdoc:///etc",
        "https://a.test/\u00a0",
        "https://a.test/" + "x" * 9000,
        "ht\ntps://a.test",
    ),
]


@pytest.mark.parametrize("host", TRICKS)
def test_a_host_with_two_meanings_is_refused_whatever_is_allowed(host: str) -> None:
    wide = EgressPolicy(("0.0.0.0/0", "::/0", "*.test"), local=True)
    if host == "127.0.0.1.":
        assert parse_url(f"https://{host}/").host == "127.0.0.1"
        assert refuses(EgressPolicy(), f"https://{host}/")
    else:
        assert refuses(wide, f"https://{host}/")
        assert refuses(wide, f"http://{host}/")


@pytest.mark.parametrize("url", URLS)
def test_a_text_that_is_no_plain_url_is_refused_whatever_is_allowed(url: str) -> None:
    assert refuses(EgressPolicy(("0.0.0.0/0", "::/0", "*.test", "a.test"), local=True), url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://API.OpenAI.test/v1", "api.openai.test", 443, "/v1"),
        ("HTTPS://a.test.:8443", "a.test", 8443, "/"),
        ("https://bücher.test/v1", "xn--bcher-kva.test", 443, "/v1"),
        ("https://BÜCHER.test/", "xn--bcher-kva.test", 443, "/"),
        ("https://例え.テスト/v1", "xn--r8jz45g.xn--zckzah", 443, "/v1"),
        ("https://[2606:4700:0:0::1111]:444/x", "2606:4700::1111", 444, "/x"),
        ("https://a.test?api-version=1", "a.test", 443, "/?api-version=1"),
        ("https://my_box.test/a%20b/ü?x=é", "my_box.test", 443, "/a%20b/%C3%BC?x=%C3%A9"),
        ("https://a.test/v1/m:generate?x=//@y", "a.test", 443, "/v1/m:generate?x=//@y"),
    ],
)
def test_good_urls_have_one_spelling(url: str, host: str, port: int, path: str) -> None:
    target = EgressPolicy().check_url(url)
    assert (target.host, target.port, target.path) == (host, port, path)


def test_the_query_is_never_shown() -> None:
    target = parse_url("https://a.test/v1?key=sk-secret")
    assert "secret" not in repr(target) + target.origin + target.authority


ENTRIES = [
    ("ollama.corp.test", "http://ollama.corp.test:11434/", "10.1.1.1", True),
    ("OLLAMA.corp.test.", "http://ollama.corp.test:11434/", "10.1.1.1", True),
    ("ollama.corp.test:11434", "http://ollama.corp.test:11434/", "10.1.1.1", True),
    ("ollama.corp.test:11434", "http://ollama.corp.test:6379/", "10.1.1.1", False),
    ("http://ollama.corp.test:11434/", "http://ollama.corp.test:11434/", "10.1.1.1", True),
    ("http://ollama.corp.test:11434", "https://ollama.corp.test:11434/", "10.1.1.1", False),
    ("ollama.corp.test", "http://other.corp.test/", "10.1.1.1", False),
    ("ollama.corp.test", "http://ollama.corp.test/", "127.0.1.1", True),
    ("ollama.corp.test", "http://ollama.corp.test/", "100.64.0.9", True),
    ("ollama.corp.test", "http://ollama.corp.test/", "169.254.169.254", False),
    ("ollama.corp.test", "http://ollama.corp.test/", "169.254.1.1", False),
    ("ollama.corp.test", "http://ollama.corp.test/", "fe80::1", False),
    ("ollama.corp.test", "http://ollama.corp.test/", "fd00::1", True),
    ("*.corp.test", "http://ollama.corp.test/", "10.1.1.1", True),
    ("*.corp.test", "http://a.b.corp.test/", "10.1.1.1", True),
    ("*.corp.test", "http://corp.test/", "10.1.1.1", False),
    ("*.corp.test", "http://evilcorp.test/", "10.1.1.1", False),
    ("*.corp.test", "http://ollama.corp.test/", "127.0.0.1", False),
    ("10.0.0.0/8", "http://10.9.9.9:8000/", "10.9.9.9", True),
    ("10.0.0.0/8", "http://a.test:8000/", "10.9.9.9", True),
    ("10.0.0.0/8", "http://a.test:8000/", "192.168.0.1", False),
    ("10.0.0.0/8", "http://a.test:8000/", PUBLIC, False),
    ("10.0.0.0/8:8000", "http://10.9.9.9:8000/", "10.9.9.9", True),
    ("10.0.0.0/8:8000", "http://10.9.9.9:6379/", "10.9.9.9", False),
    ("http://10.0.0.0/8", "https://10.9.9.9/", "10.9.9.9", False),
    ("10.9.9.9", "http://10.9.9.9:1/", "10.9.9.9", True),
    ("10.9.9.9", "http://10.9.9.8:1/", "10.9.9.8", False),
    ("fd00::/8", "http://[fd00::5]:1/", "fd00::5", True),
    ("[fd00::/8]:8000", "http://[fd00::5]:8000/", "fd00::5", True),
    ("[fd00::]/8:8000", "http://[fd00::5]:8000/", "fd00::5", True),
    ("[fd00::5]", "http://[fd00::5]:8000/", "fd00::5", True),
    ("[fd00::5]:80", "http://[fd00::5]:8000/", "fd00::5", False),
    ("fd00::5", "http://[fd00::5]:8000/", "fd00::5", True),
    ("0.0.0.0/0", "http://169.254.169.254/", "169.254.169.254", False),
    ("169.254.0.0/16", "http://169.254.169.254/", "169.254.169.254", False),
    ("169.254.169.254", "http://169.254.169.254/", "169.254.169.254", True),
    ("64:ff9b::/96", "https://a.test/", "64:ff9b::808:808", True),
    ("64:ff9b::/96", "https://a.test/", "64:ff9b::7f00:1", False),
    ("::ffff:0:0/96", "https://a.test/", "::ffff:169.254.169.254", False),
    ("198.18.0.0/15", "https://a.test/", "198.18.0.7", True),
]


@pytest.mark.parametrize(("entry", "url", "ip", "allowed"), ENTRIES)
def test_an_entry_allows_what_it_says_and_no_more(entry: str, url: str, ip: str, allowed: bool) -> None:
    names = {parse_url(url).host: [ip]}
    assert refuses(EgressPolicy((entry,)), url, names) != allowed
    assert refuses(EgressPolicy(("unrelated.test:1", entry)), url, names) != allowed


@pytest.mark.parametrize(
    "entry",
    [
        *(
            "a b",
            "ftp://a.test",
            "a.test/v1",
            "a.test:99999",
            "10.0.0.0/33",
            "10.0.0.5/8",
            "127.1",
            "http://",
            "://a.test",
        ),
        *("*", "*.", "a.*.test", "[fd00::5", "a.test:80:80", "user@a.test", "http://a.test:80/v1"),
    ],
)
def test_an_entry_that_is_none_is_said_at_once(entry: str) -> None:
    with pytest.raises(ValueError, match="HEADRACE_EGRESS_ALLOW"):
        EgressPolicy((entry,))


@pytest.mark.parametrize(
    "url", ["http://localhost:11434/v1", "http://127.0.0.1/", "https://[::1]:1/", "http://x.localhost/"]
)
def test_local_mode_reaches_this_machine(url: str) -> None:
    here = {"localhost": ["127.0.0.1", "::1"], "x.localhost": ["127.0.0.1"]}
    assert not refuses(EgressPolicy(local=True), url, here)
    assert refuses(EgressPolicy(), url, here)


@pytest.mark.parametrize("ip", [ip for ip in ELSEWHERE if not ip_address(ip).is_loopback])
def test_local_mode_reaches_nothing_else(ip: str) -> None:
    local = EgressPolicy(local=True)
    assert refuses(local, "http://localhost/", {"localhost": [ip]})
    assert refuses(local, "https://a.test/", {"a.test": [ip]})


def test_a_proxy_gets_names_only_that_the_text_allows() -> None:
    policy = EgressPolicy(("ollama.corp.test", "10.0.0.0/8"))
    assert policy.permits_unresolved(parse_url("https://a.test"))
    assert policy.permits_unresolved(parse_url("http://ollama.corp.test"))
    assert not policy.permits_unresolved(parse_url("http://a.test"))
    assert not policy.permits_unresolved(parse_url("https://localhost"))
    assert not policy.permits_unresolved(parse_url("https://metadata.google.internal"))


addresses = st.one_of(
    st.builds(IPv4Address, st.integers(0, 2**32 - 1)),
    st.builds(IPv6Address, st.integers(0, 2**128 - 1)),
    st.sampled_from([ip_address(ip) for ip in ELSEWHERE + SOMEWHERE]),
    # Forms that hold an IPv4 address.
    st.builds(lambda v4: IPv6Address(0x0064FF9B << 96 | v4), st.integers(0, 2**32 - 1)),
    st.builds(lambda v4: IPv6Address(0xFFFF << 32 | v4), st.integers(0, 2**32 - 1)),
    st.builds(lambda v4: IPv6Address(0x2002 << 112 | v4 << 80 | 1), st.integers(0, 2**32 - 1)),
)


@given(addresses, st.sampled_from(["http", "https"]), st.booleans(), st.integers(1, 65535), st.booleans())
def test_the_line_in_a_refusal_is_the_one_that_allows(
    address: Any, scheme: str, named: bool, port: int, local: bool
) -> None:
    host = "a.test" if named else f"[{address}]" if address.version == 6 else str(address)
    url, names = f"{scheme}://{host}:{port}/v1", {"a.test": [str(address)]}
    allow: tuple[str, ...] = ()
    # Over http the text refuses first, and the address where its line has been followed: an operator reads two.
    for _ in range(3):
        message = verdict(EgressPolicy(allow, local=local), url, names)
        if not message:
            return
        line = re.search(r"HEADRACE_EGRESS_ALLOW=(\S+)$", message)
        assert line is not None
        allow += tuple(line[1].split(","))
    raise AssertionError(f"{url} at {address} is refused with {allow}: {message}")


@given(addresses)
def test_nothing_is_public_that_the_standard_library_calls_otherwise(address: Any) -> None:
    if kind_of(address) is Kind.PUBLIC:
        assert address.is_global
        assert not address.is_multicast
        assert embedded(address) is None


@given(st.text(max_size=60))
def test_any_text_gives_a_target_or_a_refusal(text: str) -> None:
    for url in (text, f"https://{text}", f"http://{text}/v1", f"https://a.test/{text}"):
        if not verdict(EgressPolicy(("0.0.0.0/0", "::/0"), local=True), url, {}):
            target = parse_url(url)
            assert re.fullmatch(r"[a-z0-9._:-]+", target.host)
            assert re.fullmatch(r"[\x21-\x7e]+", target.path)
            assert parse_url(f"{target.scheme}://{target.origin}{target.path}") == target
