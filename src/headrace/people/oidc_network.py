"""How the OpenID Connect provider is asked: by the operator's proxy and authorities, as providers of models are.

Nothing of the process's environment is heard (`HTTPS_PROXY`, `REQUESTS_CA_BUNDLE`, `.netrc`), as for those.
"""

from __future__ import annotations

import ssl
from typing import Any

from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter

from headrace.common.conf import Settings
from headrace.common.registry import SIGN_IN

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Never asked through a proxy: there it would be another machine."""


def session_class(settings: Settings) -> type[OAuth2Session]:
    """Sessions of Authlib's that go this way. OSError where the file of authorities cannot be read."""
    context, proxies = _context(settings.ca_bundle), _proxies(settings.proxy_of(SIGN_IN))

    class OperatorsSession(OAuth2Session):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.trust_env = False
            self.proxies = dict(proxies)
            self.mount("https://", TrustingAdapter(context))

    return OperatorsSession


class TrustingAdapter(HTTPAdapter):
    """It trusts what this context trusts, for the provider and for a proxy that is spoken to by TLS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        own: dict[str, Any] = {} if proxy.startswith("socks") else {"proxy_ssl_context": self._context}
        return super().proxy_manager_for(proxy, ssl_context=self._context, **own, **options)


def _context(ca_bundle: str | None) -> ssl.SSLContext:
    """One of its own: Requests adds the authorities that it brings along."""
    made = ssl.create_default_context()
    if ca_bundle is not None:
        made.load_verify_locations(cafile=ca_bundle)
    return made


def _proxies(proxy: str | None) -> dict[str, str]:
    if not proxy:
        return {}
    scheme, _, rest = proxy.partition("://")
    by_name = "socks5h" if scheme.lower() == "socks5" else scheme  # names are the proxy's to look up
    direct = {f"{each}://{host}": "" for each in ("http", "https") for host in LOCAL}
    return {"all": f"{by_name}://{rest}"} | direct
