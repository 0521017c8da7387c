"""Time per training step to choose and read a batch from 1 MB of text: `python -m benchmarks.sampler`.

The other side is the simple way: a `datasets` table, whose tokens are counted at each step and whose epoch is shuffled
for each example. Both read the same examples. The resident size is what loading `datasets` adds to a process.
"""

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playground.data.dataset import build_split
from playground.data.sampler import BatchSampler
from playground.data.tokenize import Example, count_tokens
from playground.device import choose
from playground.models.chat_model import load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.training.config import TrainSettings
from retrieval.document import Document
from retrieval.readers.dispatch import read_document

CHARS = 1_000_000
FOLDERS = ("python_docs", "debian_faq", "devils_dictionary", "us_constitution")
BATCH_TOKENS, SEED = 256, 0
RESIDENT = "import psutil{}; print(psutil.Process().memory_info().rss)"


def main() -> None:
    """Print seconds per step of both sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the texts")
    parser.add_argument("--steps", type=int, default=20, help="steps that each side reads")
    asked = parser.parse_args()
    documents = list(_documents(asked.data))
    examples = _examples(documents)
    sampler = BatchSampler(examples, BATCH_TOKENS, SEED)
    table = _table(examples)
    ours, ours_read = _time(lambda step: [each.input_ids for each in sampler.batch(step)], asked.steps)
    other, other_read = _time(lambda step: _table_batch(table, step), asked.steps)
    tokens = count_tokens(examples)
    print(f"{sum(len(each.text) for each in documents)} characters, {len(examples)} examples, {tokens} tokens")
    print(f"per step of {asked.steps}: sampler {1_000 * ours:.3f} ms, table {1_000 * other:.1f} ms")
    print(f"the same examples: {ours_read == other_read}")
    print(f"`import datasets` adds {(_resident(', datasets') - _resident('')) / 1e6:.0f} MB to a process")


def _documents(data: Path) -> Iterator[Document]:
    """Files of the folders until they hold CHARS characters."""
    chars = 0
    for path in sorted(path for folder in FOLDERS for path in (data / folder).rglob("*.[tr][xs]t")):
        if chars < CHARS:
            document = read_document(path)
            chars += len(document.text)
            yield document


def _examples(documents: list[Document]) -> list[Example]:
    tokenizer = load_chat(chat_source(Settings.from_environment()), choose()).tokenizer
    return build_split(documents, tokenizer, TrainSettings(seed=SEED).mix).train


def _time(batch: Callable[[int], list[list[int]]], steps: int) -> tuple[float, list[list[list[int]]]]:
    """Seconds per step, and what was read."""
    started = time.perf_counter()
    read = [batch(step) for step in range(steps)]
    return (time.perf_counter() - started) / steps, read


def _table(examples: list[Example]) -> Any:
    from datasets import Dataset  # here, so that the sampler is timed without it

    return Dataset.from_dict({name: [vars(each)[name] for each in examples] for name in ("input_ids", "labels")})


def _table_batch(table: Any, step: int) -> list[list[int]]:
    size = max(1.0, BATCH_TOKENS * len(table) / sum(len(ids) for ids in table["input_ids"]))
    read = []
    for position in range(int(step * size), int((step + 1) * size)):
        epoch, place = divmod(position, len(table))
        order = list(range(len(table)))
        random.Random(SEED * 1_000_003 + epoch).shuffle(order)
        read.append(table[order[place]]["input_ids"])
    return read


def _resident(more: str) -> int:
    done = subprocess.run([sys.executable, "-c", RESIDENT.format(more)], check=True, capture_output=True, text=True)
    return int(done.stdout)


if __name__ == "__main__":
    main()
