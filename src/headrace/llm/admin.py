"""Model configurations in Django's admin, for a project that has one. Keys are neither shown nor written here."""

from django.contrib import admin

from headrace.llm.models import ModelConfiguration


@admin.register(ModelConfiguration)
class ModelConfigurationAdmin(admin.ModelAdmin[ModelConfiguration]):
    list_display = ("name", "project", "provider_id", "model_id", "updated")
    list_filter = ("project", "provider_id")
    search_fields = ("config_id", "name", "model_id")
    readonly_fields = ("key_origin",)
