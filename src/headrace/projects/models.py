"""Projects: what streams and model configurations belong to, and who may do what in them."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

PUBLIC_ID = RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z", "Letters, digits, - and _; a letter or digit first.")
DEFAULT_PROJECT = "default"


class Role(models.TextChoices):
    """`viewer` reads streams and configurations, `editor` also chats and changes them, `owner` also has the people."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class Project(models.Model):
    """`public_id` is the `projectId` of addresses; it is never given to another project."""

    public_id = models.CharField(max_length=64, unique=True, validators=[PUBLIC_ID])
    name = models.CharField(max_length=200)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="headrace_projects", through="Membership"
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("public_id",)

    def __str__(self) -> str:
        return self.public_id


class Membership(models.Model):
    """One person in one project. `project.members.add(person)` makes an editor."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="headrace_memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.EDITOR, db_default=Role.EDITOR)

    class Meta:
        db_table = "headrace_projects_project_members"
        ordering = ("pk",)
        unique_together = (("project", "user"),)

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.project_id}"
