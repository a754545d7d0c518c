"""Members get roles. The table of members stays where it is; whoever is in it may do what they could: an editor."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

MEMBERSHIP = migrations.CreateModel(
    name="Membership",
    fields=[
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        (
            "project",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to="headrace_projects.project",
            ),
        ),
        (
            "user",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="headrace_memberships",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ],
    options={
        "db_table": "headrace_projects_project_members",
        "ordering": ("pk",),
        "unique_together": {("project", "user")},
    },
)
MEMBERS = migrations.AlterField(
    model_name="project",
    name="members",
    field=models.ManyToManyField(
        blank=True,
        related_name="headrace_projects",
        through="headrace_projects.Membership",
        to=settings.AUTH_USER_MODEL,
    ),
)


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("headrace_projects", "0002_default_project"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[MEMBERSHIP, MEMBERS]),
        migrations.AddField(
            model_name="membership",
            name="role",
            field=models.CharField(
                choices=[("owner", "Owner"), ("editor", "Editor"), ("viewer", "Viewer")],
                default="editor",
                db_default="editor",
                max_length=16,
            ),
        ),
    ]
