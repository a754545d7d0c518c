"""The providers that Headrace knows by name, and how a request's words lead to one of them.

The rows themselves are in `rows`. Refuses to guess: what no name, host or path tells is any OpenAI-compatible endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from headrace.errors import RequestError
from headrace.providers import openai_chat, responses
from headrace.providers.base import Provider
from headrace.providers.endpoints import FIELD, base_url, host_of, is_native_ollama
from headrace.providers.rows import ROWS
from headrace.stream.thinking import DEFAULT, STYLES, ThinkStyle

PRESETS: Mapping[str, Provider] = {row.name: row for row in ROWS}
GENERIC = PRESETS["openai-compatible"]
"""The row for every endpoint that no other row knows."""

ALIASES: Mapping[str, str] = {
    "302": "302ai",
    "302.ai": "302ai",
    "alibaba": "dashscope",
    "aliyun": "dashscope",
    "ark": "volcengine",
    "aws": "bedrock",
    "azure-openai": "azure",
    "bailian": "dashscope",
    "bigmodel": "zhipu",
    "chatglm": "zhipu",
    "claude": "anthropic",
    "custom": "openai-compatible",
    "doubao": "volcengine",
    "fireworks-ai": "fireworks",
    "glm": "zhipu",
    "google": "gemini",
    "grok": "xai",
    "hf": "huggingface",
    "kimi": "moonshot",
    "llama-cpp": "llamacpp",
    "llama-server": "llamacpp",
    "llama.cpp": "llamacpp",
    "lm-studio": "lmstudio",
    "mistralai": "mistral",
    "moonshotai": "moonshot",
    "nim": "nvidia",
    "nvidia-nim": "nvidia",
    "qwen": "dashscope",
    "silicon": "siliconflow",
    "togetherai": "together",
    "tongyi": "dashscope",
    "vertex": "vertex-gemini",
    "volces": "volcengine",
    "x.ai": "xai",
    "z.ai": "zai",
    "zhipuai": "zhipu",
}
_OTHER_HOSTS: Mapping[str, str] = {
    "api.moonshot.ai": "moonshot",
    "api.minimax.io": "minimax",
    "api.siliconflow.com": "siliconflow",
    "api.together.ai": "together",
    "dashscope-intl.aliyuncs.com": "dashscope",
    "dashscope-us.aliyuncs.com": "dashscope",
}
"""Further hosts of a provider, with the same paths as its first."""

_HOST_ENDINGS: Mapping[str, str] = {
    ".openai.azure.com": "azure",
    ".services.ai.azure.com": "azure",
    ".cognitiveservices.azure.com": "azure",
    "aiplatform.googleapis.com": "vertex-gemini",
    ".amazonaws.com": "bedrock",
    ".api.aws": "bedrock-mantle",
    "api.cloudflare.com": "cloudflare",
    ".databricks.com": "databricks",
    ".azuredatabricks.net": "databricks",
    ".snowflakecomputing.com": "snowflake",
}


_MODEL_STYLES: tuple[tuple[str, str], ...] = (
    ("magistral", "magistral"),
    ("seed-oss", "seed-oss"),
    ("kimi-vl", "kimi-vl"),
    ("hunyuan", "hunyuan"),
    ("granite-3.2", "granite-3.2"),
    ("command-a", "command-a"),
    ("gemma", "gemma"),
)
"""What a model's name tells of its tags. Styles that start inside the reasoning are not told from a name: most
servers take the reasoning out themselves, and the whole answer would be taken for it."""


def _own_hosts() -> dict[str, list[Provider]]:
    hosts: dict[str, list[Provider]] = {}
    for row in ROWS:
        if row.base_url.startswith("https:"):
            hosts.setdefault(host_of(row.base_url), []).append(row)
    return hosts | {other: hosts[host_of(PRESETS[name].base_url)] for other, name in _OTHER_HOSTS.items()}


_BY_HOST = _own_hosts()
"""The rows of each host; the first is meant where the path does not say which."""


def resolve(provider_id: str, endpoint: str = "") -> Provider:
    """The row for a provider's name and the endpoint beside it.

    An unknown name is known by its endpoint's host, else it is any OpenAI-compatible endpoint. Ollama's two faces are
    told apart by the endpoint's path, and so are Cloudflare's; a pasted `/responses` asks for that dialect wherever
    chats are spoken.
    """
    asked = "-".join(provider_id.strip().lower().replace("_", " ").split())
    row = PRESETS.get(ALIASES.get(asked, asked)) or _row_of_host(endpoint) or GENERIC
    if row.name in ("ollama", "ollama-openai", GENERIC.name):
        row = _ollama_face(row, endpoint)
    if row.adapter is openai_chat.ADAPTER and _path_of(endpoint).endswith("/responses"):
        return PRESETS["openai-responses"] if row.name == "openai" else replace(row, adapter=responses.ADAPTER)
    if row.name == "cloudflare" and "/ai/run" in _path_of(endpoint):
        return PRESETS["cloudflare-run"]
    return row


def _ollama_face(row: Provider, endpoint: str) -> Provider:
    if is_native_ollama(endpoint):
        return PRESETS["ollama"]
    path = _path_of(endpoint)
    if row.name != GENERIC.name and path.endswith(("/api", "/api/tags")):
        return PRESETS["ollama"]
    if row.name == "ollama" and path.endswith(("/v1", "/v1/chat/completions", "/v1/models")):
        return PRESETS["ollama-openai"]
    return row


def base_for(provider: Provider, endpoint: str = "") -> str:
    """The base URL to ask: the endpoint tidied, or the provider's own where none is given; else a RequestError."""
    if not endpoint.strip():
        if provider.base_url:
            return provider.base_url
        raise RequestError(
            f"{provider.title} has no address of its own: give its URL, such as https://HOST/v1.", field=FIELD
        )
    known = provider if provider.base_url and host_of(endpoint) == host_of(provider.base_url) else None
    known = known or _row_of_host(endpoint)
    if known is None and "self_hosted" in provider.quirks:
        return base_url(endpoint, provider, default_path="/v1")
    return base_url(endpoint, provider, default_path=urlsplit(known.base_url).path if known else "")


def think_style(provider: Provider, model: str) -> ThinkStyle | None:
    """How this model marks its reasoning in text: by its name where that is known, else as the provider's row says."""
    if provider.think is not DEFAULT:
        return provider.think
    lowered = model.lower()
    return next((STYLES[style] for part, style in _MODEL_STYLES if part in lowered), provider.think)


def _row_of_host(endpoint: str) -> Provider | None:
    host, path = host_of(endpoint), _path_of(endpoint)
    rows = _BY_HOST.get(host)
    if rows is not None:
        return next((row for row in rows[1:] if _tells(path, row, rows[0])), rows[0])
    name = next((row for end, row in _HOST_ENDINGS.items() if host.endswith(end)), None)
    return PRESETS[name] if name else None


def _tells(path: str, row: Provider, first: Provider) -> bool:
    """Whether a path means this row and not the first one of the same host."""
    own = urlsplit(row.base_url).path
    return own != urlsplit(first.base_url).path and path.startswith(own)


def _path_of(endpoint: str) -> str:
    rest = endpoint.strip().partition("?")[0].rstrip("/").lower().partition("://")[2]
    return "/" + rest.partition("/")[2]
