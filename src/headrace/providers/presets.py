"""The providers that Headrace knows by name, as rows of data, and how a request's words lead to one of them.

Adding one that speaks a dialect we have is one row here and one fixture. Refuses to know keys: it names the
environment variables that people keep them in, and reads none.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from headrace.errors import RequestError
from headrace.providers import anthropic, bedrock, bedrock_invoke, gemini, ollama, openai_chat
from headrace.providers.base import Adapter, Provider
from headrace.providers.endpoints import FIELD, base_url, host_of, is_native_ollama
from headrace.stream.thinking import DEFAULT, STYLES, ThinkStyle

_CHAT = openai_chat.ADAPTER


def _row(
    name: str,
    title: str,
    url: str = "",
    key: str = "",
    docs: str = "",
    *quirks: str,
    adapter: Adapter = _CHAT,
    think: ThinkStyle | None = DEFAULT,
) -> Provider:
    return Provider(name, adapter, url, title, think, key, frozenset(quirks), docs)


_ROWS = (
    _row(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        "https://platform.openai.com/docs/api-reference/chat",
        "openai_models",
    ),
    _row(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        "https://api-docs.deepseek.com",
    ),
    _row(
        "zhipu",
        "智谱 GLM",
        "https://open.bigmodel.cn/api/paas/v4",
        "ZHIPUAI_API_KEY",
        "https://docs.bigmodel.cn",
    ),
    _row("zai", "Z.ai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", "https://docs.z.ai"),
    _row(
        "siliconflow",
        "SiliconFlow 硅基流动",
        "https://api.siliconflow.cn/v1",
        "SILICONFLOW_API_KEY",
        "https://docs.siliconflow.cn",
    ),
    _row(
        "dashscope",
        "阿里云百炼 Qwen",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        "https://help.aliyun.com/zh/model-studio/compatibility-of-openai-with-dashscope",
    ),
    _row(
        "volcengine",
        "火山方舟 Doubao",
        "https://ark.cn-beijing.volces.com/api/v3",
        "ARK_API_KEY",
        "https://www.volcengine.com/docs/82379",
    ),
    _row(
        "moonshot",
        "Moonshot Kimi",
        "https://api.moonshot.cn/v1",
        "MOONSHOT_API_KEY",
        "https://platform.moonshot.cn/docs",
    ),
    _row("minimax", "MiniMax", "https://api.minimaxi.com/v1", "MINIMAX_API_KEY", "https://platform.minimaxi.com/docs"),
    _row("302ai", "302.AI", "https://api.302.ai/v1", "", "https://doc.302.ai"),
    _row(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        "https://openrouter.ai/docs",
    ),
    _row("groq", "Groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "https://console.groq.com/docs"),
    _row("xai", "xAI", "https://api.x.ai/v1", "XAI_API_KEY", "https://docs.x.ai"),
    _row(
        "mistral",
        "Mistral",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        "https://docs.mistral.ai/api",
        "no_stream_options",
    ),
    _row("together", "Together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "https://docs.together.ai"),
    _row(
        "fireworks",
        "Fireworks",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
        "https://docs.fireworks.ai",
        "no_stream_options",
    ),
    _row(
        "cerebras", "Cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "https://inference-docs.cerebras.ai"
    ),
    _row(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        "PERPLEXITY_API_KEY",
        "https://docs.perplexity.ai",
        "no_stream_options",
    ),
    _row(
        "huggingface",
        "Hugging Face",
        "https://router.huggingface.co/v1",
        "HF_TOKEN",
        "https://huggingface.co/docs/inference-providers",
    ),
    _row(
        "nvidia",
        "NVIDIA",
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_API_KEY",
        "https://docs.api.nvidia.com/nim",
    ),
    _row(
        "azure",
        "Azure OpenAI",
        "",
        "AZURE_OPENAI_API_KEY",
        "https://learn.microsoft.com/azure/ai-foundry/openai/reference",
        "azure",
        "openai_models",
    ),
    _row("vllm", "vLLM", "http://localhost:8000/v1", "", "https://docs.vllm.ai", "self_hosted"),
    _row("sglang", "SGLang", "http://localhost:30000/v1", "", "https://docs.sglang.ai", "self_hosted"),
    _row(
        "llamacpp",
        "llama.cpp",
        "http://localhost:8080/v1",
        "",
        "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        "self_hosted",
    ),
    _row("lmstudio", "LM Studio", "http://localhost:1234/v1", "", "https://lmstudio.ai/docs", "self_hosted"),
    _row(
        "ollama",
        "Ollama",
        "http://localhost:11434",
        "OLLAMA_API_KEY",
        "https://docs.ollama.com/api",
        adapter=ollama.ADAPTER,
    ),
    _row(
        "ollama-openai",
        "Ollama (OpenAI face)",
        "http://localhost:11434/v1",
        "OLLAMA_API_KEY",
        "https://docs.ollama.com/api/openai-compatibility",
        "self_hosted",
    ),
    _row(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        "https://platform.claude.com/docs/en/api/messages",
        adapter=anthropic.ADAPTER,
        think=None,
    ),
    _row(
        "vertex-anthropic",
        "Anthropic on Vertex",
        "",
        "",
        "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude",
        "vertex",
        adapter=anthropic.ADAPTER,
        think=None,
    ),
    _row(
        "gemini",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        "GEMINI_API_KEY",
        "https://ai.google.dev/api/generate-content",
        adapter=gemini.ADAPTER,
        think=None,
    ),
    _row(
        "vertex-gemini",
        "Gemini on Vertex",
        "",
        "",
        "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
        "vertex",
        adapter=gemini.ADAPTER,
        think=None,
    ),
    _row(
        "bedrock",
        "Amazon Bedrock",
        "",
        "AWS_BEARER_TOKEN_BEDROCK",
        "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html",
        adapter=bedrock.ADAPTER,
        think=STYLES["thinking"],
    ),
    _row(
        "bedrock-invoke",
        "Amazon Bedrock (invoked)",
        "",
        "AWS_BEARER_TOKEN_BEDROCK",
        "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html",
        adapter=bedrock_invoke.ADAPTER,
        think=STYLES["thinking"],
    ),
    _row("local", "The local model", "", "", "", "self_hosted"),
    _row("openai-compatible", "Any OpenAI-compatible endpoint"),
)
PRESETS: Mapping[str, Provider] = {row.name: row for row in _ROWS}
GENERIC = PRESETS["openai-compatible"]
"""The row for every endpoint that no other row knows."""

_ALIASES: Mapping[str, str] = {
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


def _own_hosts() -> dict[str, str]:
    hosts = {host_of(row.base_url): row.name for row in _ROWS if row.base_url.startswith("https:")}
    return hosts | dict(_OTHER_HOSTS)


_BY_HOST = _own_hosts()


def resolve(provider_id: str, endpoint: str = "") -> Provider:
    """The row for a provider's name and the endpoint beside it.

    An unknown name is known by its endpoint's host, else it is any OpenAI-compatible endpoint. Ollama's two faces are
    told apart by the endpoint's path.
    """
    asked = "-".join(provider_id.strip().lower().replace("_", " ").split())
    row = PRESETS.get(_ALIASES.get(asked, asked)) or _row_of_host(endpoint) or GENERIC
    if row.name in ("ollama", "ollama-openai", GENERIC.name):
        return _ollama_face(row, endpoint)
    return row


def _ollama_face(row: Provider, endpoint: str) -> Provider:
    if is_native_ollama(endpoint):
        return PRESETS["ollama"]
    path = endpoint.strip().partition("?")[0].rstrip("/").lower()
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
    known = _row_of_host(endpoint)
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
    host = host_of(endpoint)
    name = _BY_HOST.get(host) or next((row for end, row in _HOST_ENDINGS.items() if host.endswith(end)), None)
    return PRESETS[name] if name else None
