"""Who asks, and what a route wants of them: the words that views, the guard and the keeper of people share.

A route says what it wants with `allows`; the guard asks the `Keeper`, which knows people, tokens and roles. Nothing
here reads a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from headrace.errors import RequestError

if TYPE_CHECKING:
    from django.http import HttpRequest

Permission = Literal["read", "chat", "configure", "manage"]
"""In one project: look; start and stop chats; change configurations; have its people, tokens and audit log."""
Need = Permission | Literal["known", "operator", "public"]
"""Or of the server: to be known at all; to be its operator; nothing."""
PERMISSIONS: tuple[Permission, ...] = ("read", "chat", "configure", "manage")
TOKEN_PERMISSIONS: tuple[Permission, ...] = ("read", "chat", "configure")
"""A program never has the people: a leaked token cannot make itself another."""
TOKEN_PREFIX = "hr_"  # noqa: S105 - what every token begins with, so that scanners and people recognise one
PROJECT_HEADER = "X-Headrace-Project"
DEFAULT_PROJECT = "default"

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Program:
    """A program that carries a project's token. It stands where Django has a user, and is nobody's user."""

    key: str
    project: str
    permissions: frozenset[str]
    name: str = field(default="", compare=False)

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    @property
    def pk(self) -> str:
        return self.key

    def get_username(self) -> str:
        return self.name


class Keeper(Protocol):
    """Knows who may do what. Asked only where `HEADRACE_AUTH` is `required`; both colours give the same answers."""

    def caller(self, request: HttpRequest) -> Any:
        """Who asks: a user, a `Program`, or None. RequestError 401 for a token that is none."""

    async def acaller(self, request: HttpRequest) -> Any: ...

    def allow(self, caller: Any, need: Permission, project: str) -> None:
        """RequestError 404 where the project does not exist for this caller, 403 where it does but not for this."""

    async def aallow(self, caller: Any, need: Permission, project: str) -> None: ...

    def forget(self) -> None:
        """Believe nothing that was found earlier."""

    def record(self, request: HttpRequest, caller: Any, action: str, facts: Mapping[str, str]) -> None:
        """Keep that this was done."""

    async def arecord(self, request: HttpRequest, caller: Any, action: str, facts: Mapping[str, str]) -> None: ...

    def watch(self, caller: str, project: str, end: Callable[[], None]) -> Callable[[], None]:
        """Call `end` should this caller lose this project; returns what stops watching."""


_keepers: list[Keeper] = []


def keep(keeper: Keeper) -> None:
    """From now on this one is asked."""
    _keepers[:] = [keeper]


def keeper() -> Keeper | None:
    return _keepers[0] if _keepers else None


def allows(need: Need = "public", **methods: Need) -> Callable[[V], V]:
    """What a view wants of its callers: for every method, or by method (`GET="read", POST="chat"`)."""

    def marked(view: V) -> V:
        view.headrace_allows = methods or {"*": need}  # type: ignore[attr-defined]
        return view

    return marked


def need_of(view: Any, method: str) -> Need | None:
    """What this view wants for this method; None if it never said, and "public" for one that it does not answer."""
    declared: Mapping[str, Need] | None = getattr(view, "headrace_allows", None)
    if declared is None:
        return None
    method = "GET" if method == "HEAD" else method
    return declared.get(method) or declared.get("*") or "public"


def project_asked(request: HttpRequest, caller: Any, arguments: Mapping[str, Any]) -> str:
    """The project that a request is about: its address's, the header's, the token's own, or the default one."""
    named = arguments.get("project_id") or request.headers.get(PROJECT_HEADER, "").strip()
    return str(named or getattr(caller, "project", "") or DEFAULT_PROJECT)


def caller_key(caller: Any) -> str:
    """The short text that stands for a caller in streams, limits and the audit log."""
    return "" if caller is None else str(caller.pk)


def unknown_caller(message: str) -> RequestError:
    return RequestError(message, field="Authorization", code="unauthenticated", status=401)


def lacking(need: Permission) -> RequestError:
    """The project is theirs to see, but not for this."""
    message = f"this needs the permission {need!r} in this project, which you do not have"
    return RequestError(message, code="forbidden", status=403)
