"""What the card of a chat model says against what is so: memory and speed of the default and of random larger models.

`python -m benchmarks.chat_choice --folder DIR`; each model is in a process of its own, answers alone, and is then
dropped, as when another one takes its place. Random weights in the shape of a known model are as large and as fast as
the true ones.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, Qwen2Config

from playground.device import choose, read_rate
from playground.inference.forward import forward_of
from playground.inference.kv_cache import KVCache
from playground.inference.ragged_batch import Segment
from playground.models.chat_choice import facts_of, memory_bytes
from playground.models.chat_model import load_chat
from playground.models.registry import ModelSource, chat_source
from playground.settings import Settings

TOKENS = 24  # of an answer
SHAPES: dict[str, PretrainedConfig] = {
    "SmolLM2-360M": LlamaConfig(
        vocab_size=49_152,
        hidden_size=960,
        intermediate_size=2_560,
        num_hidden_layers=32,
        num_attention_heads=15,
        num_key_value_heads=5,
        max_position_embeddings=8_192,
        tie_word_embeddings=True,
    ),
    "Qwen2.5-0.5B": Qwen2Config(
        vocab_size=151_936,
        hidden_size=896,
        intermediate_size=4_864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=32_768,
        tie_word_embeddings=True,
    ),
}


def make(name: str, folder: Path) -> ModelSource:
    """A folder with random weights in the shape of a known model, and the default model's tokenizer."""
    model = AutoModelForCausalLM.from_config(SHAPES[name])
    model.save_pretrained(folder)
    for file in chat_source(Settings.from_environment()).folder.glob("*"):
        if file.name.startswith(("tokenizer", "special_tokens", "chat_template")):
            (folder / file.name).write_bytes(file.read_bytes())
    return ModelSource("chat", name, "folder", folder)


def measure(source: ModelSource) -> dict[str, object]:
    """Memory and speed as the card says, and as they are."""
    device, facts = choose(), facts_of(source.name, source)
    said = read_rate(device) / (facts.parameters * device.dtype.itemsize)
    empty = memory()
    began = time.perf_counter()
    chat = load_chat(source, device)
    loaded = time.perf_counter() - began
    forward, cache = forward_of(chat.model), KVCache(TOKENS + 8)
    forward([Segment([1, 2, 3, 4], cache)])
    seconds = []
    for _ in range(TOKENS):
        cache.length += 1
        began = time.perf_counter()
        forward([Segment([5], cache)])
        seconds.append(time.perf_counter() - began)
    full = memory()
    del chat, forward, cache
    gc.collect()
    return {
        "model": source.name,
        "threads": torch.get_num_threads(),
        "load seconds": round(loaded, 1),
        "memory said, GB": round(memory_bytes(facts.parameters, device, 32) / 1e9, 2),
        "memory, GB": round((full - empty) / 1e9, 2),
        "memory left after it is dropped, GB": round((memory() - empty) / 1e9, 2),
        "tokens per second said": round(said, 1),
        "tokens per second, median": round(1 / sorted(seconds)[len(seconds) // 2], 1),
        "tokens per second, fastest": round(1 / min(seconds), 1),
    }


def memory() -> int:
    """Bytes of this process."""
    return int(psutil.Process(os.getpid()).memory_info().rss)


def main(words: Sequence[str] | None = None) -> None:
    """Print a JSON object per model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the random models are written")
    parser.add_argument("--model", choices=["default", *SHAPES], help="this one alone, in this process")
    given = parser.parse_args(words)
    if given.model is None:
        for name in ("default", *SHAPES):
            command = [sys.executable, "-m", "benchmarks.chat_choice", "--folder", str(given.folder), "--model", name]
            subprocess.run(command, check=True)
        return
    default = chat_source(Settings.from_environment())
    source = default if given.model == "default" else make(given.model, given.folder / given.model)
    print(json.dumps(measure(source)))


if __name__ == "__main__":
    main()
