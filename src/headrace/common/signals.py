"""Django signals for the moments of a stream; whoever listens needs no setting. They carry what the hooks are given."""

from __future__ import annotations

from django.dispatch import Signal

before_stream = Signal()
"""About to ask a model. `chat` is a `Chat`; a receiver that raises `RequestError` or `PermissionDenied` refuses it."""

after_stream = Signal()
"""A stream has ended, in whatever way. `result` is a `StreamResult`; what a receiver raises is logged only."""
