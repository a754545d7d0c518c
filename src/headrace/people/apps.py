"""The app of people, tokens and the audit log. Without it, roles hold, and who comes in is the site's own business."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "headrace.people"
    label = "headrace_people"
    verbose_name = "Headrace people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from headrace.common.identity import keep
        from headrace.people import revocation
        from headrace.people.keeping import PeopleKeeper

        keeper = PeopleKeeper()
        keep(keeper)
        revocation.connect(keeper.forget)
