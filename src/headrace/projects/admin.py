"""Projects in Django's admin, for a project that has one."""

from django.contrib import admin

from headrace.projects.models import Project


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin[Project]):
    list_display = ("public_id", "name", "created")
    search_fields = ("public_id", "name")
    filter_horizontal = ("members",)
