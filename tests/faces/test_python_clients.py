"""The real clients in Python against a running server: Anthropic's and Ollama's, and LangChain's over both."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from headrace.testing import ScriptedUpstream, Send, response
from tests.gateway.wired import BEARER, BROKEN, CALLS, HALF, QUESTION, SUN, THOUGHT, TOOL, refusing, stored
from tests.live import KEY, LiveServer
from tests.tools import needed

anthropic = needed("anthropic", "pip install anthropic")
ollama = needed("ollama", "pip install ollama")
langchain_anthropic = needed("langchain_anthropic", "pip install langchain-anthropic")
langchain_ollama = needed("langchain_ollama", "pip install langchain-ollama")

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n pixel").decode()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OWN_TOOL = {"name": "weather", "description": "The weather in a city.", "input_schema": SCHEMA}


def asked(upstream: ScriptedUpstream, number: int = 0) -> dict[str, Any]:
    return dict(json.loads(upstream.requests[number].body))


class TestAnthropic:
    @pytest.fixture
    def client(self, server: LiveServer) -> Any:
        with anthropic.Anthropic(base_url=server.url, api_key=BEARER, max_retries=0) as made:
            yield made

    def test_streams_thoughts_and_text_and_usage(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            model = stored(server, upstream)
            with client.messages.stream(model=model, max_tokens=100, system="Be brief.", messages=QUESTION) as stream:
                text = "".join(stream.text_stream)
                message = stream.get_final_message()
            assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
            sent = asked(upstream)
        assert BEARER.encode() not in upstream.received
        assert sent["messages"] == [{"role": "system", "content": "Be brief."}, *QUESTION]
        assert (sent["max_tokens"], "temperature" in sent) == (100, False)
        assert (text, message.stop_reason, message.model) == ("Hello", "end_turn", model)
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert message.content[0].thinking == "hm ok"
        usage = message.usage
        assert (usage.input_tokens, usage.output_tokens, usage.output_tokens_details.thinking_tokens) == (5, 7, 3)

    def test_answers_whole(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            message = client.messages.create(model=stored(server, upstream), max_tokens=9, messages=QUESTION)
        assert [(block.type, getattr(block, "text", "")) for block in message.content] == [
            ("thinking", ""),
            ("text", "Hello"),
        ]
        assert (message.usage.input_tokens, message.stop_reason) == (5, "end_turn")

    def test_calls_tools_and_takes_their_results(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(CALLS, SUN) as upstream:
            common = {"model": stored(server, upstream), "max_tokens": 100, "tools": [OWN_TOOL]}
            with client.messages.stream(messages=QUESTION, tool_choice={"type": "any"}, **common) as stream:
                message = stream.get_final_message()
            (call,) = message.content
            assert (call.type, call.id, call.name, call.input) == ("tool_use", "call_1", "weather", {"city": "Oslo"})
            assert message.stop_reason == "tool_use"
            picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
            result = {"type": "tool_result", "tool_use_id": call.id, "content": "Sun"}
            talk = [
                *QUESTION,
                {"role": "assistant", "content": message.content},
                {"role": "user", "content": [result, {"type": "text", "text": "So?"}, picture]},
            ]
            answer = client.messages.create(messages=talk, **common)
            first, second = asked(upstream), asked(upstream, 1)
        assert (first["tools"], first["tool_choice"]) == ([TOOL], "required")
        given = {"name": "weather", "arguments": '{"city":"Oslo"}'}
        assert second["messages"][1]["tool_calls"] == [{"id": "call_1", "function": given, "type": "function"}]
        assert second["messages"][2] == {"role": "tool", "tool_call_id": "call_1", "content": "Sun"}
        assert second["messages"][3]["content"] == [
            {"type": "text", "text": "So?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ]
        assert answer.content[0].text == "Sun"

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize(
        ("status", "kind", "word"),
        [
            ("400 Bad Request", "BadRequestError", "invalid_request_error"),
            ("401 Unauthorized", "InternalServerError", "api_error"),
            ("429 Too Many Requests", "RateLimitError", "rate_limit_error"),
        ],
    )
    def test_errors_are_typed(
        self, client: Any, server: LiveServer, status: str, kind: str, word: str, stream: bool
    ) -> None:
        with ScriptedUpstream(refusing(status, f"no: {KEY}", "retry-after: 60\r\n")) as upstream:
            model = stored(server, upstream)
            with pytest.raises(getattr(anthropic, kind)) as caught:
                client.messages.create(model=model, max_tokens=9, messages=QUESTION, stream=stream)
        assert caught.value.body["type"] == "error"
        assert caught.value.body["error"]["type"] == word
        assert KEY not in str(caught.value)

    def test_a_wrong_request_is_told_in_its_own_words(self, client: Any, server: LiveServer) -> None:
        document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
        wrong = [{"role": "user", "content": [document]}]
        with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.content\[0\].*document"):
            client.messages.create(model="local/smollm2", max_tokens=9, messages=wrong)
        with pytest.raises(anthropic.NotFoundError, match="no model"):
            client.messages.create(model="nobody", max_tokens=9, messages=QUESTION)

    def test_an_error_in_mid_stream_is_raised_after_what_had_come(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(BROKEN) as upstream:
            arriving = client.messages.create(
                model=stored(server, upstream), max_tokens=9, messages=QUESTION, stream=True
            )
            said = [
                event.delta.text for event in (next(arriving), next(arriving), next(arriving)) if "delta" in event.type
            ]
            with pytest.raises(anthropic.APIStatusError, match="out of luck"):
                next(arriving)
        assert said == ["Hel"]

    def test_left_half_way_the_upstream_call_ends(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(HALF) as upstream:
            model = stored(server, upstream)
            with client.messages.stream(model=model, max_tokens=9, messages=QUESTION) as stream:
                assert next(iter(stream.text_stream)) == "Hel"
            assert upstream.wait_disconnect()

    def test_langchain(self, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            model = langchain_anthropic.ChatAnthropic(
                model=stored(server, upstream), base_url=server.url, api_key=BEARER, max_tokens=50, stream_usage=True
            )
            whole = None
            for chunk in model.stream("Hi"):
                whole = chunk if whole is None else whole + chunk
        assert whole is not None
        assert whole.text == "Hello"
        assert whole.usage_metadata["output_tokens"] == 7


class TestOllama:
    @pytest.fixture
    def client(self, server: LiveServer) -> Any:
        return ollama.Client(host=server.url, headers={"Authorization": f"Bearer {BEARER}"})

    def test_streams_thoughts_and_text_and_counts(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            options = {"temperature": 0.5, "num_predict": 9, "num_ctx": 2048}
            model = stored(server, upstream)
            found = list(client.chat(model, QUESTION, stream=True, options=options, format="json"))
            sent = asked(upstream)
        assert BEARER.encode() not in upstream.received
        assert (sent["temperature"], sent["max_tokens"], "num_ctx" in sent) == (0.5, 9, False)
        assert sent["response_format"] == {"type": "json_object"}
        assert "".join(each.message.content or "" for each in found) == "Hello"
        assert "".join(each.message.thinking or "" for each in found) == "hm ok"
        last = found[-1]
        assert (last.done, last.done_reason, last.prompt_eval_count, last.eval_count) == (True, "stop", 5, 7)
        assert last.total_duration >= last.eval_duration >= 0

    def test_what_only_ollama_knows_goes_to_ollama(self, client: Any, server: LiveServer) -> None:
        line = json.dumps({"message": {"content": "Hi"}, "done": True, "done_reason": "stop"}).encode()
        with ScriptedUpstream([Send(response(line, content_type="application/x-ndjson"))]) as upstream:
            model = stored(server, upstream, providerId="ollama", endpoint=upstream.url, apiKey="")
            message = {"role": "user", "content": "What is it?", "images": [PIXEL]}
            client.chat(model, [message], options={"num_ctx": 2048, "seed": 7}, think=False, keep_alive="1m")
            sent = asked(upstream)
        assert (sent["options"], sent["think"], sent["keep_alive"]) == ({"seed": 7, "num_ctx": 2048}, False, "1m")
        assert sent["messages"] == [message]

    def test_answers_whole(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(THOUGHT) as upstream:
            answer = client.chat(stored(server, upstream), QUESTION)
        assert (answer.message.content, answer.message.thinking, answer.eval_count) == ("Hello", "hm ok", 7)

    @pytest.mark.parametrize("stream", [True, False])
    def test_calls_tools_and_takes_their_results(self, client: Any, server: LiveServer, stream: bool) -> None:
        with ScriptedUpstream(CALLS, SUN) as upstream:
            model = stored(server, upstream)
            answer = client.chat(model, QUESTION, tools=[TOOL], stream=stream)
            (message,) = [each.message for each in (answer if stream else [answer]) if each.message.tool_calls]
            (call,) = message.tool_calls
            assert (call.function.name, call.function.arguments) == ("weather", {"city": "Oslo"})
            talk = [*QUESTION, message, {"role": "tool", "tool_name": "weather", "content": "Sun"}]
            assert client.chat(model, talk, tools=[TOOL]).message.content == "Sun"
            first, second = asked(upstream), asked(upstream, 1)
        assert first["tools"][0]["function"]["name"] == "weather"
        call_id = second["messages"][1]["tool_calls"][0]["id"]
        assert call_id
        assert second["messages"][2] == {
            "role": "tool", "tool_call_id": call_id, "name": "weather", "content": "Sun",
        }  # fmt: skip

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize(("status", "seen"), [("400 Bad Request", 400), ("401 Unauthorized", 502)])
    def test_errors_have_their_status(
        self, client: Any, server: LiveServer, status: str, seen: int, stream: bool
    ) -> None:
        with ScriptedUpstream(refusing(status, f"not now: {KEY}")) as upstream:
            model = stored(server, upstream)
            with pytest.raises(ollama.ResponseError, match="not now") as caught:
                list(client.chat(model, QUESTION, stream=stream))
        assert caught.value.status_code == seen
        assert KEY not in caught.value.error

    def test_an_error_in_mid_stream_is_raised_after_what_had_come(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(BROKEN) as upstream:
            arriving = client.chat(stored(server, upstream), QUESTION, stream=True)
            assert next(arriving).message.content == "Hel"
            with pytest.raises(ollama.ResponseError, match="out of luck"):
                next(arriving)

    def test_left_half_way_the_upstream_call_ends(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(HALF) as upstream:
            arriving = client.chat(stored(server, upstream), QUESTION, stream=True)
            assert next(arriving).message.content == "Hel"
            arriving.close()
            assert upstream.wait_disconnect()

    def test_lists_the_models(self, client: Any, server: LiveServer) -> None:
        with ScriptedUpstream(SUN) as upstream:
            name = stored(server, upstream)
        listed = [each.model for each in client.list().models]
        assert {name, "local/smollm2"} <= set(listed)
        assert json.load(server.get("/api/version"))["version"]

    def test_langchain(self, server: LiveServer) -> None:
        with ScriptedUpstream(CALLS) as upstream:
            model = langchain_ollama.ChatOllama(model=stored(server, upstream), base_url=server.url)
            whole = None
            for chunk in model.bind_tools([TOOL]).stream("Hi"):
                whole = chunk if whole is None else whole + chunk
        assert whole is not None
        assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("weather", {"city": "Oslo"})]
