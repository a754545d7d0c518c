"""Signs a request for Amazon with Signature Version 4, by botocore's signer, at a time that it is given.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

Refuses to look for credentials anywhere: they come as the key, `ACCESS:SECRET` or `ACCESS:SECRET:SESSION`. A key in any
other form is one of Bedrock's own, which needs no signature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from headrace.errors import RequestError
from headrace.providers.base import Endpoint, HTTPRequest

SERVICE = "bedrock"

_ACCESS_KEY = re.compile(r"[A-Z0-9]{16,128}")
_REGION = re.compile(r"(?:^|\.)bedrock-runtime(?:-fips)?\.([a-z]{2,}(?:-[a-z0-9]+)+)\.")
_SIGNED = ("content-type", "host", "x-amz-date", "x-amz-security-token")
"""Headers that no client on the way changes."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an access key is made of. Nothing of it appears in a `repr`."""

    access: str = field(repr=False)
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


def read_credentials(key: str) -> Credentials | None:
    """The credentials in a key, or None for one that is sent as it is."""
    access, _, rest = key.strip().partition(":")
    secret, _, session = rest.partition(":")
    return Credentials(access, secret, session) if secret and _ACCESS_KEY.fullmatch(access) else None


def secrets_of(key: str) -> tuple[str, ...]:
    """Every part of a key that must never be shown: Amazon's errors repeat some of them alone."""
    found = read_credentials(key)
    parts = (key, found.access, found.secret, found.session) if found is not None else (key,)
    return tuple(part for part in parts if part)


def key_header(endpoint: Endpoint) -> dict[str, str]:
    """The header for one of Bedrock's own keys; none where the request is to be signed instead."""
    return {} if read_credentials(endpoint.key) is not None else endpoint.key_header()


def region_of(url: str) -> str:
    """The region that an endpoint's host names; RequestError where it names none."""
    found = _REGION.search(urlsplit(url).hostname or "")
    if found is None:
        raise RequestError(
            "Amazon's signature needs a region: write the endpoint as https://bedrock-runtime.REGION.amazonaws.com.",
            field="model.endpoint",
        )
    return found[1]


def sign(request: HTTPRequest, endpoint: Endpoint, now: float) -> HTTPRequest:
    """The same request, signed where the key is an access key. `now` is in seconds since the epoch; Amazon takes a
    signature for five minutes, so each attempt is signed anew.
    """
    credentials = read_credentials(endpoint.key)
    if credentials is None:
        return request
    endpoint.key_header()  # refuses what no header can carry
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": stamp}
    if credentials.session:
        added["x-amz-security-token"] = credentials.session
    headers = {name.lower(): value for name, value in request.headers.items()} | added
    headers["authorization"] = _authorization(request, headers, credentials, region_of(request.url))
    return HTTPRequest(request.url, headers, request.body)


def _authorization(request: HTTPRequest, headers: dict[str, str], credentials: Credentials, region: str) -> str:
    """Step by step, since the signer's one call for all of it takes the time from a clock and logs the token."""
    auth, awsrequest, keys = _botocore()
    signed = {name: value for name, value in headers.items() if name in _SIGNED}
    unsigned = awsrequest.AWSRequest(method="POST", url=request.url, headers=signed, data=request.body)
    unsigned.context["timestamp"] = headers["x-amz-date"]
    known = keys.Credentials(credentials.access, credentials.secret, credentials.session or None)
    signer = auth.SigV4Auth(known, SERVICE, region)
    text = signer.string_to_sign(unsigned, signer.canonical_request(unsigned))
    names = signer.signed_headers(signer.headers_to_sign(unsigned))
    signature = signer.signature(text, unsigned)
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(unsigned)}, SignedHeaders={names}, Signature={signature}"


def _botocore() -> list[Any]:
    """Its modules for signatures, requests and credentials; imported on the first use, for it takes half a second."""
    try:
        return [import_module(f"botocore.{name}") for name in ("auth", "awsrequest", "credentials")]
    except ImportError:
        raise RequestError(
            "Access keys are signed with botocore, which is not installed: pip install botocore, or send one of"
            " Bedrock's own API keys.",
            field="model.apiKey",
        ) from None
