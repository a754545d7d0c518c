"""What happens in the day: who asks when, whom, and how the providers are then."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

CLOCK_VARIABLE = "SOAK_DAY_CLOCK"
DAY = 86_400.0
WEIGHTS = (2, 1, 1, 1, 1, 2, 5, 20, 60, 100, 95, 80, 45, 60, 85, 80, 70, 55, 30, 20, 18, 15, 10, 5)
"""How much is asked in each hour of UTC: a night, a morning's peak, a break at noon, an evening."""
BROKEN_HOUR, SLOW_HOUR = 14, 10
BROKEN, SLOW = "api.anthropic.com", "api.openai.com"


@dataclass(frozen=True, slots=True)
class Clock:
    """Shows `shown` at `began` (seconds since 1970), and runs `speed` times as fast as the real one."""

    began: float
    shown: float
    speed: float
    real: Callable[[], float] = time.time

    @classmethod
    def day(cls, seconds: float) -> Clock:
        """One that begins now, and has shown the last 24 hours when so many seconds are over."""
        now = time.time()
        return cls(now, now + seconds - DAY, DAY / seconds)

    @classmethod
    def read(cls, text: str, real: Callable[[], float]) -> Clock:
        began, shown, speed = map(float, text.split())
        return cls(began, shown, speed, real)

    def __str__(self) -> str:
        return f"{self.began!r} {self.shown!r} {self.speed!r}"

    def now(self) -> float:
        return self.shown + (self.real() - self.began) * self.speed

    @property
    def hour(self) -> int:
        return int(self.now() % DAY // 3600)


@dataclass(frozen=True, slots=True)
class Model:
    """`recorded` are the folder and the dialect of its recordings; without them it is a model of this machine."""

    provider: str
    name: str
    recorded: tuple[str, str] | None = None
    host: str = ""
    weight: float = 1.0


MODELS = (
    Model("openai", "gpt-5", ("openai", "openai-chat"), "api.openai.com", 0.6),
    Model("openai-responses", "gpt-4.1", ("openai", "openai-responses"), "api.openai.com", 2),
    Model("openai-responses", "gpt-5-mini-2025-08-07", ("openai", "openai-responses"), "api.openai.com", 3),
    Model("anthropic", "claude-sonnet-4-5", ("anthropic", "anthropic"), "api.anthropic.com", 3),
    Model("anthropic", "claude-haiku-4-5-20251001", ("anthropic", "anthropic"), "api.anthropic.com", 1.5),
    Model("gemini", "gemini-2.5-flash", ("gemini", "gemini-sse"), "generativelanguage.googleapis.com", 2),
    Model("mistral", "magistral-medium-latest", ("mistral", "mistral"), "api.mistral.ai", 0.8),
    Model("deepseek", "deepseek-chat", ("deepseek", "openai-chat"), "api.deepseek.com", 1.5),
    Model("dashscope-native", "qwen-plus-latest", ("dashscope-native", "dashscope"), "dashscope.aliyuncs.com", 0.6),
    Model("ollama", "llama3", ("ollama", "ollama"), "", 1),
    Model("local", "smollm2", weight=0.5),
    Model("local", "smollm2-reasoning", weight=0.2),
)


@dataclass(frozen=True, slots=True)
class Asker:
    """A person, or a program with a token: their project, the hours in which they ask, their share."""

    name: str
    project: str
    hours: range
    share: float
    program: bool = False


OWNER = "ada"
ASKERS = (
    Asker(OWNER, "default", range(8, 19), 1),
    Asker("ben", "default", range(7, 17), 2),
    Asker("chloe", "research", range(10, 24), 1.5),
    Asker("support-bot", "default", range(24), 4, program=True),
    Asker("nightly-report", "default", range(7), 6, program=True),
    Asker("notebook", "research", range(24), 1, program=True),
)
PROJECTS = tuple(sorted({asker.project for asker in ASKERS}))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a provider answers: seconds until it begins, tokens a second, and what goes wrong."""

    wait: float
    speed: float = 1.0
    fault: str = ""


def manner(host: str, hour: int) -> Manner:
    """One as this provider has them in this hour."""
    slow = 7.0 if host == SLOW and hour == SLOW_HOUR else 1.0
    wait, speed = random.lognormvariate(-1.0, 0.5) * slow, random.lognormvariate(4.4, 0.4)
    chances = {"overloaded": 0.01, "limited": 0.02, "reset": 0.01, "silent": 0.02}
    if host == BROKEN and hour == BROKEN_HOUR:
        chances = {"overloaded": 0.7, "reset": 0.15}
    return Manner(wait, speed, _chosen(chances))


def act() -> str:
    """What whoever asks does: mostly reads to the end."""
    return _chosen({"leaves": 0.05, "stops": 0.03, "resumes": 0.04, "astray": 0.015, "wrong key": 0.015, "stored": 0.1})


def asker(hour: int) -> Asker:
    there = [each for each in ASKERS if hour in each.hours]
    return random.choices(there, [each.share for each in there])[0]


def model() -> Model:
    return random.choices(MODELS, [each.weight for each in MODELS])[0]


def _chosen(chances: dict[str, float]) -> str:
    """One of these by its chance, or nothing."""
    at = random.random()
    for name, chance in chances.items():
        at -= chance
        if at < 0:
            return name
    return ""
