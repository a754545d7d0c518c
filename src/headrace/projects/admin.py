"""Projects in Django's admin, for a project that has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from headrace.projects.models import Membership, Project

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Project]
    _Inline = admin.TabularInline[Membership, Project]
else:
    _Admin = admin.ModelAdmin
    _Inline = admin.TabularInline


class MembershipInline(_Inline):
    model = Membership
    extra = 0


@admin.register(Project)
class ProjectAdmin(_Admin):
    list_display = ("public_id", "name", "created")
    search_fields = ("public_id", "name")
    inlines = (MembershipInline,)
