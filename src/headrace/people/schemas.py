"""The bodies and answers of the API of people, in the wire's spelling. Who may see them is not decided here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictInt, StrictStr

from headrace.common.identity import Permission
from headrace.common.rest import WireSchema
from headrace.people.links import INVITATION_DAYS, MAX_INVITATION_DAYS, MAX_NAME
from headrace.people.tokens import MAX_DAYS

RoleName = Literal["owner", "editor", "viewer"]
Name = Annotated[StrictStr, Field(min_length=1, max_length=MAX_NAME, description="The name people sign in with.")]
Title = Annotated[StrictStr, Field(min_length=1, max_length=200, description="A name for people.")]
Days = Annotated[StrictInt, Field(ge=1, le=MAX_DAYS)]


class Me(WireSchema):
    name: str
    operator: bool
    projects: dict[str, list[Permission]]


class NewMember(WireSchema):
    name: Name
    role: RoleName = "viewer"


class ChangedMember(WireSchema):
    role: RoleName


class MemberAnswer(WireSchema):
    member_id: str
    name: str
    role: str
    active: bool
    last_signed_in: datetime | None


class MemberList(WireSchema):
    members: list[MemberAnswer]


class NewInvitation(WireSchema):
    role: RoleName = "viewer"
    days: Annotated[StrictInt, Field(ge=1, le=MAX_INVITATION_DAYS)] = INVITATION_DAYS
    note: Annotated[StrictStr, Field(max_length=200, description="For whom, in your own words.")] = ""


class InvitationAnswer(WireSchema):
    invitation_id: str
    role: str
    note: str
    created_by: str
    created: datetime
    expires: datetime


class MadeInvitation(InvitationAnswer):
    link: str


class InvitationList(WireSchema):
    invitations: list[InvitationAnswer]


class NewToken(WireSchema):
    name: Title
    permissions: list[Literal["read", "chat", "configure"]] = Field(["read", "chat"], min_length=1, max_length=3)
    days: Days | None = Field(90, description="null: until it is revoked.")


class TokenAnswer(WireSchema):
    token_id: str
    name: str
    shown: str
    permissions: list[str]
    created_by: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None


class MadeToken(TokenAnswer):
    token: str


class TokenList(WireSchema):
    tokens: list[TokenAnswer]


class AuditAnswer(WireSchema):
    entry_id: int
    at: datetime
    project: str
    actor: str
    actor_name: str
    action: str
    address: str
    facts: dict[str, str]


class AuditList(WireSchema):
    entries: list[AuditAnswer]
