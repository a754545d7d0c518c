"""A project's people, invitations, tokens and audit log over HTTP. A secret is answered once, when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import is_valid_path
from django.utils import timezone
from ninja import Query, Router, Status

from headrace.common.admission import FACTS
from headrace.common.conf import get_settings
from headrace.common.identity import PERMISSIONS, Program, allows
from headrace.common.rest import ErrorAnswer
from headrace.errors import RequestError
from headrace.people.links import LINK_PATH, invite
from headrace.people.models import AuditEntry, Link, Token
from headrace.people.schemas import (
    AuditAnswer,
    AuditList,
    ChangedMember,
    InvitationAnswer,
    InvitationList,
    MadeInvitation,
    MadeToken,
    Me,
    MemberAnswer,
    MemberList,
    NewInvitation,
    NewMember,
    NewToken,
    TokenAnswer,
    TokenList,
)
from headrace.people.tokens import make_token, revoke
from headrace.projects.access import project_of
from headrace.projects.keeping import permissions_of
from headrace.projects.models import Membership, Project, Role

router = Router(tags=["people"], by_alias=True)
FAILED: dict[Any, Any] = {frozenset({400, 401, 403, 404, 409, 429}): ErrorAnswer}
MAX_MEMBERS = 2000
"""In one list."""
MAX_ENTRIES = 200


@router.get("/me/", response={200: Me, **FAILED}, summary="Who you are", operation_id="me")
@allows("known")
def read_me(request: HttpRequest) -> Me:
    """Where nobody signs in, one person without a name who may do everything."""
    if get_settings().auth != "required":
        everything = Project.objects.values_list("public_id", flat=True)[:MAX_MEMBERS]
        return Me(name="", operator=True, projects={each: list(PERMISSIONS) for each in everything})
    caller: Any = request.user
    if isinstance(caller, Program):
        found = {caller.project: [each for each in PERMISSIONS if each in caller.permissions]}
        return Me(name=caller.get_username(), operator=False, projects=found)
    ids = Project.objects.all() if caller.is_superuser else Project.objects.filter(members=caller)
    names = ids.values_list("public_id", flat=True)[:MAX_MEMBERS]
    projects = {each: [p for p in PERMISSIONS if p in permissions_of(caller, each)] for each in names}
    return Me(name=caller.get_username(), operator=caller.is_superuser, projects=projects)


@router.get(
    "/projects/{project_id}/members/",
    response={200: MemberList, **FAILED},
    summary="List a project's people",
    operation_id="listMembers",
)
@allows("manage")
def list_members(request: HttpRequest, project_id: str) -> MemberList:
    found = _project(request, project_id).memberships.select_related("user")[:MAX_MEMBERS]
    return MemberList(members=[_member(each) for each in found])


@router.post(
    "/projects/{project_id}/members/",
    response={201: MemberAnswer, **FAILED},
    summary="Add somebody who has an account",
    operation_id="addMember",
)
@allows("manage")
def add_member(request: HttpRequest, project_id: str, member: NewMember) -> Status[MemberAnswer]:
    project, model = _project(request, project_id), get_user_model()
    user = model.objects.filter(**{model.USERNAME_FIELD: member.name}).first()
    if user is None:
        raise RequestError("nobody here has this name; invite them instead", field="name", code="unknown_person")
    made, is_new = Membership.objects.get_or_create(project=project, user=user, defaults={"role": member.role})
    if not is_new:
        raise RequestError("they are a member already", field="name", code="conflict", status=409)
    _note(request, member=user.get_username(), role=made.role)
    return Status(201, _member(made))


@router.patch(
    "/projects/{project_id}/members/{member_id}/",
    response={200: MemberAnswer, **FAILED},
    summary="Change somebody's role",
    operation_id="changeMember",
)
@allows("manage")
def change_member(request: HttpRequest, project_id: str, member_id: str, member: ChangedMember) -> MemberAnswer:
    with transaction.atomic():
        found = _membership(request, project_id, member_id)
        if member.role != "owner":
            _keep_an_owner(found)
        found.role = member.role
        found.save(update_fields=["role"])
    _note(request, member=found.user.get_username(), role=found.role)
    return _member(found)


@router.delete(
    "/projects/{project_id}/members/{member_id}/",
    response={204: None, **FAILED},
    summary="Remove somebody; their open streams end",
    operation_id="removeMember",
)
@allows("manage")
def remove_member(request: HttpRequest, project_id: str, member_id: str) -> Status[None]:
    with transaction.atomic():
        found = _membership(request, project_id, member_id)
        _keep_an_owner(found)
        found.delete()
    _note(request, member=found.user.get_username())
    return Status(204, None)


@router.get(
    "/projects/{project_id}/invitations/",
    response={200: InvitationList, **FAILED},
    summary="List the open invitations",
    operation_id="listInvitations",
)
@allows("manage")
def list_invitations(request: HttpRequest, project_id: str) -> InvitationList:
    found = _project(request, project_id).invitations.filter(expires__gt=timezone.now())
    return InvitationList(invitations=[InvitationAnswer(**_invitation(each)) for each in found])


@router.post(
    "/projects/{project_id}/invitations/",
    response={201: MadeInvitation, **FAILED},
    summary="Invite somebody by a link, which is answered this once",
    operation_id="invite",
)
@allows("manage")
def create_invitation(request: HttpRequest, project_id: str, invitation: NewInvitation) -> Status[MadeInvitation]:
    if not is_valid_path(LINK_PATH):
        message = "this site signs people in by itself, and has no page for an invitation: add them as members"
        raise RequestError(message, code="conflict", status=409)
    by = request.user.get_username()
    made = invite(
        _project(request, project_id), invitation.role, days=invitation.days, note=invitation.note.strip(), by=by
    )
    _note(request, invitation=made.link.public_id, role=invitation.role)
    link = request.build_absolute_uri(made.path)
    return Status(201, MadeInvitation(**_invitation(made.link), link=link))


@router.delete(
    "/projects/{project_id}/invitations/{invitation_id}/",
    response={204: None, **FAILED},
    summary="Take an invitation back",
    operation_id="cancelInvitation",
)
@allows("manage")
def delete_invitation(request: HttpRequest, project_id: str, invitation_id: str) -> Status[None]:
    if not _project(request, project_id).invitations.filter(public_id=invitation_id).delete()[0]:
        raise _nothing("invitation", invitation_id)
    return Status(204, None)


@router.get(
    "/projects/{project_id}/tokens/",
    response={200: TokenList, **FAILED},
    summary="List a project's tokens",
    operation_id="listTokens",
)
@allows("manage")
def list_tokens(request: HttpRequest, project_id: str) -> TokenList:
    return TokenList(tokens=[TokenAnswer(**_token(each)) for each in _project(request, project_id).tokens.all()])


@router.post(
    "/projects/{project_id}/tokens/",
    response={201: MadeToken, **FAILED},
    summary="Make a token for a program; it is answered this once",
    operation_id="createToken",
)
@allows("manage")
def create_token(request: HttpRequest, project_id: str, token: NewToken) -> Status[MadeToken]:
    by, name = request.user.get_username(), token.name.strip()
    if not name:
        raise RequestError("name must not be blank", field="name")
    made, secret = make_token(_project(request, project_id), name, token.permissions, days=token.days, by=by)
    _note(request, token=made.public_id, permissions=" ".join(made.permissions))
    return Status(201, MadeToken(**_token(made), token=secret))


@router.delete(
    "/projects/{project_id}/tokens/{token_id}/",
    response={204: None, **FAILED},
    summary="Revoke a token; its open streams end",
    operation_id="revokeToken",
)
@allows("manage")
def revoke_token(request: HttpRequest, project_id: str, token_id: str) -> Status[None]:
    found = _project(request, project_id).tokens.filter(public_id=token_id).first()
    if found is None:
        raise _nothing("token", token_id)
    revoke(found)
    return Status(204, None)


@router.get(
    "/projects/{project_id}/audit/",
    response={200: AuditList, **FAILED},
    summary="Read who did what, newest first",
    operation_id="readAudit",
)
@allows("manage")
def read_audit(
    request: HttpRequest,
    project_id: str,
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = 50,
) -> AuditList:
    return _entries(AuditEntry.objects.filter(project=_project(request, project_id).public_id), before, limit)


@router.get(
    "/audit/",
    response={200: AuditList, **FAILED},
    summary="Read who did what on this server, signing in included; for its operator",
    operation_id="readServerAudit",
)
@allows("operator")
def read_server_audit(
    request: HttpRequest,  # noqa: ARG001
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = 50,
) -> AuditList:
    _people_only()
    return _entries(AuditEntry.objects.all(), before, limit)


def _entries(found: QuerySet[AuditEntry], before: int | None, limit: int) -> AuditList:
    if before is not None:
        found = found.filter(pk__lt=before)
    return AuditList(entries=[_entry(each) for each in found[:limit]])


def _people_only() -> None:
    if get_settings().auth != "required":
        raise RequestError("this server keeps no people (HEADRACE_AUTH is none)", code="not_found", status=404)


def _project(request: HttpRequest, project_id: str) -> Project:
    _people_only()
    return project_of(request.user, project_id)


def _membership(request: HttpRequest, project_id: str, member_id: str) -> Membership:
    """The member, to be changed: until the transaction ends nobody else changes one of this project.

    Two owners who leave at the same time would otherwise both find the other still there.
    """
    project = Project.objects.select_for_update().get(pk=_project(request, project_id).pk)
    known = member_id.isascii() and len(member_id) <= 64
    people = {str(each.user_id): each for each in project.memberships.select_related("user")} if known else {}
    if member_id not in people:
        raise _nothing("member", member_id)
    return people[member_id]


def _keep_an_owner(leaving: Membership) -> None:
    others = leaving.project.memberships.filter(role=Role.OWNER, user__is_active=True).exclude(pk=leaving.pk)
    if leaving.role == Role.OWNER and not others.exists():
        raise RequestError("a project keeps at least one owner", code="conflict", status=409)


def _nothing(what: str, name: str) -> RequestError:
    message = f"there is no {what} {name[:64]!r} in this project"
    return RequestError(message, field=f"{what}Id", code=f"unknown_{what}", status=404)


def _note(request: HttpRequest, **facts: str) -> None:
    """Words for the audit log."""
    kept: Mapping[str, str] = facts
    setattr(request, FACTS, kept)


def _member(found: Membership) -> MemberAnswer:
    user = found.user
    return MemberAnswer(
        member_id=str(user.pk),
        name=user.get_username(),
        role=found.role,
        active=user.is_active,
        last_signed_in=user.last_login,
    )


def _invitation(found: Link) -> dict[str, Any]:
    return {
        "invitation_id": found.public_id,
        "role": found.role,
        "note": found.note,
        "created_by": found.created_by,
        "created": found.created,
        "expires": found.expires,
    }


def _token(found: Token) -> dict[str, Any]:
    names = ("name", "shown", "permissions", "created_by", "created", "expires", "revoked", "last_used")
    return {"token_id": found.public_id} | {name: getattr(found, name) for name in names}


def _entry(found: AuditEntry) -> AuditAnswer:
    facts = {str(name): str(value) for name, value in found.facts.items()}
    names = ("at", "project", "actor", "actor_name", "action", "address")
    return AuditAnswer(entry_id=found.pk, facts=facts, **{name: getattr(found, name) for name in names})
