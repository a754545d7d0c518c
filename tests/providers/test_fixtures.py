"""Our own hand-written answers, one pair of files each: NAME.stream is the body, NAME.json what must come of it.

`fixtures/<dialect>/` is walked, so a new provider needs a row and a pair of files here, and no test code. The members
of NAME.json: `provider` (a preset's name), and, each left out where it is empty: `content`, `reasoning`, `calls`
(`[id, name, arguments]`), `usage` (`[input, output, reasoning, cached]`), `reason` (`stop` if left out),
`provider_reason`, `code` and `message` (of the failure), `citations` (each with what is known of it).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headrace.providers.presets import PRESETS
from headrace.stream.events import Citation
from tests.providers.outcomes import bytewise, decode, merged, summed

SPOKEN = {row.adapter.name for row in PRESETS.values()}
"""The dialects that a row speaks: fixtures of another are compared where its adapter is tested."""
_FILES = sorted((Path(__file__).parent / "fixtures").glob("*/*.json"))
FIXTURES = [path for path in _FILES if path.parent.name in SPOKEN]
MEMBERS = {
    "provider",
    "content",
    "reasoning",
    "calls",
    "usage",
    "reason",
    "provider_reason",
    "code",
    "message",
    "citations",
}


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _load(path: Path) -> tuple[dict[str, Any], bytes]:
    return json.loads(path.read_text("utf-8")), path.with_suffix(".stream").read_bytes()


def _known(citation: Citation) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(citation).items() if value not in ("", None)}


@pytest.mark.parametrize("path", FIXTURES, ids=_name)
def test_a_fixture_gives_what_it_says(path: Path) -> None:
    expected, data = _load(path)
    assert expected.keys() <= MEMBERS, "a member that nothing compares"
    provider = PRESETS[expected["provider"]]
    assert provider.adapter.name == path.parent.name
    outcome = summed(decode(provider, [data]))
    assert outcome.content == expected.get("content", "")
    assert outcome.reasoning == expected.get("reasoning", "")
    assert outcome.calls == expected.get("calls", [])
    assert (outcome.failure and outcome.failure.code) == expected.get("code")
    if "message" in expected:
        assert outcome.failure is not None
        assert outcome.failure.message == expected["message"]
    assert [_known(citation) for citation in outcome.citations] == expected.get("citations", [])
    finish = outcome.finish
    assert finish is not None
    assert finish.reason == ("error" if "code" in expected else expected.get("reason", "stop"))
    assert finish.provider_reason == expected.get("provider_reason", "")
    usage = finish.usage
    counted = usage and [usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens]
    assert counted == expected.get("usage")


@pytest.mark.parametrize("path", FIXTURES, ids=_name)
def test_no_cut_changes_a_fixture(path: Path) -> None:
    expected, data = _load(path)
    provider = PRESETS[expected["provider"]]
    whole = merged(decode(provider, [data]))
    assert merged(decode(provider, bytewise(data))) == whole
    for cut in range(1, len(data)):
        assert merged(decode(provider, [data[:cut], data[cut:]])) == whole, f"cut at {cut}"
