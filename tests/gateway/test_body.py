"""OpenAI's request body, read: what goes to whom, and that any body ends in a request or a sentence."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import RequestError
from headrace.gateway.body import OPENAI_ONLY, Completion, read_completion

ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["model", "messages", "tools", "n", "stop", "stream_options", "max_tokens", "temperature", "extra_body", "x"]
)


def read(**fields: Any) -> Completion:
    return read_completion(json.dumps(ASKED | fields).encode())


@pytest.mark.parametrize("name", sorted(OPENAI_ONLY))
def test_openais_own_fields_go_to_openais_dialect_only(name: str) -> None:
    asked = read(**{name: {"any": "thing"}}, min_p=0.5)
    assert asked.question("openai-chat").extra_body == {name: {"any": "thing"}, "min_p": 0.5}
    assert asked.question("anthropic").extra_body == {"min_p": 0.5}


def test_nothing_is_added_that_was_not_asked_for() -> None:
    question = read(user=None).question("openai-chat")
    assert (question.temperature, question.max_tokens, question.extra_body) == (None, None, {})
    assert question.defaulted == frozenset()


@pytest.mark.parametrize(
    ("fields", "limit"),
    [({"max_tokens": 5}, 5), ({"max_completion_tokens": 6}, 6), ({"max_tokens": 5, "max_completion_tokens": 6}, 6)],
)
def test_both_words_for_the_bound_are_one(fields: dict[str, int], limit: int) -> None:
    assert read(**fields).question("openai-chat").max_tokens == limit


@settings(deadline=None)
@given(st.dictionaries(FIELDS, VALUES, max_size=4))
def test_any_fields_end_in_a_question_or_in_a_sentence(fields: dict[str, Any]) -> None:
    with suppress(RequestError):
        assert read(**fields).question("openai-chat").messages


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_end_in_a_sentence(data: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        read_completion(data)
    assert caught.value.status == 400
