"""What becomes a label: names of models, never an address, a person or a key, and never more than so many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.backends.metric_labels import MAX_LABEL, OTHER, BoundedModels, BoundedNames, is_name
from headrace.providers.presets import PRESETS

NAMES = (
    "gpt-5.1",
    "claude-3-5-sonnet@20240620",
    "@cf/meta/llama-3.1-8b-instruct",
    "accounts/fireworks/models/deepseek-r1",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
    "qwen3:30b-a3b",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "langchain:openai-chat",
    "smollm2-reasoning",
)
TELLING = (
    "",
    "https://models.example/v1",
    "www.example.com",
    "jane.doe@example.com",
    "sk-canary-0123456789abcdef",
    "sk_live_51H",
    "hr_0123456789",
    "Bearer abc",
    "AIzaSyA0123456789",
    "0123456789abcdef" * 3,
    "gpt\n4",
    "模型",
    "\ud800",
    "x" * (MAX_LABEL + 1),
    " gpt",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_models_are_shown(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("provider", PRESETS)
def test_names_of_providers_are_shown(provider: str) -> None:
    assert is_name(provider)


@pytest.mark.parametrize("text", TELLING)
def test_what_may_tell_more_than_a_name_is_not(text: str) -> None:
    assert not is_name(text)
    assert BoundedNames(5)(text) == OTHER
    assert BoundedModels()("openai", text) == ("openai", OTHER)
    assert BoundedModels()(text, "gpt-5.1") == (OTHER, OTHER)


@given(st.lists(st.text(max_size=120) | st.from_regex(r"[a-z]{1,3}", fullmatch=True), max_size=60), st.integers(0, 8))
def test_labels_are_bounded_utf_8_and_stay_what_they_were(names: list[str], most: int) -> None:
    bounded = BoundedNames(most)
    first = [bounded(name) for name in names]
    assert len(set(first) - {OTHER}) <= most
    assert [bounded(name) for name in names] == first
    assert all(label.isascii() and label.isprintable() and 0 < len(label) <= MAX_LABEL for label in first)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), max_size=60))
def test_pairs_are_bounded(pairs: list[tuple[str, str]]) -> None:
    bounded = BoundedModels(providers=3, models=4)
    labels = [bounded(*pair) for pair in pairs]
    assert len({pair for pair in labels if OTHER not in pair}) <= 4
    assert len(set(labels)) <= 4 + 3 + 1
    assert all(label == pair or label[1] == OTHER for label, pair in zip(labels, pairs, strict=True))
