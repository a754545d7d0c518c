"""The project `default`, which is always there."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def make_default(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    projects = apps.get_model("headrace_projects", "Project").objects.using(schema_editor.connection.alias)
    projects.get_or_create(public_id="default", defaults={"name": "Default"})


class Migration(migrations.Migration):
    dependencies = [("headrace_projects", "0001_initial")]

    operations = [migrations.RunPython(make_default, migrations.RunPython.noop)]
