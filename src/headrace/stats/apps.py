"""The app of kept statistics and budgets: a row a stream, roll-ups by hour and day, what a project may spend."""

from django.apps import AppConfig


class StatsConfig(AppConfig):
    name = "headrace.stats"
    label = "headrace_stats"
    verbose_name = "Headrace statistics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from headrace.stats.recording import recorder

        recorder.start()
