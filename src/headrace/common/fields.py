"""A text column that is sealed on its way into the instance, not on its way to the database.

Plain text that is assigned is encrypted at once and read back as `Sealed`: a `repr`, a debugger's page or a log of
the instance shows nothing. Look-ups by value are not possible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from headrace.common.encryption import Sealed

if TYPE_CHECKING:
    _TextField = models.TextField[str | Sealed, Sealed]
else:
    _TextField = models.TextField


class _SealingAttribute(DeferredAttribute):
    def __set__(self, instance: models.Model, value: object) -> None:
        instance.__dict__[self.field.attname] = _sealed(value)


class SealedField(_TextField):
    """Holds a `Sealed`. Assign plain text, a `Sealed`, or an empty text."""

    descriptor_class = _SealingAttribute
    description = "A sealed text"

    def from_db_value(self, value: str | None, *_: object) -> Sealed:
        return Sealed(value or "")

    def to_python(self, value: Any) -> Sealed:
        """From a serialised instance, where the token stands: fixtures carry no plain text either."""
        return value if isinstance(value, Sealed) else Sealed(value or "")

    def get_prep_value(self, value: Any) -> str:
        return _sealed(value).token

    def value_to_string(self, obj: models.Model) -> str:
        return _sealed(self.value_from_object(obj)).token

    def formfield(self, **_: Any) -> None:
        return None

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name in ("exact", "isnull"):  # `exact` compares tokens: for "has none", which is the empty text
            return super().get_lookup(lookup_name)
        raise FieldError(f"a sealed field cannot be searched by {lookup_name}")


def _sealed(value: object) -> Sealed:
    if isinstance(value, Sealed):
        return value
    return Sealed.of("" if value is None else str(value))
