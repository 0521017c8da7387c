"""How much of the training mix should be generated questions? Loss, answers and their ends by share.

`python -m benchmarks.mix --out FOLDER [--shares 0 0.25 0.5] [--passages 0.5]`; what the folder holds already is kept.
"""

import argparse
import json
import re
from collections import Counter
from pathlib import Path

import torch

import adapters
from benchmarks.methods import base
from playground.chat.answer import visible_text
from playground.data import dataset, tokenize
from playground.data.dataset import ExampleSplit
from playground.data.mix import MixSettings
from playground.inference.engine import Decoding, Prompt, generate
from playground.inference.hooks import apply_adapters
from playground.inference.served_adapter import ServedAdapter, load_adapter
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import adapter_folder, has_adapter
from playground.training import loop as training_loop
from playground.training.config import RunConfig, TrainSettings
from playground.training.losses import count_targets, summed_losses
from retrieval.document import Document
from retrieval.readers.dispatch import read_document

TEXT = Path(__file__).parents[1] / "playground" / "data" / "example_texts" / "us_constitution.txt"
STEPS, TOKENS, WINDOW = 24, 512, 256
QUESTIONS, ANSWER_TOKENS, ROWS = 16, 64, 4


def main() -> None:
    """Train at each share and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.0, 0.25, 0.5])
    parser.add_argument("--passages", type=float, default=0.0, help="share of the questions that bring passages")
    asked = parser.parse_args()
    document = read_document(TEXT)
    rows = [("base", measured(document, None, asked.out / f"base-{asked.passages:.2f}.json", asked.passages))]
    for share in asked.shares:
        folder = asked.out / f"{share:.2f}-{asked.passages:.2f}"
        train_once(document, share, asked.passages, folder)
        rows.append(
            (f"{share:.2f}", measured(document, adapter_folder(folder), folder / "measured.json", asked.passages))
        )
    print("| share | loss, text | loss, held-out answers | F1, learnt | ended | F1, held out | ended |")
    print("|---|---|---|---|---|---|---|")
    for name, row in rows:
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |")


def train_once(document: Document, share: float, passages: float, folder: Path) -> None:
    """Train LoRA at its defaults; skip it if it is trained already."""
    if has_adapter(folder):
        return
    settings = TrainSettings(
        steps=STEPS,
        batch_tokens=TOKENS,
        window=WINDOW,
        evaluations=1,
        pairs_share=share,
        passages_share=passages,
    )
    config = RunConfig("lora", adapters.get("lora").Options(), settings)
    *_, end = training_loop.train(config, base(), [document], folder)
    print(f"{share:.2f}: {end.tokens} tokens in {end.seconds:.0f} s", flush=True)


def measured(document: Document, adapter: Path | None, kept: Path, passages: float) -> list[float]:
    """Losses of held-out text and answers, then F1 and the share of ended answers, trained and held out."""
    if not kept.exists():
        chat = base()
        served = load_adapter(adapter, chat) if adapter else None
        text, asked = (sides(document, chat, share, passages) for share in (0.0, 1.0))
        with apply_adapters(chat.model, [served.lora if served else None]), torch.no_grad():
            losses = [loss(chat, text), loss(chat, asked)]
        answers = [figure for side in (asked.train, asked.heldout) for figure in answered(chat, served, side)]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([*losses, *answers]))
    return json.loads(kept.read_text())


def sides(document: Document, chat: ChatModel, share: float, passages: float) -> ExampleSplit:
    """The split of training, with the text alone or the questions alone."""
    return dataset.build_split(
        [document], chat.tokenizer, MixSettings(WINDOW, TrainSettings().heldout_share, 0, share, passages)
    )


def loss(chat: ChatModel, held: ExampleSplit) -> float:
    """Nats per token over the held-out examples."""
    examples = held.heldout
    return sum(each.item() for each in summed_losses(chat.model, examples)) / count_targets(examples)


def answered(chat: ChatModel, served: ServedAdapter | None, asked: list[dataset.Example]) -> tuple[float, float]:
    """Mean word F1 of greedy answers, and the share that ended by themselves."""
    settings = Decoding(max_new_tokens=ANSWER_TOKENS, temperature=0.0, repetition_penalty=1.0)
    overlaps, ended = [], 0
    plain = served.lora if served else None
    for start in range(0, min(QUESTIONS, len(asked)), ROWS):
        part = asked[start : min(start + ROWS, QUESTIONS)]
        bare = [[i for i, label in zip(e.input_ids, e.labels, strict=True) if label == tokenize.NO_LOSS] for e in part]
        said: list[list[int]] = [[] for _ in part]
        for token in generate(chat, [Prompt(ids, plain) for ids in bare], settings):
            said[token.row].append(token.id)
        for example, ids in zip(part, said, strict=True):
            gold = [label for label in example.labels if label != tokenize.NO_LOSS]
            overlaps.append(overlap(visible_text(chat.tokenizer, ids), visible_text(chat.tokenizer, gold)))
            ended += len(ids) < ANSWER_TOKENS
    return sum(overlaps) / len(overlaps), ended / len(overlaps)


def overlap(answer: str, gold: str) -> float:
    """F1 over words, as SQuAD has it (Rajpurkar et al. 2016, section 6.1) but for articles."""
    one, other = (Counter(re.findall(r"\w+", text.lower())) for text in (answer, gold))
    shared = (one & other).total()
    return 2 * shared / max(1, one.total() + other.total())


if __name__ == "__main__":
    main()
