"""Label values that a stranger cannot make grow: a caller may name any model, and each new name is a time series more.

Nothing that looks like an address, a person or a key becomes a label, whoever sent it.
"""

from __future__ import annotations

import re
import threading
from typing import Final

OTHER: Final = "other"
MAX_LABEL = 100  # characters: the longest names of real models, ARNs of inference profiles among them
MAX_PROVIDERS = 100  # twice the rows that we know; a file of providers may hold more
MAX_MODELS = 200  # of all providers together: each makes some seventy series

_NAME = re.compile(rf"[A-Za-z0-9@][A-Za-z0-9@._:/+\- ]{{0,{MAX_LABEL - 1}}}")
_TELLING = re.compile(
    r"://|^www\."  # an address
    r"|[^\s@]@[A-Za-z0-9-]+\.[A-Za-z]"  # an e-mail address; `@cf/meta/llama` and `claude@20250101` are models
    r"|^(?:sk|pk|rk|hr|gsk|xai|nvapi|hf|ghp|r8|bearer)[-_ ]|^AIza|^AKIA"  # how keys begin
    r"|[A-Za-z0-9]{32,}",  # no name has so many letters and digits without a break
    re.IGNORECASE,
)


class BoundedNames:
    """The first `most` different names that it is given; every later one is `other`. Safe from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, name: str) -> str:
        """The label for this name: itself, or `other` for what is no name or one too many."""
        if name in self._known:
            return name
        if not is_name(name):
            return OTHER
        with self._lock:
            if len(self._known) >= self._most and name not in self._known:
                return OTHER
            self._known.add(name)
        return name


class BoundedModels:
    """The labels of a provider and its model: bounded each, and so in pairs."""

    def __init__(self, providers: int = MAX_PROVIDERS, models: int = MAX_MODELS) -> None:
        self._providers = BoundedNames(providers)
        self._most = models
        self._pairs: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, provider: str, model: str) -> tuple[str, str]:
        pair = (provider, model)
        if pair in self._pairs:
            return pair
        provider = self._providers(provider)
        if provider == OTHER or not is_name(model):
            return provider, OTHER
        with self._lock:
            if len(self._pairs) >= self._most:
                return provider, OTHER
            self._pairs.add((provider, model))
        return provider, model


def is_name(text: str) -> bool:
    """Whether this may be shown to whoever reads the figures."""
    return _NAME.fullmatch(text) is not None and _TELLING.search(text) is None
