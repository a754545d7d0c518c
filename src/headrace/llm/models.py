"""Model configurations: a provider, an address, a model and its key, kept in a project.

A key is bound to the origin that it was saved with: the origin is sealed together with it, so that not even a changed
row sends it elsewhere.
"""

from __future__ import annotations

import logging
import secrets
from typing import Any

from django.db import models

from headrace.common.encryption import SealError
from headrace.common.fields import SealedField
from headrace.common.origins import origin_of
from headrace.common.registry import resolve
from headrace.common.requests import LOCAL, InlineModel, LocalModel
from headrace.errors import RequestError
from headrace.projects.models import PUBLIC_ID, Project
from headrace.providers.presets import base_for

CONFIG_FIELD = "model.configId"

logger = logging.getLogger("headrace.llm")


def new_config_id() -> str:
    """A random id, which cannot be guessed."""
    return secrets.token_hex(8)


class ModelConfiguration(models.Model):
    """`config_id` is the `configId` of requests, unique within its project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="configurations")
    config_id = models.CharField(max_length=64, default=new_config_id, validators=[PUBLIC_ID])
    name = models.CharField(max_length=200)
    provider_id = models.CharField(max_length=64)
    endpoint = models.CharField(max_length=2048, blank=True, default="")
    model_id = models.CharField(max_length=512, blank=True, default="")
    sealed_key = SealedField(blank=True, default="", editable=False)
    key_origin = models.CharField(max_length=2048, blank=True, default="", editable=False)
    fallbacks = models.JSONField(blank=True, default=list, editable=False)
    """The `config_id`s to ask in turn where this one fails before its first event; those that are gone are skipped."""
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("created", "pk")
        constraints = (
            models.UniqueConstraint(fields=("project", "config_id"), name="headrace_llm_config_id_once_a_project"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.provider_id}: {self.model_id or 'default'})"

    @property
    def origin(self) -> str:
        """`scheme://host:port` that this configuration asks; empty for the local model. RequestError: no address."""
        if self.provider_id == LOCAL:
            return ""
        return origin_of(base_for(resolve(self.provider_id, self.endpoint), self.endpoint))

    @property
    def has_key(self) -> bool:
        return bool(self.sealed_key) and self.key_origin == self.origin

    def set_key(self, key: str) -> None:
        """Keep `key` for the origin that is asked now; an empty one forgets it."""
        self.key_origin = self.origin if key else ""
        self.sealed_key = f"{self.key_origin} {key}" if self.key_origin else ""

    def key_for(self, origin: str) -> str:
        """The key, if it was saved for exactly `origin`; else the empty text. SealError if nothing opens it."""
        bound, _, key = self.sealed_key.reveal().partition(" ")
        return key if bound and bound == origin else ""

    def reference(self) -> InlineModel | LocalModel:
        """What a chat asks, the key included. RequestError if a key is kept but may not be used."""
        if self.provider_id == LOCAL:
            return LocalModel(self.model_id)
        try:
            key = self.key_for(self.origin)
        except SealError as error:
            raise RequestError(str(error), field=CONFIG_FIELD, code="key_unreadable") from None
        if self.sealed_key and not key:
            message = "the key of this configuration was saved for another address; save it again"
            raise RequestError(message, field=CONFIG_FIELD, code="key_bound_elsewhere")
        return InlineModel(self.provider_id, self.endpoint, self.model_id, key)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Also forgets a key that was saved for another origin than the one that is asked from now on."""
        if self.sealed_key and self.key_origin != self.origin:
            self.set_key("")
            if (fields := kwargs.get("update_fields")) is not None:
                kwargs["update_fields"] = {*fields, "sealed_key", "key_origin"}
        super().save(*args, **kwargs)


def stored_model(project: Project, config_id: str) -> InlineModel | LocalModel:
    """The model that a configuration of `project` means. RequestError names `model.configId`."""
    found = ModelConfiguration.objects.filter(project=project, config_id=config_id).first()
    if found is None:
        message = f"model.configId {config_id[:64]!r} is no configuration of this project"
        raise RequestError(message, field=CONFIG_FIELD, code="unknown_configuration")
    return found.reference()


def stored_models(project: Project, config_id: str) -> list[tuple[str, InlineModel | LocalModel]]:
    """The model that a configuration means, then its fallbacks that can be used, each with its `config_id`."""
    models_found = [(config_id, stored_model(project, config_id))]
    found = ModelConfiguration.objects.get(project=project, config_id=config_id)
    for each in found.fallbacks:
        try:
            models_found.append((each, stored_model(project, each)))
        except RequestError as error:
            logger.warning("configuration %s cannot stand in for %s: %s", each, config_id, error)
    return models_found
