"""The think splitter: the pinned rules, at every cut, in linear time, and nothing lost but tags and white space."""

from __future__ import annotations

import re
import time
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.stream.events import ReasoningDelta, TextDelta
from headrace.stream.thinking import DEFAULT, STYLES, Delta, ThinkSplitter, ThinkStyle
from tests.corpus import WIRE, needs_corpus, rows
from tests.stream.cutting import CUTS, cut, run

ROWS = {
    "deepseekr1": "deepseek-r1",
    "ernie45": "ernie",
    "gemma4": "gemma",
    "glm4_moe": "glm",
    "granite": "granite-3.2",
    "granite_thinking": "think",
    "holo2": "holo2",
    "hunyuan": "hunyuan",
    "hy_v3": "think",
    "minimax_m2": "minimax-m2",
    "mistral": "magistral",
    "nemotron_v3": "nemotron",
    "ollama-cogito": "cogito",
    "ollama-deepseek3": "deepseek-r1",
    "ollama-gemma4": "gemma",
    "ollama-glm46": "glm",
    "ollama-lfm2": "lfm2",
    "ollama-ministral": "magistral",
    "ollama-nemotron3nano": "nemotron",
    "ollama-olmo3_think": "olmo3",
    "ollama-think": "think",
    "olmo3": "olmo3",
    "qwen3": "qwen3",
    "step3p5": "step3",
    "think-recorded": "think",
    "think-recorded-unclosed": "think",
}
"""The corpus names its cases for other projects' parsers; here is which row of ours each one is."""

MUST = [row for row in rows(WIRE / "think_cases.jsonl") if row["verdict"] == "must"]
EVERY_STYLE = st.sampled_from([*STYLES.values(), *(style.inside(not style.starts_inside) for style in STYLES.values())])
PLAIN = st.sampled_from(["a", "é ", "\n", " ", "b\u00a0c", "ſ", "\u212a", "1 < 2 "])


def merged(deltas: list[Delta]) -> list[Delta]:
    """Runs of one kind joined: what does not depend on how the text was cut."""
    runs: list[Delta] = []
    for delta in deltas:
        assert delta.text
        if runs and type(runs[-1]) is type(delta):
            runs[-1] = type(delta)(runs[-1].text + delta.text)
        else:
            runs.append(delta)
    return runs


def split(style: ThinkStyle, pieces: list[str]) -> tuple[str, str]:
    """The joined content and reasoning."""
    deltas = run(ThinkSplitter(style), pieces)
    assert all(delta.text for delta in deltas)
    content = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    return content, "".join(delta.text for delta in deltas if isinstance(delta, ReasoningDelta))


@st.composite
def texts(draw: st.DrawFn) -> tuple[ThinkStyle, str]:
    """A style, and text that is full of its tags and of pieces of them."""
    style = draw(EVERY_STYLE)
    tags = [*style.openers, *style.closers, *(style.wrapper or ()), *([style.label] if style.label else [])]
    pieces = st.sampled_from(tags).flatmap(lambda tag: st.integers(1, len(tag)).map(lambda end: tag[:end]))
    tag = st.sampled_from(tags) | st.sampled_from(tags).map(str.swapcase)
    return style, draw(st.lists(tag | pieces | PLAIN, max_size=12).map("".join))


@settings(max_examples=600)
@given(texts(), CUTS)
def test_the_same_runs_at_every_cut(case: tuple[ThinkStyle, str], points: list[int]) -> None:
    style, text = case
    whole = merged(run(ThinkSplitter(style), [text]))
    assert merged(run(ThinkSplitter(style), cut(text, points))) == whole
    assert merged(run(ThinkSplitter(style), list(text))) == whole


@st.composite
def whole_tags(draw: st.DrawFn) -> tuple[ThinkStyle, str, re.Pattern[str]]:
    style = draw(EVERY_STYLE)
    tags = [*style.openers, *style.closers, *(style.wrapper or ())]
    pattern = re.compile("|".join(map(re.escape, [*tags, *([style.label.strip()] if style.label else [])])))
    words = st.sampled_from(["a", "é", "\n", " ", "7"])
    return style, draw(st.lists(st.sampled_from(tags) | words, max_size=12).map("".join)), pattern


@settings(max_examples=400)
@given(whole_tags())
def test_nothing_but_tags_and_white_space_is_lost(case: tuple[ThinkStyle, str, re.Pattern[str]]) -> None:
    style, text, tags = case
    given_back = "".join(delta.text for delta in run(ThinkSplitter(style), [text]))
    assert "".join(tags.sub("", given_back).split()) == "".join(tags.sub("", text).split())


def by_the_rules(text: str, starts_inside: bool) -> tuple[str, str]:
    """The rules for `<think>`, on the whole text at once; reasoning and content without white space around them."""
    lead = len(text) - len(text.lstrip())
    opened = re.compile("<think>", re.IGNORECASE | re.ASCII).match(text, lead)
    if not opened and not starts_inside:
        return text.strip(), ""
    inside = text[opened.end() if opened else 0 :]
    closed = re.compile("</think>", re.IGNORECASE | re.ASCII).search(inside)
    if not closed:
        return "", inside.strip()
    return inside[closed.end() :].strip(), inside[: closed.start()].strip()


THINKS = st.lists(
    st.sampled_from(["<think>", "</think>", "<THINK>", "</Think>", "<th", "ink>", "</"]) | PLAIN, max_size=12
)


@settings(max_examples=600)
@given(THINKS.map("".join), st.booleans(), CUTS)
@example("<thin\u212a>a</think>b", False, [])
@example("\u00a0<think>\n\n</think>\u3000ok", False, [])
def test_the_pinned_rules(text: str, starts_inside: bool, points: list[int]) -> None:
    content, reasoning = split(DEFAULT.inside(starts_inside), cut(text, points))
    assert (content.strip(), reasoning.strip()) == by_the_rules(text, starts_inside)


@given(EVERY_STYLE, st.text(" \n\u00a0\u3000", max_size=4), THINKS.map("".join), CUTS)
def test_text_without_a_block_is_untouched(style: ThinkStyle, space: str, text: str, points: list[int]) -> None:
    text = space + "x" + text
    assert split(style.inside(False), cut(text, points)) == (text, "")
    assert split(style.inside(False), [space]) == (space, "")


@given(st.lists(st.sampled_from(["<think>", "</think>", "</", "</thin", "<", "a", "think>"]), max_size=10).map("".join))
def test_held_back_is_only_the_longest_suffix_that_can_become_the_closer(text: str) -> None:
    splitter = ThinkSplitter()
    splitter.feed("<think>x")
    shown = "x"
    for end, character in enumerate(text.partition("</think>")[0], 1):
        shown += "".join(delta.text for delta in splitter.feed(character))
        whole = "x" + text[:end]
        held = next(size for size in range(8, -1, -1) if whole.endswith("</think>"[:size]))
        assert shown == whole[: len(whole) - held]


@pytest.mark.parametrize("space", ["", "\n\n", " \t\u00a0"])
@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
def test_an_empty_block_shows_no_reasoning(style: ThinkStyle, space: str) -> None:
    text = f"{space}{style.openers[0]}{style.label}{space}{style.closers[0]}{space}Answer"
    assert run(ThinkSplitter(style), list(text))[0] == TextDelta("A")
    assert split(style, [text]) == ("Answer", "")


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
def test_every_row_does_what_it_says(style: ThinkStyle) -> None:
    start, end = style.wrapper or ("", "")
    for opener in style.openers:
        for closer in style.closers:
            text = f"{opener}{style.label}plan{closer}{start}Answer{end}"
            assert split(style, [text]) == ("Answer", "plan")
            assert split(style.inside(), [f"plan{closer}Answer"]) == ("Answer", "plan")
            late = split(style.inside(False), [f"Well {opener}plan{closer} so"])
            assert late == (("Well  so", "plan") if style.mid_answer else (f"Well {opener}plan{closer} so", ""))


def test_a_wrapper_ends_only_at_the_end() -> None:
    style = STYLES["hunyuan"]
    assert split(style, list("<think>p</think><answer>a</answer> b </answer>\n")) == ("a</answer> b ", "p")
    assert split(style, ["<answer>\na</answer>"]) == ("a", "")
    assert split(style, ["a</answer>"]) == ("a</answer>", "")
    assert split(style, ["<think>p</think><answ"]) == ("<answ", "p")


def test_blocks_in_mid_answer() -> None:
    style = STYLES["magistral"]
    assert split(style, list("[THINK]p[/THINK]\n[THINK]q[/THINK]\na [think]r[/Think] b[/THINK]")) == (
        "a  b[/THINK]",
        "pqr",
    )


def test_passthrough_once_no_tag_can_count() -> None:
    for pieces, after in ((["Hello"], True), (["\n", "<think>p"], False), (["<think>p</think>", " a"], True)):
        splitter = ThinkSplitter()
        for piece in pieces:
            assert not splitter.passthrough
            splitter.feed(piece)
        assert splitter.passthrough == after
    assert splitter.feed("<think>") == [TextDelta("<think>")]
    assert splitter.feed("") == []


@given(st.sampled_from(["", " ", "\n<thi", "<", "<think>", "<think>a", "<think>a</th", "<think>a</think>", "a"]))
def test_once_a_field_was_seen_tags_are_text(before: str) -> None:
    splitter = ThinkSplitter()
    deltas = splitter.feed(before)
    deltas += splitter.field_seen()
    assert splitter.passthrough
    assert splitter.field_seen() == []
    if not before.startswith("<think>"):
        assert "".join(delta.text for delta in deltas) == before
        assert all(isinstance(delta, TextDelta) for delta in deltas)
    assert splitter.feed("<think>x</think>") == [TextDelta("<think>x</think>")]
    assert splitter.close() == []


@pytest.mark.parametrize(
    "text", ["<", "</think", " ", "\n<thin", "[THINK]a[/THINK]", "Here is my response", "</answer> "]
)
@pytest.mark.parametrize("name", ["think", "magistral", "granite-3.2", "hunyuan"])
def test_adversarial_text_takes_linear_time(name: str, text: str) -> None:
    style = STYLES[name]
    lead = style.openers[0] + "x" + (style.closers[0] + style.wrapper[0] + "y" if style.wrapper else "")
    size = 60_000
    body = (text * (size // len(text) + 1))[:size]
    for pieces in ([lead + body], [body], list(lead + body), list(body)):
        began = time.process_time()
        run(ThinkSplitter(style), pieces)
        # About 0.3 s here; a quadratic one needs minutes.
        assert time.process_time() - began < 10


def test_rows_are_what_the_table_says() -> None:
    assert all(name == style.name for name, style in STYLES.items())
    assert DEFAULT.inside().inside(False) == DEFAULT
    with pytest.raises(FrozenInstanceError):
        DEFAULT.name = "other"  # type: ignore[misc]


@needs_corpus
@pytest.mark.parametrize("row", MUST, ids=lambda row: row["id"])
def test_think_case(row: dict[str, str]) -> None:
    style = STYLES[ROWS[row["style"]]].inside(bool(row["starts_inside"]))
    text = row["input"]
    ways = [[text], list(text), list(row.get("chunks", [text]))]
    ways += [[text[:at], text[at:]] for at in range(len(text))]
    for pieces in ways:
        content, reasoning = split(style, pieces)
        assert content.strip() == (row["content"] or "").strip()
        assert reasoning.strip() == (row["reasoning"] or "").strip()
