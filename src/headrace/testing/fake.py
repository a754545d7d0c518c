"""A model that says what a test wants, in this process: no server, no key, no network, no waiting.

It is a model configuration like any other, so it goes wherever one goes: into `LLMService`, into a settings value, into
the body of a request.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable

from headrace.backends.waiting import TaskWaiter
from headrace.common.requests import InlineModel
from headrace.common.streams.build import MADE_HERE
from headrace.common.streams.sources import Trace
from headrace.errors import ErrorCode, RequestError, UpstreamError
from headrace.providers.base import ChatRequest
from headrace.stream.events import Event, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage

FAKE = "fake"
REMEMBERED = 1000  # models that can be asked by their names: more than a test makes
PATIENCE = 10.0  # seconds that a test waits for what must happen

_numbers = itertools.count(1)
_models: OrderedDict[str, FakeModel] = OrderedDict()


class FakeModel(dict[str, str]):
    """A model configuration whose model says `pieces`, each an event of its own, after its `reasoning`.

    `fails_after` pieces, thoughts among them, it breaks off with the error `code`; `holds_after` pieces it is silent
    until `release()`, or until its stream is stopped. `requests` are the questions it was asked, in order.

        model = FakeModel(["Hel", "lo"], reasoning="a greeting")
        assert LLMService(model).chat(QUESTION).content == "Hello"
    """

    def __init__(
        self,
        pieces: Iterable[str] = ("Hello",),
        *,
        reasoning: str | Iterable[str] = (),
        tool_calls: Iterable[dict[str, str]] = (),
        usage: Usage | None = None,
        finish: FinishReason = "stop",
        fails_after: int | None = None,
        code: ErrorCode = "upstream_reset",
        holds_after: int | None = None,
    ) -> None:
        super().__init__(providerId=FAKE, modelId=f"fake-{next(_numbers)}")
        thoughts = (reasoning,) if isinstance(reasoning, str) else reasoning
        self.pieces: list[Event] = [ReasoningDelta(text) for text in thoughts if text]
        self.pieces += [TextDelta(text) for text in ((pieces,) if isinstance(pieces, str) else pieces)]
        self.pieces += [_call(index, given) for index, given in enumerate(tool_calls)]
        self.fails_after = fails_after
        self.holds_after = holds_after
        self.error = UpstreamError(code, f"The fake model was told to fail with {code}.")
        self.last = Finish(finish, finish, usage or Usage(len(self.pieces), len(self.pieces)))
        self.requests: list[ChatRequest] = []
        self._released = threading.Event()
        self._stopped = threading.Event()
        self._waiting: set[TaskWaiter] = set()
        _models[self["modelId"]] = self
        while len(_models) > REMEMBERED:
            _models.popitem(last=False)

    def release(self) -> None:
        """Go on, wherever it holds now or later."""
        self._released.set()
        for waiter in tuple(self._waiting):
            waiter.wake()

    def wait_stopped(self) -> bool:
        """Wait until one of its streams has been stopped before its end; False if none is within 10 s."""
        return self._stopped.wait(PATIENCE)

    async def answer(self) -> AsyncGenerator[list[Event], None]:
        """Its events, one piece at a time."""
        ended = False
        try:
            for said, piece in enumerate([*self.pieces, self.last]):
                if said == self.fails_after:
                    ended = True
                    raise self.error
                if said == self.holds_after:
                    await self._hold()
                yield [piece]
            ended = True
        finally:
            if not ended:
                self._stopped.set()

    async def _hold(self) -> None:
        waiter = TaskWaiter(0)
        self._waiting.add(waiter)
        try:
            if not self._released.is_set():
                await waiter.wait()
        finally:
            self._waiting.discard(waiter)


class FakeSource:
    """One question to a fake model. It never retries: what a test asks for is what it sees."""

    provider = FAKE
    secrets = ()

    def __init__(self, model: FakeModel, request: ChatRequest) -> None:
        self.model = model["modelId"]
        self._model = model
        self._request = request

    async def events(self, trace: Trace) -> AsyncGenerator[list[Event], None]:
        trace.attempts += 1
        self._model.requests.append(self._request)
        async for events in self._model.answer():
            trace.shown = True
            yield events


def _call(index: int, given: dict[str, str]) -> ToolCallDelta:
    return ToolCallDelta(index, given.get("id", f"call_{index}"), given["name"], given.get("arguments", "{}"))


def _source(named: InlineModel, request: ChatRequest) -> FakeSource:
    model = _models.get(named.model_id)
    if model is None:
        message = f"there is no fake model {named.model_id[:64]!r} in this process"
        raise RequestError(message, field="model.modelId")
    return FakeSource(model, request)


MADE_HERE[FAKE] = _source
