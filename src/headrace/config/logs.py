"""Log lines that people and programs can read: `key=value` pairs, or JSON objects. One entry is one line, always.

What a caller sent stands in them quoted, so that it cannot forge a line of its own.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Literal

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request", "status_code"}

_PLAIN = re.compile(r"[!#-<>-~]+")  # ASCII that is printed, without space, quotation mark and equals sign


def logging_settings(form: Literal["text", "json"]) -> dict[str, Any]:
    """Django's `LOGGING`: everything to stderr, from INFO on our side, from WARNING on the others'."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "headrace.config.logs.LineFormatter", "form": form}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "headrace": {"level": "INFO"},
            "django": {"handlers": [], "level": "WARNING", "propagate": True},
            "django.request": {"level": "ERROR"},  # a refused request is an answer, not an event
            "uvicorn": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }


class LineFormatter(logging.Formatter):
    """Writes the time, the level, the logger, the message and whatever was given as `extra`."""

    def __init__(self, form: Literal["text", "json"] = "text") -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return self._json(entry) if self._form == "json" else self._pairs(entry)

    @staticmethod
    def _json(entry: dict[str, Any]) -> str:
        return json.dumps(entry, ensure_ascii=True, default=str)

    @staticmethod
    def _pairs(entry: dict[str, Any]) -> str:
        """The message bare where it is one safe line; a traceback after the line, indented, where there is one."""
        trace = entry.pop("exception", "")
        head = [entry.pop("time"), entry.pop("level"), entry.pop("logger"), _line(entry.pop("message"))]
        line = " ".join([*head, *(f"{name}={_value(value)}" for name, value in entry.items())])
        return line + "".join(f"\n    {_line(row)}" for row in trace.splitlines())


def _line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _value(value: object) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else json.dumps(text)
