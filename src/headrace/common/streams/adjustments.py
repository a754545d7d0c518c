"""What each model has taught us about our defaults, so that the next question does not run into the same refusal."""

from __future__ import annotations

from collections import OrderedDict

from headrace.errors import UpstreamError
from headrace.providers.base import ChatRequest, Endpoint
from headrace.providers.refusals import Adjustments, read_refusal

REMEMBERED_MODELS = 1024  # a caller may name any model: what we remember of them must not grow without end


class AdjustmentMemory:
    """Safe from any thread: each operation is one step on a dictionary."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Adjustments] = OrderedDict()

    def apply(self, endpoint: Endpoint, request: ChatRequest) -> ChatRequest:
        """The request as this model takes it."""
        known = self._known.get((endpoint.base_url, endpoint.model))
        return request if known is None else known.apply(request)

    def learn(self, endpoint: Endpoint, request: ChatRequest, error: UpstreamError) -> ChatRequest | None:
        """The request to try instead, if `error` refuses a default of ours; None otherwise."""
        adjustments = read_refusal(error, request)
        if adjustments is None:
            return None
        place = (endpoint.base_url, endpoint.model)
        known = self._known.get(place)
        self._known[place] = adjustments if known is None else known | adjustments
        while len(self._known) > REMEMBERED_MODELS:
            self._known.popitem(last=False)
        return adjustments.apply(request)
