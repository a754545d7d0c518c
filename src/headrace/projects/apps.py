"""The app of projects. Its label and tables begin with `headrace_`: people's own projects have a `projects` already."""

from django.apps import AppConfig
from django.core.checks import register


class ProjectsConfig(AppConfig):
    name = "headrace.projects"
    label = "headrace_projects"
    verbose_name = "Headrace projects"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from headrace.common.checks import check_site
        from headrace.common.identity import keep, keeper
        from headrace.projects.keeping import RolesKeeper

        register(check_site)  # once, however many of our apps ask for it
        if keeper() is None:
            keep(RolesKeeper())
