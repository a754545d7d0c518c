"""The table of model configurations, their keys sealed from the first row on."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import headrace.common.fields
import headrace.llm.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("headrace_projects", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ModelConfiguration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "config_id",
                    models.CharField(
                        default=headrace.llm.models.new_config_id,
                        max_length=64,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Za-z0-9][A-Za-z0-9_-]*\\Z",
                                "Letters, digits, - and _; a letter or digit first.",
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("provider_id", models.CharField(max_length=64)),
                ("endpoint", models.CharField(blank=True, default="", max_length=2048)),
                ("model_id", models.CharField(blank=True, default="", max_length=512)),
                ("sealed_key", headrace.common.fields.SealedField(blank=True, default="", editable=False)),
                ("key_origin", models.CharField(blank=True, default="", editable=False, max_length=2048)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("updated", models.DateTimeField(auto_now=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="configurations",
                        to="headrace_projects.project",
                    ),
                ),
            ],
            options={
                "ordering": ("created", "pk"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "config_id"), name="headrace_llm_config_id_once_a_project"
                    )
                ],
            },
        ),
    ]
