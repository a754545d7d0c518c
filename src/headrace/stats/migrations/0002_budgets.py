"""The tables of budgets, and of what is told of them."""

import django.db.models.deletion
from django.db import migrations, models

import headrace.common.fields


class Migration(migrations.Migration):
    dependencies = [
        ("headrace_stats", "0001_stats"),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("project", models.CharField(max_length=200)),
                ("measure", models.CharField(max_length=8)),
                ("period", models.CharField(max_length=8)),
                ("limit", models.FloatField()),
                ("zone", models.CharField(default="UTC", max_length=64)),
                ("webhook_url", models.CharField(blank=True, default="", max_length=2000)),
                ("webhook_secret", headrace.common.fields.SealedField(blank=True, default="")),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("updated", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ("period", "measure"),
                "constraints": [
                    models.UniqueConstraint(fields=("project", "measure", "period"), name="hr_stats_budget_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("notice_id", models.CharField(max_length=32, unique=True)),
                ("kind", models.CharField(max_length=32)),
                ("start", models.IntegerField()),
                ("body", models.TextField()),
                ("due", models.FloatField()),
                ("attempts", models.IntegerField(default=0)),
                ("settled", models.BooleanField(default=False)),
                ("problem", models.CharField(blank=True, default="", max_length=200)),
                ("made", models.DateTimeField(auto_now_add=True)),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="headrace_stats.budget"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("settled", False)), fields=["due"], name="hr_stats_notice_due")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("budget", "kind", "start"), name="hr_stats_notice_once")
                ],
            },
        ),
    ]
