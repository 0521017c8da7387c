"""What a token of the shared batch costs: processor time per pass by the number of rows, and to read a prompt.

`python -m benchmarks.batch_cost` on the real model and one thread, so that other work on the machine changes little.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence

import torch

from playground.device import Device
from playground.inference.forward import forward_of
from playground.inference.kv_cache import KVCache
from playground.inference.ragged_batch import Forward, Segment
from playground.inference.scheduler import PREFILL_CHUNK
from playground.models.chat_model import load_chat
from playground.models.registry import chat_source
from playground.settings import Settings

PROMPTS = (40, 256, 520)  # tokens: a bare question, a chunk, a question with passages
ROWS = (1, 2, 4, 8, 16, 32)
ROOM = 64  # tokens of an answer
REPEATS = 7


def prompt(tokens: int) -> list[int]:
    """Some ids, which take as long as any others."""
    return [(7 * place + 3) % 40_000 for place in range(tokens)]


def read(forward: Forward, tokens: int) -> KVCache:
    """Read a prompt as the app does, chunk by chunk; what was read."""
    cache, ids = KVCache(tokens + ROOM), prompt(tokens)
    while cache.length < tokens:
        chunk = ids[cache.length : cache.length + PREFILL_CHUNK]
        forward([Segment(chunk, cache)])
        cache.length += len(chunk)
    return cache


def processor_seconds(work: Callable[[], object], repeats: int) -> float:
    """The least processor time of a few."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def main(words: Sequence[str] | None = None) -> None:
    """Print a JSON object per row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    repeats = parser.parse_args(words).repeats
    torch.set_num_threads(1)
    chat = load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 0.0))
    forward = forward_of(chat.model)
    for tokens in PROMPTS:
        seconds = processor_seconds(lambda tokens=tokens: read(forward, tokens), repeats)
        print(json.dumps({"prompt tokens": tokens, "ms": round(1_000 * seconds)}))
    for rows in ROWS:
        # Of each two rows one has passages in its prompt, as where a visitor asks with and without retrieval.
        caches = [read(forward, PROMPTS[0] if row % 2 == 0 else PROMPTS[-1]) for row in range(rows)]
        seconds = processor_seconds(lambda caches=caches: forward([Segment([5], each) for each in caches]), repeats)
        print(json.dumps({"rows": rows, "ms per pass": round(1_000 * seconds), "ms per token": 1_000 * seconds / rows}))


if __name__ == "__main__":
    main()
