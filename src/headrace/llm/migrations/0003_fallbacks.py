"""Configurations that are asked in turn where one fails."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("headrace_llm", "0002_local_models")]

    operations = [
        migrations.AddField(
            "modelconfiguration", "fallbacks", models.JSONField(blank=True, default=list, editable=False)
        ),
    ]
