"""The app of model configurations and the playground. Label and tables begin with `headrace_`."""

from django.apps import AppConfig
from django.core.checks import register


class LLMConfig(AppConfig):
    name = "headrace.llm"
    label = "headrace_llm"
    verbose_name = "Headrace models"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Read the operator's file of providers now, and who has a proxy: what is wrong with them stops the start."""
        from headrace.common.checks import check_site
        from headrace.common.registry import check_proxied, custom_rows

        custom_rows()
        check_proxied()
        register(check_site)  # once, however many of our apps ask for it
