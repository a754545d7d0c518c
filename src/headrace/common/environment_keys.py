"""The keys of providers that the server's environment holds: an offer to the one person who runs it, and to no other.

A provider's own variable is for that provider's own address. The key itself is answered to nobody.
"""

from __future__ import annotations

import os

from headrace.common.conf import get_settings
from headrace.providers.base import Provider


def environment_key(row: Provider) -> str:
    """This provider's key; empty where there is none, or where more than one person on one machine may ask."""
    settings = get_settings()
    if settings.auth != "none" or not settings.local or not row.key_variable or not row.base_url:
        return ""
    return os.environ.get(row.key_variable, "").strip()
