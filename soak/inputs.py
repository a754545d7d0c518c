"""Inputs of every kind thrown at a running server: no answer is its own fault, and no worker dies of one.

Endpoints among them lead to the foretold upstream, or are refused by their text: nothing is ever connected to but
loopback.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from headrace.errors import ERROR_CODES
from soak.cluster import Cluster
from soak.scenarios import Figures
from soak.upstream import question

ROUND = 2000  # examples of one run of hypothesis: it remembers all that it has made
PATIENCE = 30.0
OURS = frozenset({"draining", "too_many_streams", "journal_away"})
"""What a 503 may say: come back later."""
PLACES = (
    *("/api/projects/{}/playground/chat/stream/", "/api/projects/{}/playground/chat/"),
    *("/api/projects/{}/playground/streams/", "/api/projects/default/playground/streams/{}/"),
    *("/api/projects/{}/models/", "/api/projects/default/models/{}/", "/api/projects/default/models/{}/available/"),
    *("/api/projects/", "/api/providers/", "/api/providers/{}/models/", "/api/doctor/", "/api/me/", "/api/{}"),
    *(
        "/v1/messages",
        "/v1/ui-messages",
        "/api/chat",
        "/api/projects/default/playground/streams/{}/wire/",
        "/people/{}",
    ),
    *("/v1/chat/completions", "/v1/models", "/v1/models/{}", "/v1/{}", "/sign/{}", "/static/headrace/{}", "/{}"),
)
METHODS = ("GET", "GET", "POST", "POST", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS")
REFUSED_BY_TEXT = ("http://10.0.0.1/v1", "https://203.0.113.7", "http://[::1", "file:///etc/passwd", "")

HEADERS = (
    *("Accept", "Accept-Encoding", "Authorization", "Content-Type", "Cookie", "Idempotency-Key", "Last-Event-ID"),
    *("Origin", "Range", "X-Forwarded-For", "X-Headrace-Project"),
)
FIELDS = (
    *("messages", "temperature", "maxTokens", "timeout", "maxDuration", "topP", "stop", "tools", "toolChoice"),
    *("responseFormat", "metadata", "streamOptions", "extraBody", "max_tokens", "x"),
)

names = st.one_of(st.just("default"), st.sampled_from(["none", "local-plain", "smollm2"]), st.text(max_size=40))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
headers = st.dictionaries(
    st.sampled_from(HEADERS),
    header_text,
    max_size=4,
)


def chats(upstream: str) -> st.SearchStrategy[Any]:
    """Chats that are right but for up to three fields."""
    right = {
        "messages": [{"role": "user", "content": question("input", 1, 0)}],
        "model": {"providerId": "openai", "endpoint": upstream, "apiKey": "sk-soak-input", "modelId": "m"},
        "timeout": 5,
    }
    models = st.fixed_dictionaries(
        {},
        optional={
            "providerId": st.sampled_from(["openai-compatible", "acme"]) | json_values,
            "endpoint": st.sampled_from([upstream, *REFUSED_BY_TEXT]) | json_values,
            "apiKey": json_values,
            "modelId": json_values,
        },
    )
    wrong = st.dictionaries(
        st.sampled_from(FIELDS),
        json_values,
        max_size=3,
    )
    changed = st.builds(lambda fields: right | fields, wrong)
    named = st.builds(lambda model: right | {"model": model}, models)
    return changed | named


async def hostile_inputs(cluster: Cluster, inputs: int) -> Figures:
    """So many. Counts the answers by status."""
    before = [member.process.pid for member in cluster.members]
    statuses: Counter[str] = Counter()
    for number, start in enumerate(range(0, inputs, ROUND)):
        await asyncio.to_thread(_round, cluster, number, min(ROUND, inputs - start), statuses)
        assert all(member.process.poll() is None for member in cluster.members), "a worker has died"
    assert [member.process.pid for member in cluster.members] == before
    stream_id = await cluster.client().start("after", 1, 0)
    assert b"after:1" in await cluster.client().body(stream_id, "identity")
    return {"inputs": sum(statuses.values()), "answers": ", ".join(f"{n} × {s}" for s, n in sorted(statuses.items()))}


def _round(cluster: Cluster, number: int, examples: int, statuses: Counter[str]) -> None:
    port = cluster.ports[number % len(cluster.ports)]

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        method=st.sampled_from(METHODS),
        place=st.sampled_from(PLACES),
        name=names,
        query=st.text(max_size=20),
        fields=headers,
        body=st.none() | st.binary(max_size=200) | json_values | chats(cluster.upstream.url),
        raw=st.none() | st.none() | st.none() | st.binary(max_size=120),
    )
    def throw(method: str, place: str, name: str, query: str, fields: Any, body: Any, raw: bytes | None) -> None:
        if raw is not None:
            statuses[_thrown_raw(port, raw)] += 1
            return
        path = place.format(quote(name, safe="")) + (f"?{quote(query, safe='=&')}" if query else "")
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        status, answer = _asked(port, method, path, fields, data)
        statuses[f"{status // 100}xx"] += 1
        assert _is_fair(status, answer), (method, path, fields, data, status, answer)

    throw()


def _asked(port: int, method: str, path: str, fields: dict[str, str], data: bytes | None) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        kind = {"Content-Type": "application/json"} if data is not None else {}
        connection.request(method, path, data, kind | fields)
        response = connection.getresponse()
        return response.status, response.read(65536)
    except HTTPException as error:
        return 400, repr(error).encode()  # a head that the server will not read to its end
    finally:
        connection.close()


def _thrown_raw(port: int, data: bytes) -> str:
    """Bytes that are no request, perhaps."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(data + b"\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        head = sock.recv(64)
    status = head[9:12].decode("latin-1")
    assert not status.startswith("5") or status == "501", (data, head)
    return f"{status[:1]}xx" if status else "closed"


def _is_fair(status: int, answer: bytes) -> bool:
    """Whether this is the caller's fault, or a provider's, or a wish to come back: never a fault of ours."""
    if status < 500:
        return True
    try:
        code = json.loads(answer).get("code", "")
    except ValueError:
        return False
    if status in (502, 504):
        return code in ERROR_CODES - {"internal"}
    return status == 503 and code in OURS
