"""The digest in a stream's `finish`: whatever was written, in whatever batches."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from headrace.stream.digest import DigestingWriter
from headrace.stream.events import Entry, Finish, ReasoningDelta, ReasoningEnd, ReasoningStart, TextDelta, ToolCallDelta
from headrace.stream.wire import finish_object

TEXT = st.text(max_size=20)
ENTRIES = st.lists(
    st.builds(TextDelta, TEXT)
    | st.builds(ReasoningDelta, TEXT)
    | st.just(ReasoningStart())
    | st.just(ReasoningEnd())
    | st.builds(ToolCallDelta, st.integers(0, 3), arguments=TEXT)
)


class Written(list[Entry]):
    append = list.extend  # type: ignore[assignment]


@given(st.lists(ENTRIES))
def test_the_digest_is_of_all_that_was_written(batches: list[list[Entry]]) -> None:
    written = Written()
    writer = DigestingWriter(written)  # type: ignore[arg-type]
    for batch in batches:
        writer.append(batch)
    writer.append([Finish("stop", attempts=2)])
    content = "".join(entry.text for entry in written if isinstance(entry, TextDelta))
    reasoning = "".join(entry.text for entry in written if isinstance(entry, ReasoningDelta))
    finish = written[-1]
    assert isinstance(finish, Finish)
    assert finish_object(finish)["digest"] == {
        "events": len(written),
        "contentSha256": sha256(content.encode()).hexdigest(),
        "reasoningSha256": sha256(reasoning.encode()).hexdigest(),
    }
    assert (finish.reason, finish.attempts) == ("stop", 2)
    assert [entry for batch in batches for entry in batch] == written[:-1]


def test_nobody_who_did_not_ask_is_shown_one() -> None:
    assert "digest" not in finish_object(Finish())
