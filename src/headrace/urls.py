"""Everything of Headrace that answers under `/api/`, for any project: `path("ai/", include("headrace.urls"))`.

Every view here is behind the access guard, whatever middleware the project has. Without our apps it is the playground
alone; with them, projects and stored configurations too.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ninja
from django.apps import apps
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path
from django.urls.resolvers import RoutePattern

from headrace.common.assets import asset_view
from headrace.common.checks import CheckedPattern
from headrace.common.guard import PAGE_POLICY, guarded_patterns
from headrace.common.identity import allows
from headrace.common.rest import RestAPI
from headrace.llm import openapi
from headrace.llm.doctor_api import router as doctor_router
from headrace.projects.finding import has_configurations, has_projects

_OURS = Path(__file__).parent / "static" / "headrace"
_NINJA = Path(ninja.__file__).parent / "static" / "ninja"
_DOCS_FILES = {
    "docs.html": _OURS / "docs.html",
    "docs.css": _OURS / "docs.css",
    "docs.js": _OURS / "docs.js",
    "icon.svg": _OURS / "icon.svg",
    "swagger-ui.css": _NINJA / "swagger-ui.css",
    "swagger-ui-bundle.js": _NINJA / "swagger-ui-bundle.js",
}
_docs_asset = asset_view(_DOCS_FILES.get)


def _version() -> str:
    try:
        return version("headrace")
    except PackageNotFoundError:
        return "0"


api = RestAPI(
    title="Headrace",
    version=_version(),
    description="Streams the answers of language models. The chat endpoints are under `playground`.",
    urls_namespace="headrace-api",
    documents=lambda: [openapi.document()],
)
api.add_router("", doctor_router)
if has_projects():
    from headrace.projects.api import router as projects_router

    api.add_router("", projects_router)
if has_configurations():
    from headrace.llm.api import router as models_router
    from headrace.llm.found_api import router as found_router
    from headrace.llm.providers_api import router as providers_router

    api.add_router("", models_router)
    api.add_router("", providers_router)
    api.add_router("", found_router)
if apps.is_installed("headrace.people"):
    from headrace.people.api import router as people_router

    api.add_router("", people_router)
if apps.is_installed("headrace.stats"):
    from headrace.stats.api import router as stats_router
    from headrace.stats.budget_api import router as budgets_router

    api.add_router("", stats_router)
    api.add_router("", budgets_router)


async def docs(request: HttpRequest) -> HttpResponse:
    """The API's documentation: a page that reads `openapi.json`, every asset from here."""
    response = await _docs_asset(request, "docs.html")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


async def docs_with_slash(_: HttpRequest) -> HttpResponse:
    """As people type it: the page's own addresses are relative to the one without."""
    return HttpResponseRedirect("../docs")


urlpatterns = guarded_patterns(
    [
        path("", include("headrace.llm.urls")),
        CheckedPattern(
            RoutePattern("docs", name="headrace-docs", is_endpoint=True), allows("known")(docs), name="headrace-docs"
        ),
        path("docs/", allows("known")(docs_with_slash)),
        path("docs/assets/<str:name>", allows("known")(_docs_asset), name="headrace-docs-asset"),
        path("", api.urls),
    ]
)
