"""The way to an OpenID Connect provider: through the operator's proxies, trusting the operator's authorities."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from headrace.common.conf import SettingError, Settings
from headrace.common.registry import check_proxied
from headrace.people.oidc_network import session_class
from headrace.testing.certificates import server_context
from tests.backends.proxy import LoopbackProxy, LoopbackSocks
from tests.people.conftest import SELF, people, required  # noqa: F401 - fixtures
from tests.people.test_oidc import Provider, _use, provider, sign_in  # noqa: F401 - fixtures

NAME = "login.test"
"""Nobody can look it up: only a proxy gets there."""
NOWHERE = "http://127.0.0.1:9"
ENVIRONMENT = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@contextmanager
def running(proxy: LoopbackProxy) -> Iterator[LoopbackProxy]:
    """The proxy on a loop and in a thread of its own: who asks through it waits for the answer."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(10)
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_end(proxy), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(proxy: LoopbackProxy) -> None:
    await proxy.__aexit__(None, None, None)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture
def bundle(provider: Provider, tmp_path: Path) -> str:  # noqa: F811
    """The provider under a name and with TLS: the file of the authority that vouches for it."""
    tls, authority = server_context(tmp_path, "good", NAME)
    provider.server.socket = tls.wrap_socket(provider.server.socket, server_side=True)
    provider.issuer = f"https://{NAME}:{provider.server.server_port}"
    return str(authority)


@pytest.mark.parametrize("setting", ["http://user:pass@127.0.0.1:{}", "*=http://127.0.0.1:9,oidc=http://127.0.0.1:{}"])
def test_it_is_asked_through_the_operators_proxy(
    provider: Provider,  # noqa: F811
    required: Any,  # noqa: F811
    bundle: str,
    setting: str,
) -> None:
    with running(LoopbackProxy(provider.server.server_port)) as proxy:
        way = {"UPSTREAM_PROXY": setting.format(proxy.port), "CA_BUNDLE": bundle}
        _use(required, provider, OIDC_ALLOW=["*"], **way)
        assert sign_in(provider, Client(headers=SELF))["Location"] == "/"
    assert len(proxy.heads) >= 3, "its document, the token, its keys"
    for head in proxy.heads:
        assert head.startswith(f"CONNECT {NAME}:{provider.server.server_port} ".encode())
        assert (b"Basic dXNlcjpwYXNz" in head) == ("user" in setting)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_is_given_the_name(
    provider: Provider,  # noqa: F811
    required: Any,  # noqa: F811
    bundle: str,
    scheme: str,
) -> None:
    with running(LoopbackSocks(provider.server.server_port)) as proxy:
        way = {"UPSTREAM_PROXY": f"{scheme}://127.0.0.1:{proxy.port}", "CA_BUNDLE": bundle}
        _use(required, provider, OIDC_ALLOW=["*"], **way)
        assert sign_in(provider, Client(headers=SELF))["Location"] == "/"
    assert set(proxy.heads) == {f"{NAME}:{provider.server.server_port}".encode()}


def test_a_proxy_spoken_to_by_tls_is_trusted_like_the_provider(
    provider: Provider,  # noqa: F811
    required: Any,  # noqa: F811
    bundle: str,
    tmp_path: Path,
) -> None:
    own = tmp_path / "proxy"
    own.mkdir()
    tls, authority = server_context(own, "good", "127.0.0.1")
    both = tmp_path / "both.pem"
    both.write_text(Path(bundle).read_text() + Path(str(authority)).read_text())
    with running(LoopbackProxy(provider.server.server_port, tls=tls)) as proxy:
        through = f"https://127.0.0.1:{proxy.port}"
        _use(required, provider, OIDC_ALLOW=["*"], UPSTREAM_PROXY=through, CA_BUNDLE=str(both))
        assert sign_in(provider, Client(headers=SELF))["Location"] == "/"
    assert proxy.heads


def test_what_no_authority_vouches_for_is_not_asked(provider: Provider, required: Any, bundle: str) -> None:  # noqa: F811
    with running(LoopbackProxy(provider.server.server_port)) as proxy:
        _use(required, provider, OIDC_ALLOW=["*"], UPSTREAM_PROXY=f"http://127.0.0.1:{proxy.port}")
        assert Client(headers=SELF).get("/sign/oidc").status_code == 502
    assert proxy.heads


def test_the_operators_authorities_stand_beside_the_usual_ones(bundle: str) -> None:
    usual, more = (session_class(Settings(ca_bundle=each))().get_adapter("https://x") for each in (None, bundle))
    names = [{str(each["subject"]) for each in found._context.get_ca_certs()} for found in (usual, more)]
    assert names[0] < names[1]


@pytest.mark.parametrize("through", ["", NOWHERE, f"*={NOWHERE},oidc=none"])
def test_a_provider_on_this_machine_is_asked_directly_whatever_the_environment_says(
    provider: Provider,  # noqa: F811
    required: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    through: str,
) -> None:
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    _use(required, provider, OIDC_ALLOW=["*"], UPSTREAM_PROXY=through)
    assert sign_in(provider, Client(headers=SELF))["Location"] == "/"


def test_without_the_proxy_nobody_is_asked(provider: Provider, required: Any, bundle: str) -> None:  # noqa: F811
    _use(required, provider, OIDC_ALLOW=["*"], UPSTREAM_PROXY=NOWHERE, CA_BUNDLE=bundle)
    answer = Client(headers=SELF).get("/sign/oidc")
    assert (answer.status_code, answer.json()["code"]) == (502, "provider_failed")


def test_it_may_be_named_beside_providers(headrace_settings: Any) -> None:
    headrace_settings.HEADRACE = {"UPSTREAM_PROXY": "oidc=none"}
    check_proxied()
    headrace_settings.HEADRACE = {"UPSTREAM_PROXY": "odic=none"}
    with pytest.raises(SettingError, match="did you mean oidc"):
        check_proxied()
