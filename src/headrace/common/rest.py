"""Django Ninja as Headrace uses it: our JSON reader, our errors (400 with a field, where Ninja says 422), no CDN.

The streaming endpoints are plain Django views; their part of the OpenAPI document is added by `documents`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from headrace.common.conf import get_settings
from headrace.common.http import error_response, parse_kept, read_body, refused, too_large
from headrace.common.identity import Need, need_of
from headrace.common.validation import shown
from headrace.errors import RequestError

Document = Mapping[str, Mapping[str, Any]]
"""What a module adds to the OpenAPI document: `paths` (below the API's root) and `schemas`."""


class WireSchema(Schema):
    """A body or an answer: camelCase on the wire, snake_case understood too."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ErrorAnswer(WireSchema):
    """Every error's body."""

    error: str
    code: str
    field: str


class JSONParser(Parser):
    """Reads a body within its bound, strictly."""

    def parse_body(self, request: HttpRequest) -> Any:
        value = parse_kept(read_body(request))
        if not isinstance(value, dict):
            raise RequestError(f"the body must be a JSON object; got {shown(value)}")
        return value


class RestAPI(NinjaAPI):
    """An API whose errors are the contract's, and whose document also holds what plain views answer."""

    def __init__(self, *, documents: Callable[[], list[Document]], **options: Any) -> None:
        super().__init__(docs_url=None, parser=JSONParser(), **options)
        self._documents = documents
        for kind in (RequestError, ValidationError, HttpError, Http404, RequestDataTooBig):
            self.add_exception_handler(kind, _told)

    def _get_urls(self) -> list[URLPattern | URLResolver]:
        """The URL patterns, each view with what the operations of its path want of a caller."""
        patterns = cast(list[URLPattern], super()._get_urls())
        wanted: dict[str, dict[str, tuple[Need | None, str]]] = {}
        for router in self._get_bound_routers():
            for path in router.path_operations.values():
                views = {method: each.view_func for each in path.operations for method in each.methods}
                own = {method: (need_of(view, method), view.__name__) for method, view in views.items()}
                wanted |= {self.get_operation_url_name(each, router.template): own for each in path.operations}
        for pattern in patterns:
            own = wanted.get(str(pattern.name), {"*": ("known", "")})  # the document and the root are Ninja's own
            if all(need for need, _ in own.values()):
                view = cast(Any, pattern.callback)
                view.headrace_allows = {method: need for method, (need, _) in own.items()}
                view.headrace_actions = {method: name for method, (_, name) in own.items()}
        return list(patterns)

    def get_openapi_schema(self, **options: Any) -> Any:
        schema = super().get_openapi_schema(**options)
        root = self.get_root_path(options.get("path_params") or {})
        documents = self._documents()
        paths = {root + path: item for document in documents for path, item in document["paths"].items()}
        schema["paths"] = paths | {_camel_path(path): _camel_item(item) for path, item in schema["paths"].items()}
        schemas = schema["components"].setdefault("schemas", {})
        for document in documents:
            schemas.update(document["schemas"])
        return schema


def _camel_path(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda match: f"{{{to_camel(match[1])}}}", path)


def _camel_item(item: dict[str, Any]) -> dict[str, Any]:
    """The operations of one path, their path parameters in the wire's spelling."""
    for operation in item.values():
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                parameter["name"] = to_camel(parameter["name"])
    return item


def _told(_: HttpRequest, error: Any) -> HttpResponse:
    match error:
        case RequestError():
            return refused(error)
        case ValidationError():
            return _invalid(error)
        case HttpError():
            return _http(error)
        case RequestDataTooBig():
            return refused(too_large(get_settings().max_body_bytes))
        case _:
            return error_response("there is nothing here", 404)


def _invalid(error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    source, *path = first["loc"]
    if source == "body":
        path = path[1:]  # the name of the parameter, which is none of the caller's business
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    message = str(first["msg"])
    return error_response(f"{field or 'the body'}: {message[:1].lower()}{message[1:]}", 400, field=field)


def _http(error: HttpError) -> HttpResponse:
    cause = error.__cause__
    if isinstance(cause, RequestError):
        return refused(cause)
    return error_response(str(error), error.status_code)
