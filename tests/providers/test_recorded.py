"""Every recorded stream of the dialects that one row each speaks: its outcome, its cuts, its refusals."""

from __future__ import annotations

import pytest

from headrace.providers.base import Provider
from headrace.providers.presets import PRESETS
from tests.corpus import needs_corpus
from tests.providers.recorded import Recording, check_cuts, check_refusal, check_stream, recordings

ROWS = {
    "cohere-v2": "cohere",
    "dashscope": "dashscope-native",
    "mistral": "mistral",
    "cloudflare-run": "cloudflare-run",
    "ollama-generate": "ollama-generate",
    "openai-completions": "openai-completions",
    "openai-responses": "openai-responses",
}
CODES = {400: "upstream_bad_request", 401: "upstream_auth", 403: "upstream_auth", 404: "upstream_not_found"}
RECORDINGS = [(PRESETS[row], found) for api, row in ROWS.items() for found in recordings(api)]
STREAMS = [(row, found) for row, found in RECORDINGS if found.status == 200]
REFUSALS = [found for _, found in RECORDINGS if found.status != 200]

pytestmark = needs_corpus


def _name(value: object) -> str:
    return value.name if isinstance(value, Recording | Provider) else ""


@pytest.mark.parametrize(("provider", "recording"), STREAMS, ids=_name)
def test_a_recorded_stream_gives_exactly_what_is_expected(provider: Provider, recording: Recording) -> None:
    check_stream(provider, recording)


@pytest.mark.parametrize(("provider", "recording"), STREAMS, ids=_name)
def test_no_cut_changes_a_recorded_stream(provider: Provider, recording: Recording) -> None:
    assert check_cuts(provider, recording) > 0


@pytest.mark.parametrize("recording", REFUSALS, ids=_name)
def test_a_recorded_refusal_is_told_in_the_providers_words(recording: Recording) -> None:
    assert check_refusal(recording).code == CODES[recording.status]
