"""Signing in at an OpenID Connect provider: code flow with PKCE, state and nonce; who comes back is known by issuer
and subject, never by an address of e-mail. The protocol is Authlib's; what an account may do is decided here.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model, login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase

from headrace.common.conf import Settings, get_settings
from headrace.common.http import error_response
from headrace.common.identity import allows
from headrace.errors import RequestError
from headrace.people.audit import record
from headrace.people.links import MAX_NAME, find_link, make_user, use_link
from headrace.people.models import Identity, Link
from headrace.people.pages import LINK_IN_SESSION
from headrace.people.sessions import password_backend, with_session

CALLBACK = "/sign/oidc/callback"
PROVIDER_SECONDS = 10.0
MAX_TWINS = 1000
SAFE_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures of a key of its own: with a shared secret or none at all, the token would prove nothing more."""
INSTALL = 'pip install "headrace[people]"'

logger = logging.getLogger("headrace.people")


@allows("public")
@with_session
def oidc_start(request: HttpRequest) -> HttpResponseBase:
    """Send the browser to the provider."""
    if request.method != "GET":
        return error_response("this address takes GET", 405, headers={"Allow": "GET"})
    response: HttpResponse = _asked(lambda client: client.authorize_redirect(request, _callback_address(request)))
    return response


@allows("public")
@with_session
def oidc_callback(request: HttpRequest) -> HttpResponseBase:
    """The browser comes back from the provider."""
    if request.method != "GET":
        return error_response("this address takes GET", 405, headers={"Allow": "GET"})
    claims = _asked(lambda client: _claims(client, request))
    user = _user_of(request, claims)
    if not user.is_active:
        raise RequestError("this account is closed", code="forbidden", status=403)
    login(request, user, backend=password_backend())
    record("signed_in", request=request, caller=user, by="provider")
    return HttpResponseRedirect("/")


def _asked(ask: Any) -> Any:
    """What the provider answers. RequestError 404 where there is none, 502 where it cannot be asked or lies."""
    settings = get_settings()
    if not settings.oidc_issuer:
        raise RequestError("no provider is set up (HEADRACE_OIDC_ISSUER)", code="not_found", status=404)
    try:
        return ask(_client(settings))
    except RequestError:
        raise
    except Exception as error:  # whatever Authlib, requests or a lying provider raise
        logger.warning("the OpenID Connect provider was of no use: %s", type(error).__name__)
        raise RequestError("signing in at the provider did not work", code="provider_failed", status=502) from None


def _claims(client: Any, request: HttpRequest) -> dict[str, Any]:
    wanted = {
        "iss": {"essential": True, "value": client.load_server_metadata()["issuer"]},
        "aud": {"essential": True, "value": client.client_id},
        "sub": {"essential": True},
    }
    claims = client.authorize_access_token(request, claims_options=wanted).get("userinfo")
    if not claims:
        raise ValueError("no identity token")
    return dict(claims)


@lru_cache(maxsize=2)
def _client(settings: Settings) -> Any:
    try:
        from authlib.integrations.django_client import OAuth

        from headrace.people.oidc_network import session_class
    except ImportError:
        raise RequestError(f"what signs in at providers is not installed: {INSTALL}", status=503) from None
    options = {"scope": "openid email profile", "code_challenge_method": "S256", "default_timeout": PROVIDER_SECONDS}
    client = OAuth().register(
        "headrace",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret or None,
        server_metadata_url=f"{settings.oidc_issuer}/.well-known/openid-configuration",
        client_kwargs=options,
    )
    client.client_cls = session_class(settings)
    metadata = client.load_server_metadata()
    if str(metadata.get("issuer", "")).rstrip("/") != settings.oidc_issuer:
        raise ValueError("the provider names another issuer than HEADRACE_OIDC_ISSUER")
    offered = set(metadata.get("id_token_signing_alg_values_supported") or ["RS256"])
    metadata["id_token_signing_alg_values_supported"] = sorted(offered & SAFE_ALGORITHMS)
    return client


def _callback_address(request: HttpRequest) -> str:
    return request.build_absolute_uri(CALLBACK)


@transaction.atomic
def _user_of(request: HttpRequest, claims: dict[str, Any]) -> Any:
    """The account of this identity; a new one for whoever holds a link, or is allowed by their address of e-mail."""
    issuer, subject = str(claims["iss"])[:500], str(claims["sub"])[:255]
    known = Identity.objects.filter(issuer=issuer, subject=subject).select_related("user").first()
    secret = request.session.pop(LINK_IN_SESSION, None)
    link = _link(secret)
    if known is None and link is None and not _is_allowed(claims):
        raise RequestError("this server does not know you; ask for an invitation", code="forbidden", status=403)
    user = known.user if known else make_user(_free_name(claims), email=str(claims.get("email") or "")[:254])
    if known is None:
        Identity.objects.create(issuer=issuer, subject=subject, user=user)
    if link is not None:
        use_link(link, user, request)
    return user


def _link(secret: object) -> Link | None:
    try:
        link = find_link(secret)
    except RequestError:
        return None
    return None if link.kind == Link.Kind.RESET else link


def _is_allowed(claims: dict[str, Any]) -> bool:
    allowed = {each.lower().removeprefix("@") for each in get_settings().oidc_allow}
    if "*" in allowed:
        return True
    email = str(claims.get("email") or "").lower()
    verified = claims.get("email_verified") is True
    return verified and (email in allowed or email.rpartition("@")[2] in allowed)


def _free_name(claims: dict[str, Any]) -> str:
    """A name for the account that nobody has yet."""
    wished = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    plain = "".join(letter for letter in wished if letter.isalnum() or letter in "@.+-_")[: MAX_NAME - 5] or "person"
    model = get_user_model()
    taken = set(
        model.objects.filter(**{f"{model.USERNAME_FIELD}__startswith": plain}).values_list(
            model.USERNAME_FIELD, flat=True
        )
    )
    names = (plain, *(f"{plain}-{number}" for number in range(2, MAX_TWINS)))
    return next(name for name in names if name not in taken)
