"""Whose a stream is: the short text that stands for a project, whatever the site's projects are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from headrace.errors import RequestError

_PLAIN = (str, int, UUID)
MAX_KEY = 200


def project_key(project: Any) -> str:
    """The key of a project: a text or number itself, else the object's `public_id`, `pk` or `id`.

    Streams belong to this key. TypeError says so where there is none: without one, everybody's would be the same.
    """
    names = () if isinstance(project, _PLAIN) else ("public_id", "pk", "id")
    key = next((value for name in names if (value := getattr(project, name, None)) is not None), project)
    if isinstance(key, bool) or not isinstance(key, _PLAIN):
        raise TypeError(f"a project must be a text, a number, or have a public_id, pk or id; got {project!r:.80}")
    text = str(key)
    if not 0 < len(text) <= MAX_KEY:
        raise TypeError(f"a project's key must have 1 to {MAX_KEY} characters; this one has {len(text)}")
    return text


def unknown_project(project_id: str) -> RequestError:
    """No such project, or none of theirs: the same words for both."""
    message = f"there is no project {project_id[:64]!r}"
    return RequestError(message, field="projectId", code="project_not_found", status=404)


def not_allowed() -> RequestError:
    """The project is theirs to see, but not for this."""
    return RequestError("this is not allowed in this project", code="forbidden", status=403)
