"""The real clients in Python against a running server: OpenAI's, LangChain's ChatOpenAI, and the `llm` command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from headrace.testing import ScriptedUpstream
from tests.gateway.wired import BEARER, BROKEN, CALLS, HALF, QUESTION, SUN, THOUGHT, TOOL, refusing, stored
from tests.live import KEY, LiveServer
from tests.tools import needed

openai = needed("openai", "pip install openai")
langchain_openai = needed("langchain_openai", "pip install langchain-openai")
needed("llm", "pip install llm")

WEATHER = "def weather(city: str) -> str:\n    'The weather in a city.'\n    return f'fine in {city}'\n"


@pytest.fixture
def client(server: LiveServer) -> Any:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=BEARER, http_client=httpx.Client(trust_env=False)) as made:
        yield made


class TestOpenAI:
    def test_streams_with_reasoning_and_usage(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            found = list(
                client.chat.completions.create(
                    model=stored(server, upstream), messages=QUESTION, stream=True,
                    stream_options={"include_usage": True},
                )
            )  # fmt: skip
            assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
        deltas = [chunk.choices[0].delta for chunk in found if chunk.choices]
        assert deltas[0].role == "assistant"
        assert "".join(delta.content or "" for delta in deltas) == "Hello"
        assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "hm ok"
        assert found[-2].choices[0].finish_reason == "stop"
        assert (found[-1].usage.total_tokens, found[-1].usage.completion_tokens_details.reasoning_tokens) == (12, 3)

    def test_answers_whole(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            answer = client.chat.completions.create(model=stored(server, upstream), messages=QUESTION)
        message = answer.choices[0].message
        assert (message.content, message.reasoning_content, answer.usage.prompt_tokens) == ("Hello", "hm ok", 5)

    def test_calls_tools_and_takes_their_results(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(CALLS, SUN) as upstream:
            model = stored(server, upstream)
            with client.chat.completions.stream(model=model, messages=QUESTION, tools=[TOOL]) as stream:
                message = stream.get_final_completion().choices[0].message
            (call,) = message.tool_calls
            assert (call.id, call.function.name, call.function.arguments) == ("call_1", "weather", '{"city":"Oslo"}')
            result = {"role": "tool", "tool_call_id": call.id, "content": "Sun"}
            talk = [*QUESTION, message.model_dump(exclude_none=True), result]
            answer = client.chat.completions.create(model=model, messages=talk, tools=[TOOL])
        assert answer.choices[0].message.content == "Sun"

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("400 Bad Request", openai.BadRequestError),
            ("401 Unauthorized", openai.InternalServerError),
            ("404 Not Found", openai.NotFoundError),
            ("429 Too Many Requests", openai.RateLimitError),
            ("503 Service Unavailable", openai.InternalServerError),
        ],
    )
    def test_errors_are_typed(self, client: Any, server: LiveServer, status: str, kind: Any, stream: bool) -> None:
        with ScriptedUpstream(refusing(status, f"no: {KEY}", "retry-after: 60\r\n")) as upstream:
            model = stored(server, upstream)
            with pytest.raises(kind) as caught:
                client.with_options(max_retries=0).chat.completions.create(
                    model=model, messages=QUESTION, stream=stream
                )
        assert caught.value.code.startswith("upstream_")
        assert KEY not in str(caught.value)

    def test_what_cannot_succeed_is_not_asked_again(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(refusing("401 Unauthorized", "no")) as upstream:
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(model=stored(server, upstream), messages=QUESTION)
            assert len(upstream.requests) == 1

    def test_an_error_in_mid_stream_is_raised_after_what_had_come(self, client: Any, server: LiveServer) -> None:
        found: list[Any] = []
        with ScriptedUpstream(BROKEN) as upstream:
            stream = client.chat.completions.create(model=stored(server, upstream), messages=QUESTION, stream=True)
            with pytest.raises(openai.APIError, match="out of luck"):
                found.extend(iter(stream))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in found) == "Hel"

    def test_closed_half_way_the_upstream_call_ends(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(HALF) as upstream:
            stream = client.chat.completions.create(model=stored(server, upstream), messages=QUESTION, stream=True)
            texts = (chunk.choices[0].delta.content for chunk in stream)
            assert next(text for text in texts if text) == "Hel"
            stream.close()
            assert upstream.wait_disconnect()

    async def test_the_asynchronous_client(self, server: LiveServer) -> None:
        transport = httpx.AsyncClient(trust_env=False)
        with ScriptedUpstream(THOUGHT) as upstream:
            async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=BEARER, http_client=transport) as asked:
                stream = await asked.chat.completions.create(
                    model=stored(server, upstream), messages=QUESTION, stream=True
                )
                texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(texts) == "Hello"

    def test_lists_models(self, client: Any) -> None:
        assert "local/smollm2" in [model.id for model in client.models.list()]
        assert client.models.retrieve("local/smollm2").owned_by == "local"


class TestLangChain:
    def model(self, server: LiveServer, upstream: ScriptedUpstream) -> Any:
        return langchain_openai.ChatOpenAI(
            model=stored(server, upstream), base_url=f"{server.url}/v1", api_key=BEARER, max_retries=0,
            stream_usage=True,
        )  # fmt: skip

    def test_streams(self, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            found = list(self.model(server, upstream).stream("Hi"))
        assert "".join(chunk.text for chunk in found) == "Hello"
        assert max(chunk.usage_metadata["total_tokens"] for chunk in found if chunk.usage_metadata) == 12

    def test_calls_tools(self, server: LiveServer) -> None:
        with ScriptedUpstream(CALLS) as upstream:
            answer = self.model(server, upstream).bind_tools([TOOL]).invoke("Hi")
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Oslo"})]

    def test_errors_and_leaving(self, server: LiveServer) -> None:
        with ScriptedUpstream(refusing("400 Bad Request", "too long")) as upstream:
            model = self.model(server, upstream)
            with pytest.raises(openai.BadRequestError, match="too long"):
                model.invoke("Hi")
        with ScriptedUpstream(HALF) as upstream:
            stream = self.model(server, upstream).stream("Hi")
            assert next(chunk.text for chunk in stream if chunk.text) == "Hel"
            stream.close()
            assert upstream.wait_disconnect()


class TestLLM:
    """Simon Willison's command, as a person uses it: its models are named in a file."""

    @pytest.fixture
    def llm(self, server: LiveServer, tmp_path: Path) -> Any:
        return LLMCommand(server, tmp_path)

    def test_streams(self, llm: Any, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            done = llm.run(upstream, "Hi")
            assert b'"stream":true' in upstream.requests[0].body
        assert (done.returncode, done.stdout.strip()) == (0, "Hello")

    def test_calls_tools(self, llm: Any) -> None:
        with ScriptedUpstream(CALLS, SUN) as upstream:
            done = llm.run(upstream, "Hi", "--functions", WEATHER)
            assert b"fine in Oslo" in upstream.requests[1].body
        assert done.stdout.strip().endswith("Sun")

    def test_shows_errors(self, llm: Any) -> None:
        with ScriptedUpstream(refusing("400 Bad Request", "context too long")) as upstream:
            done = llm.run(upstream, "Hi")
        assert done.returncode == 1
        assert "context too long" in done.stderr

    def test_ended_half_way_the_upstream_call_ends(self, llm: Any) -> None:
        with ScriptedUpstream(HALF) as upstream:
            running = llm.start(upstream, "Hi")
            assert running.stdout.read(3) == "Hel"
            running.terminate()
            running.communicate(timeout=20)
            assert upstream.wait_disconnect()


class LLMCommand:
    def __init__(self, server: LiveServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._environment = os.environ | {
            "LLM_USER_PATH": str(folder),
            "LLM_LOAD_PLUGINS": "",  # those that happen to be installed are none of this test's business
            "OPENAI_API_KEY": BEARER,
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, upstream: ScriptedUpstream, *arguments: str) -> subprocess.Popen[str]:
        entry = (
            f"- model_id: headrace\n  model_name: {stored(self._server, upstream)}\n"
            f"  api_base: {self._server.url}/v1\n  supports_tools: true\n"
        )
        (self._folder / "extra-openai-models.yaml").write_text(entry, "utf-8")
        return subprocess.Popen(
            [sys.executable, "-m", "llm", "-m", "headrace", "--no-log", *arguments],
            env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, upstream: ScriptedUpstream, *arguments: str) -> subprocess.CompletedProcess[str]:
        running = self.start(upstream, *arguments)
        out, aside = running.communicate(timeout=30)
        return subprocess.CompletedProcess(running.args, running.returncode, out, aside)
