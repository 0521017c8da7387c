"""The E2E NLG task (restaurant descriptions): BLEU of every method and of full fine-tuning. Resumable.

`python -m benchmarks.e2e --data FOLDER [--out FOLDER] [--limit N]` trains each method on a part of the development set,
equal for all, and writes greedy answers for the test set's facts. What the out folder already holds is not done again.
FOLDER has devset.csv and testset_w_refs.csv (github.com/tuetschek/e2e-dataset, CC BY-SA 4.0).
"""

import argparse
import csv
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest

import adapters
from benchmarks.entries import Entry, entries, folder_name
from playground import prompts
from playground.chat.answer import visible_text
from playground.device import Device
from playground.inference.engine import Decoding, Prompt, generate
from playground.inference.served_adapter import ServedAdapter, load_adapter
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import adapter_folder
from playground.training import loop as training_loop
from playground.training.config import RunConfig, TrainSettings
from retrieval.document import Document, Pair

STEPS, TOKENS = 30, 512
ANSWER_TOKENS = 80
ROWS = 24  # answers written at once
RESAMPLES = 1000
BASE = "Base model, untrained"
# GPT-2 medium, trained on all 42,061 pairs; LoRA's table and those of VeRA's and Delta-LoRA's papers.
PAPERS = {"LoRA": "70.4 ± .1", "VeRA": "70.1", "Delta-LoRA": "70.84", "Full fine-tuning": "68.2"}


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "playground-e2e")
    parser.add_argument("--limit", type=int, default=157, help="facts of the test set to write about, evenly taken")
    asked = parser.parse_args()
    facts, references = test_set(asked.data / "testset_w_refs.csv", asked.limit)
    answers = {BASE: written(BASE, None, facts, asked.out / "base")}
    for entry in entries():
        folder = asked.out / entry.folder
        train_once(entry, asked.data / "devset.csv", folder)
        answers[entry.name] = written(entry.name, adapter_folder(folder), facts, folder)
    print_table(answers, references, asked.out)


def test_set(path: Path, limit: int) -> tuple[list[str], list[list[str]]]:
    """Evenly sampled facts in the order of the file, each with all of its human references."""
    by_facts: dict[str, list[str]] = defaultdict(list)
    for row in rows(path):
        by_facts[row["mr"]].append(row["ref"])
    every = max(1, len(by_facts) // limit)
    chosen = list(by_facts)[::every][:limit]
    return chosen, [by_facts[each] for each in chosen]


def rows(path: Path) -> list[dict[str, str]]:
    """The file's rows."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def train_once(entry: Entry, data: Path, folder: Path) -> None:
    """Train one entry on the same examples in the same order as all; skip it if its folder is complete."""
    if (folder / "trained.json").exists():
        return
    pairs = [Pair(row["mr"], row["ref"], 0, 0) for row in rows(data)]
    random.Random(0).shuffle(pairs)
    document = Document("facts", "", pairs=tuple(pairs[: STEPS * TOKENS // 30]))
    settings = TrainSettings(
        steps=STEPS,
        batch_tokens=TOKENS,
        heldout_share=0.02,
        evaluations=4,
        checkpoint_every=10,
        passages_share=0.0,
    )
    resume = (folder / "checkpoint").exists()
    events = training_loop.train(
        RunConfig(entry.method, entry.options, settings), base(), [document], folder, resume=resume
    )
    last = list(events)[-1]
    (folder / "trained.json").write_text(json.dumps({**last.to_dict(), "options": asdict(entry.options)}))
    print(f"{entry.name}: {last.tokens} tokens in {last.seconds:.0f} s", flush=True)


def base() -> ChatModel:
    """A fresh base model in float32 on the CPU."""
    return load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 0.0))


def written(name: str, adapter: Path | None, facts: Sequence[str], folder: Path) -> list[str]:
    """One greedy answer per fact; answers already in the folder are read from there."""
    path = folder / f"answers-{len(facts)}.json"
    if not path.exists():
        chat = base()
        served = load_adapter(adapter, chat) if adapter else None
        began = time.perf_counter()
        answers = write(chat, served, facts)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(answers, indent=1))
        print(f"{name}: {len(facts)} answers in {time.perf_counter() - began:.0f} s", flush=True)
    return json.loads(path.read_text())


def write(chat: ChatModel, served: ServedAdapter | None, facts: Sequence[str]) -> list[str]:
    """Generate greedy answers, some rows at a time."""
    if served and served.model:
        chat.model = served.model
    plain = served.lora if served else None
    settings = Decoding(max_new_tokens=ANSWER_TOKENS, temperature=0.0, repetition_penalty=1.0)
    answers = []
    for start in range(0, len(facts), ROWS):
        ids = [prompts.render(chat.tokenizer, prompts.messages(each)) for each in facts[start : start + ROWS]]
        said: list[list[int]] = [[] for _ in ids]
        for token in generate(chat, [Prompt(each, plain) for each in ids], settings):
            said[token.row].append(token.id)
        answers += [visible_text(chat.tokenizer, each).strip() for each in said]
    return answers


def print_table(answers: dict[str, list[str]], references: list[list[str]], out: Path) -> None:
    """BLEU over all references with a 95 % bootstrap interval, and whether it differs from LoRA's."""
    most = max(map(len, references))
    streams = [[each[number] if number < len(each) else None for each in references] for number in range(most)]
    bleu = BLEU(lowercase=True, tokenize="13a")
    bleu.references = None
    lora = adapters.get("lora").label
    named = [(name, answers[name]) for name in [lora, *(each for each in answers if each != lora)]]
    _, scores = PairedTest(named, {"BLEU": bleu}, streams, test_type="bs", n_samples=RESAMPLES)()
    results = dict(zip([name for name, _ in named], scores["BLEU"], strict=True))
    print(f"\n{len(references)} facts, up to {most} references; {STEPS} steps of {TOKENS} tokens")
    print(bleu.get_signature())
    print("\n| method | BLEU [95 %] | differs from LoRA (p) | training, s | paper (GPT-2 M, all data) |")
    print("|---|---|---|---|---|")
    for name in answers:
        result = results[name]
        folder = out / folder_name(name) / "trained.json"
        seconds = f"{json.loads(folder.read_text())['seconds']:.0f}" if folder.exists() else "–"
        p = "" if result.p_value is None else f"{'yes' if result.p_value < 0.05 else 'no'} ({result.p_value:.3f})"
        print(f"| {name} | {result.score:.1f} ± {result.ci:.1f} | {p} | {seconds} | {PAPERS.get(name, '–')} |")


if __name__ == "__main__":
    main()
