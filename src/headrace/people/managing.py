"""The page on which an owner has the people of a project: members, invitations, tokens, the audit log.

It shows nothing by itself: its script asks the API, which decides who may see what.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from headrace.common.conf import get_settings
from headrace.common.guard import PAGE_POLICY
from headrace.common.http import error_response
from headrace.common.identity import allows
from headrace.people.managing_words import CHINESE, ENGLISH
from headrace.people.words import words_for


@allows("known")
async def people_page(request: HttpRequest) -> HttpResponse:
    """GET: the page. 404 where nobody signs in."""
    if request.method not in ("GET", "HEAD"):
        return error_response("this address takes GET", 405, headers={"Allow": "GET, HEAD"})
    if get_settings().auth != "required":
        return error_response("nobody signs in here (HEADRACE_AUTH is none), so there are no people", 404)
    language = words_for(request.headers.get("Accept-Language", ""))["language"]
    words = CHINESE if language == "zh" else ENGLISH
    response = render(request, "headrace/people.html", {"words": words})
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"
    return response
