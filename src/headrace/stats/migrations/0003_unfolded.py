"""What is not folded yet is found by project and time; roll-ups of three hours come, so that all is folded anew."""

from typing import Any

from django.db import migrations, models


def fold_anew(apps: Any, _: Any) -> None:
    """What is still kept as rows is rolled up again."""
    oldest = apps.get_model("headrace_stats", "Stream").objects.order_by("started").values_list("started", flat=True)
    roll_ups = apps.get_model("headrace_stats", "RollUp").objects
    if (first := oldest.first()) is not None:
        day = first // 60_000 // 1440 * 1440
        roll_ups.filter(start__gte=day).delete()
        apps.get_model("headrace_stats", "Stream").objects.filter(folded=True).update(folded=False)


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
        migrations.RunPython(fold_anew, migrations.RunPython.noop),
    ]
