"""The page at `/`: the playground, built from `web/playground`; where it has not been built, a small one.

The small page says what runs here and streams one answer, in English, or Chinese for browsers that ask for it.
"""

from __future__ import annotations

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation.trans_real import parse_accept_lang_header

from headrace.common.assets import asset_view
from headrace.common.guard import PAGE_POLICY
from headrace.common.http import error_response
from headrace.config.words import CHINESE, ENGLISH

BUILT = Path(__file__).resolve().parents[1] / "static" / "headrace" / "app" / "index.html"
_playground = asset_view(lambda _: BUILT)


async def home(request: HttpRequest) -> HttpResponse:
    """The page. It reads no database: the models are listed by its script, from the API."""
    if request.method not in ("GET", "HEAD"):
        return error_response("this address takes GET", 405, headers={"Allow": "GET, HEAD"})
    if not BUILT.is_file():
        return small_page(request)
    response = await _playground(request, "index.html")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def small_page(request: HttpRequest) -> HttpResponse:
    """What a server without the built page shows."""
    words = CHINESE if _prefers_chinese(request.headers.get("Accept-Language", "")) else ENGLISH
    address = f"{request.scheme}://{request.META['HTTP_HOST']}"
    response = render(request, "headrace/home.html", {"words": words, "address": address})
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    response.headers["Content-Language"] = words["language"]
    response.headers["Vary"] = "Accept-Language"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _prefers_chinese(accepted: str) -> bool:
    """Whether Chinese stands before English, by the browser's own weights."""
    known = (name.partition("-")[0] for name, weight in parse_accept_lang_header(accepted) if weight > 0)
    return next((name for name in known if name in ("zh", "en")), "en") == "zh"
