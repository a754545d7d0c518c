"""How a diagnosis is shown: lines for a person, one JSON object for a program, and the row to use. It asks nothing."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from headrace.commands.diagnosis import Diagnosis, Finding
from headrace.commands.terminal import DIM, PLAIN, coloured, say

MARKS = {"good": "+", "note": " ", "bad": "!"}


def configuration(diagnosis: Diagnosis, base: str) -> dict[str, str]:
    """The model of a request that asks this endpoint as it was asked here."""
    row = diagnosis.seen.row
    endpoint = {} if base == row.base_url else {"endpoint": base}
    return {"providerId": row.name, **endpoint, "modelId": diagnosis.seen.model}


def row_text(diagnosis: Diagnosis, base: str) -> str:
    """The row for the file of providers, where the endpoint has habits that no row knows; else nothing."""
    row, style = diagnosis.seen.row, _style(diagnosis)
    if not (diagnosis.quirks or style):
        return ""
    lines = ["[[providers]]", 'name = "my-provider"', f'endpoint = "{base}"', f'like = "{row.name}"']
    quirks = sorted(row.quirks | set(diagnosis.quirks))
    lines += [f"quirks = {msgspec.json.encode(quirks).decode()}"] if diagnosis.quirks else []
    return "\n".join([*lines, *([f'think = "{style}"'] if style else [])])


def _style(diagnosis: Diagnosis) -> str:
    """The style whose blocks begin before the answer does, if this is one."""
    return "deepseek-r1" if diagnosis.stray_closer == "</think>" else ""


def print_report(diagnosis: Diagnosis, base: str) -> None:
    seen = diagnosis.seen
    say(f"{seen.row.title or seen.row.name} at {base}, asked for {seen.model!r} in the dialect {seen.row.adapter.name}")
    for finding in diagnosis.findings():
        say(_line(finding))
    say()
    say(diagnosis.verdict())
    if diagnosis.usable:
        say(f"As a model of a request: {msgspec.json.encode(configuration(diagnosis, base)).decode()}")
        if row := row_text(diagnosis, base):
            say("It has habits of its own. As a row of HEADRACE_PROVIDERS_FILE:")
            say(row)


def _line(finding: Finding) -> str:
    dim, plain = (DIM, PLAIN) if finding.level == "note" and coloured(sys.stdout) else ("", "")
    return f"{dim}  {MARKS[finding.level]} {_printable(finding.text)}{plain}"


def _printable(text: str) -> str:
    """What an endpoint said must not steer the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def print_json(diagnosis: Diagnosis, base: str) -> None:
    say(msgspec.json.encode(report(diagnosis, base)).decode())


def report(diagnosis: Diagnosis, base: str) -> dict[str, Any]:
    """The same for programs. Times are in seconds."""
    seen, finish, failure = diagnosis.seen, diagnosis.finish, diagnosis.failure
    usage = diagnosis.usage
    return {
        "usable": diagnosis.usable,
        "verdict": diagnosis.verdict(),
        "model": configuration(diagnosis, base),
        "dialect": seen.row.adapter.name,
        "streaming": diagnosis.streaming,
        "pieces": len(diagnosis.pieces),
        "spread": round(diagnosis.spread, 3),
        "firstAt": None if diagnosis.first_at is None else round(diagnosis.first_at, 3),
        "longestSilence": round(diagnosis.longest_silence, 3),
        "heartbeats": diagnosis.heartbeats,
        "reasoning": diagnosis.reasoning_fields or (["tags"] if diagnosis.reasons_in_tags else []),
        "finishReason": finish.provider_reason if finish else "",
        "done": diagnosis.done_seen,
        "usage": usage and {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens},
        "refused": list(seen.refused),
        "error": failure and {"code": failure.code, "message": failure.message, "status": failure.status},
        "findings": [{"level": each.level, "text": each.text} for each in diagnosis.findings()],
        "providerRow": row_text(diagnosis, base),
    }
