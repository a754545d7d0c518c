"""Model configurations in Django's admin, for a project that has one. Keys are neither shown nor written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from headrace.llm.models import ModelConfiguration

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[ModelConfiguration]
else:
    _Admin = admin.ModelAdmin


@admin.register(ModelConfiguration)
class ModelConfigurationAdmin(_Admin):
    list_display = ("name", "project", "provider_id", "model_id", "updated")
    list_filter = ("project", "provider_id")
    search_fields = ("config_id", "name", "model_id")
    readonly_fields = ("key_origin",)
