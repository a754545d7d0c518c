"""Links that let one person in, once: the first owner, whoever is invited, whoever forgot their password.

The secret stands behind the `#` of the link, which browsers send to nobody: no log and no proxy ever has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from headrace.errors import RequestError
from headrace.people.audit import record
from headrace.people.models import Link
from headrace.people.secrets import MAX_SECRET, digest, new_link_secret
from headrace.projects.models import DEFAULT_PROJECT, Membership, Project, Role

LINK_PATH = "/sign/link"
FIRST_OWNER_HOURS = 24
RESET_HOURS = 24
INVITATION_DAYS = 7
MAX_INVITATION_DAYS = 90
MAX_INVITATIONS = 500
"""Open ones in a project."""
MAX_NAME = 150  # Django's own
MAX_PASSWORD = 1024  # a hash of a longer one only costs more


@dataclass(frozen=True, slots=True)
class MadeLink:
    """`path` is the address below the server's own, the secret in it: shown once."""

    link: Link
    path: str


def make_link(kind: str, *, hours: int, **fields: Any) -> MadeLink:
    """A new link; expired ones are deleted."""
    Link.objects.filter(expires__lte=timezone.now()).delete()
    secret = new_link_secret()
    link = Link.objects.create(
        kind=kind, digest=digest(secret), expires=timezone.now() + timedelta(hours=hours), **fields
    )
    return MadeLink(link, f"{LINK_PATH}#{secret}")


def first_owner_link() -> MadeLink | None:
    """The link for whoever becomes this server's first owner; None once somebody is there. The earlier one is void."""
    if get_user_model().objects.exists():
        return None
    Link.objects.filter(kind=Link.Kind.FIRST_OWNER).delete()
    return make_link(Link.Kind.FIRST_OWNER, hours=FIRST_OWNER_HOURS)


def reset_link(user: Any) -> MadeLink:
    """A link with which `user` chooses a new password. The earlier one is void."""
    Link.objects.filter(kind=Link.Kind.RESET, user=user).delete()
    return make_link(Link.Kind.RESET, hours=RESET_HOURS, user=user)


def invite(project: Project, role: str, *, days: int = INVITATION_DAYS, note: str = "", by: str = "") -> MadeLink:
    """A link into the project."""
    if project.invitations.filter(expires__gt=timezone.now()).count() >= MAX_INVITATIONS:
        raise RequestError(f"a project has at most {MAX_INVITATIONS} open invitations", code="conflict", status=409)
    return make_link(Link.Kind.INVITATION, hours=days * 24, project=project, role=role, note=note, created_by=by)


def find_link(secret: object) -> Link:
    """The link of this secret. RequestError 404 where it was used, has expired or never was."""
    found = None
    if isinstance(secret, str) and 0 < len(secret) <= MAX_SECRET:
        good = Link.objects.filter(digest=digest(secret), expires__gt=timezone.now())
        found = good.select_related("project", "user").first()
    if found is None:
        raise RequestError(
            "this link was used already, or its time is over; ask for another", code="link_unknown", status=404
        )
    return found


@transaction.atomic
def use_link(link: Link, user: Any, request: HttpRequest | None = None) -> None:
    """Give `user` what the link promises. RequestError 404 where somebody was faster."""
    if not Link.objects.filter(pk=link.pk).delete()[0]:
        raise RequestError("this link was used already", code="link_unknown", status=404)
    if link.kind == Link.Kind.FIRST_OWNER:
        others = get_user_model().objects.exclude(pk=user.pk)
        if others.exists():
            raise RequestError("this server has an owner already", code="link_unknown", status=404)
        user.is_superuser = user.is_staff = True
        user.save(update_fields=["is_superuser", "is_staff"])
        project = Project.objects.filter(public_id=DEFAULT_PROJECT).first()
        join(project, user, Role.OWNER)
    elif link.kind == Link.Kind.INVITATION:
        join(link.project, user, link.role)
    where = link.project.public_id if link.project else ""
    record(f"link.{link.kind}", request=request, caller=user, project=where, link=link.public_id)


def join(project: Project | None, user: Any, role: str) -> None:
    """Make `user` a member; who is one already never loses by an invitation."""
    if project is None:
        return
    member, made = Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})
    order = [Role.VIEWER, Role.EDITOR, Role.OWNER]
    if not made and order.index(Role(role)) > order.index(Role(member.role)):
        member.role = role
        member.save(update_fields=["role"])


def make_user(name: object, password: str | None = None, *, email: str = "") -> Any:
    """A new account. RequestError names what is wrong with its name or password."""
    model = get_user_model()
    user = model(**{model.USERNAME_FIELD: _name(name)}, email=email)
    if password is None:
        user.set_unusable_password()
    else:
        set_password(user, password)
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise RequestError(_first(error), field="name") from None
    user.save()
    return user


def set_password(user: Any, password: object) -> None:
    """RequestError says what a password must be."""
    if not isinstance(password, str) or not 0 < len(password) <= MAX_PASSWORD:
        raise RequestError(f"password must be a text of 1 to {MAX_PASSWORD} characters", field="password")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise RequestError(_first(error), field="password") from None
    user.set_password(password)


def _name(name: object) -> str:
    text = name.strip() if isinstance(name, str) else ""
    if not 0 < len(text) <= MAX_NAME:
        raise RequestError(f"name must be a text of 1 to {MAX_NAME} characters", field="name")
    return text


def _first(error: ValidationError) -> str:
    text = error.messages[0]
    return text[:1].lower() + text[1:].rstrip(".")
