"""What is not folded yet is found by project and time: a look at a long range read all of its rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("headrace_stats", "0002_budgets"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="stream",
            name="hr_stats_unfolded",
        ),
        migrations.AddIndex(
            model_name="stream",
            index=models.Index(
                condition=models.Q(("folded", False)), fields=["project", "started"], name="hr_stats_unfolded"
            ),
        ),
    ]
