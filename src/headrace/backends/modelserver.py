"""The main of one child process: llama.cpp's HTTP server with one small model, on a free loopback port.

It prints one line, `{"url": …}`, when it answers, and serves until it is killed. Its key comes by the environment.
It refuses to be reached from other machines, and to outlive the process that started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.backends.children import die_with_parent

if TYPE_CHECKING:
    import xllamacpp

KEY_VARIABLE = "HEADRACE_MODEL_KEY"
REASONING = "--reasoning"

MAX_THREADS = 2  # more gain little for so small a model
SLOTS = 4  # answers at a time; further ones wait for a slot
SLOT_TOKENS = 2048  # question and answer together; kept small because its memory is taken at once
IDLE_SECONDS = 300  # without a question for so long, the model leaves memory; the next one loads it within a second
REPEAT_PENALTY = 1.05  # without one, a model of this size soon writes the same line for ever
REPEAT_WINDOW = 512
REASONING_REPEAT_WINDOW = 64  # short of the examples in the prompt, which are there to be followed
REASONING_TOKENS = 160  # the backstop where a caller's own grammar replaces ours, which ends a thought sooner
_ERRORS_ONLY = 1

_HERE = Path(__file__).parent


def parameters(weights: str, key: str, *, reasoning: bool) -> xllamacpp.CommonParams:
    """How the server is to run: small, on loopback, with a key, and nothing served but the API."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.ui = params.endpoint_slots = params.endpoint_props = False
    params.verbosity = _ERRORS_ONLY
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = _threads()
        cpu.poll = 0  # waiting threads sleep
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * SLOT_TOKENS
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    params.cache_ram_mib = 0  # the default keeps old prompts in up to 8 GiB
    params.sleep_idle_seconds = IDLE_SECONDS
    params.sampling.penalty_repeat = REPEAT_PENALTY
    params.sampling.penalty_last_n = REPEAT_WINDOW
    if reasoning:
        _think_first(params)
    return params


def _threads() -> int:
    """Half the processors: the threads wait for each other at every step, so one that must wait for a processor, too,
    holds up all. Measured on two that had other work: two threads gave 2 tokens a second, one gave 34."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_THREADS, cpus // 2))


def _think_first(params: xllamacpp.CommonParams) -> None:
    """Open each answer inside `<think>`, show in the prompt what a thought is, and have the grammar end it.

    Every token is the model's own choice among those that the grammar allows: a thought of one or two sentences,
    the closing tag, an answer. Left alone, a model of this size closes the block three times in four.
    """
    import xllamacpp

    params.chat_template = (_HERE / "reasoning.jinja").read_text("utf-8")
    user = xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER
    params.sampling.grammar = xllamacpp.CommonGrammar(user, (_HERE / "reasoning.gbnf").read_text("utf-8"))
    params.sampling.reasoning_budget_tokens = REASONING_TOKENS
    params.sampling.penalty_last_n = REASONING_REPEAT_WINDOW


def main(argv: list[str]) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    weights, *options = argv
    key = os.environ.pop(KEY_VARIABLE)

    import xllamacpp

    server = xllamacpp.Server(parameters(weights, key, reasoning=REASONING in options))
    sys.stdout.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdout.flush()
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
