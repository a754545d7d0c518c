"""The two local models as configurations of the project `default`."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

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
    dependencies = [("headrace_llm", "0001_initial"), ("headrace_projects", "0002_default_project")]

    operations = [migrations.RunPython(store_local_models, migrations.RunPython.noop)]
