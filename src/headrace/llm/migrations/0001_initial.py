"""The table of model configurations, their keys sealed from the first row on; the two local models in `default`."""

import django.core.validators
import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import headrace.common.fields
import headrace.llm.models

LOCAL_MODELS = (
    ("local-plain", "Local model", "smollm2"),
    ("local-reasoning", "Local model with reasoning", "smollm2-reasoning"),
)


def store_local_models(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    alias = schema_editor.connection.alias
    project = apps.get_model("headrace_projects", "Project").objects.using(alias).get(public_id="default")
    stored = apps.get_model("headrace_llm", "ModelConfiguration").objects.using(alias)
    for config_id, name, model_id in LOCAL_MODELS:
        values = {"name": name, "provider_id": "local", "model_id": model_id}
        stored.get_or_create(project=project, config_id=config_id, defaults=values)


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
                        related_name="models",
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
        migrations.RunPython(store_local_models, migrations.RunPython.noop),
    ]
