"""Memory of a worker that trains with QLoRA on a model stored in 16 bits: `python -m benchmarks.four_bits`.

A random Llama of `--millions` parameters is written once; each row loads it in a process of its own, attaches the
method, and takes one pass forward and backward over 256 tokens. Anonymous memory is what the process cannot give back;
the pages of the mapped file are counted beside it.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import adapters
from playground.device import Device
from playground.models.chat_model import load_chat
from playground.models.registry import ModelSource, chat_source
from playground.settings import Settings

ROWS = (("lora", False), ("qlora", False), ("qlora", True))  # the method, and whether its base stays as it is stored
LOOK_SECONDS = 0.01
TOKENS = 256
CPU = Device("cpu", torch.float32, 0.0)


def make(folder: Path, millions: int) -> None:
    """A random Llama in bfloat16 of about so many parameters, with the default model's tokenizer."""
    hidden, inner, words = 2_048, 5_632, 32_000
    layers = max(1, round((millions * 1e6 - words * hidden) / (4 * hidden**2 + 3 * hidden * inner)))
    config = LlamaConfig(
        vocab_size=words,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=32,
        tie_word_embeddings=True,
        dtype=torch.bfloat16,
    )
    LlamaForCausalLM._from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    for file in chat_source(Settings.from_environment()).folder.glob("*"):
        if file.name.startswith(("tokenizer", "special_tokens", "chat_template")):
            (folder / file.name).write_bytes(file.read_bytes())


def measure(folder: Path, method_id: str, stored: bool) -> dict[str, object]:
    """Megabytes at the peak, and after the pass, of this process alone; the imports are taken off."""
    before = _memory()["RssAnon"]
    peak, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            peak[0] = max(peak[0], _memory()["RssAnon"])

    threading.Thread(target=watch, daemon=True).start()
    chat = load_chat(ModelSource("chat", "random", "folder", folder), CPU, stored=stored)
    method = adapters.get(method_id)
    model = method.attach(chat.model, method.Options(), 0, 1)
    del chat
    began = time.perf_counter()
    loss = model(torch.arange(TOKENS)[None]).logits.square().mean()
    loss.backward()
    after, seconds = _memory(), time.perf_counter() - began
    done.set()
    megabytes = {"peak": peak[0] - before, "after": after["RssAnon"] - before, "mapped": after["RssFile"]}
    return {"method": method_id, "stored": stored, **megabytes, "seconds": round(seconds, 2), "loss": loss.item()}


def _memory() -> dict[str, int]:
    status = Path("/proc/self/status").read_text()
    return {name: int(kb) // 1_024 for name, kb in re.findall(r"(RssAnon|RssFile):\s+(\d+)", status)}


def main(words: Sequence[str] | None = None) -> None:
    """One JSON line per row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, default=1_000)
    parser.add_argument("--row", type=int, choices=range(len(ROWS)), help="measure this row, in this process")
    parser.add_argument("--folder", type=Path, help="where the model is, or will be")
    asked = parser.parse_args(words)
    if asked.row is not None:
        print(json.dumps(measure(asked.folder, *ROWS[asked.row])), flush=True)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch) / "model"
        if not (folder / "config.json").exists():
            make(folder, asked.millions)
        for row in range(len(ROWS)):
            command = [sys.executable, "-m", "benchmarks.four_bits", "--folder", str(folder), "--row", str(row)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
