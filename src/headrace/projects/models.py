"""Projects: what streams and model configurations belong to, and who may use them."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

PUBLIC_ID = RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z", "Letters, digits, - and _; a letter or digit first.")
DEFAULT_PROJECT = "default"


class Project(models.Model):
    """`public_id` is the `projectId` of addresses; it is never given to another project."""

    public_id = models.CharField(max_length=64, unique=True, validators=[PUBLIC_ID])
    name = models.CharField(max_length=200)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="headrace_projects")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("public_id",)

    def __str__(self) -> str:
        return self.public_id
