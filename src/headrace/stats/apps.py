"""The app of kept statistics and budgets: a row a stream, roll-ups by hour and day, what a project may spend."""

from django.apps import AppConfig


class StatsConfig(AppConfig):
    name = "headrace.stats"
    label = "headrace_stats"
    verbose_name = "Headrace statistics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from headrace.common.draining import greetings
        from headrace.common.gates import gates
        from headrace.stats.budgets import gate
        from headrace.stats.recording import recorder
        from headrace.stats.webhooks import courier

        recorder.start()
        if gate not in gates:  # apps may be loaded anew
            gates.append(gate)
            greetings.append(courier.wake)
