"""What people and programs come in by: tokens, links, identities at a provider; and the log of who did what.

No secret stands in any of these tables, only digests of some.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from headrace.people.secrets import new_id
from headrace.projects.models import Project, Role


class Token(models.Model):
    """A program's way into one project, with these permissions."""

    public_id = models.CharField(max_length=32, unique=True, default=new_id)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, unique=True)
    shown = models.CharField(max_length=16)
    permissions = models.JSONField(default=list)
    created_by = models.CharField(max_length=200, blank=True, default="")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True)
    revoked = models.DateTimeField(null=True)
    last_used = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created", "-pk")

    def __str__(self) -> str:
        return f"{self.name} ({self.shown}…)"

    @property
    def key(self) -> str:
        return f"token:{self.public_id}"

    @staticmethod
    def good(now: datetime | None = None) -> Q:
        """Neither revoked nor expired."""
        return Q(revoked=None) & (Q(expires=None) | Q(expires__gt=now or timezone.now()))


class Link(models.Model):
    """A way in for one person, once: the first owner's, an invitation to a project, or a new password."""

    class Kind(models.TextChoices):
        FIRST_OWNER = "first_owner"
        INVITATION = "invitation"
        RESET = "reset"

    public_id = models.CharField(max_length=32, unique=True, default=new_id)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    digest = models.CharField(max_length=64, unique=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="invitations")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    note = models.CharField(max_length=200, blank=True, default="")
    created_by = models.CharField(max_length=200, blank=True, default="")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField()

    class Meta:
        ordering = ("-created", "-pk")

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class Identity(models.Model):
    """A person as an OpenID Connect provider knows them. Nobody is ever matched by an address of e-mail."""

    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="headrace_identities")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("issuer", "subject"), name="headrace_people_identity_once"),)

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class AuditEntry(models.Model):
    """Who did what, when, from where. It outlives the project and the person that it names."""

    at = models.DateTimeField(db_index=True, default=timezone.now)
    project = models.CharField(max_length=64, blank=True, default="", db_index=True)
    actor = models.CharField(max_length=64, blank=True, default="")
    actor_name = models.CharField(max_length=200, blank=True, default="")
    action = models.CharField(max_length=64)
    address = models.CharField(max_length=64, blank=True, default="")
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.actor_name} {self.action}"


class Generation(models.Model):
    """One row with one number, raised by whatever may take somebody's access away: workers look at it."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)
