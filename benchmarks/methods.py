"""The methods' claims on the real model: rates, held-out losses, memory, step times, ranks, rounding. Resumable.

`python -m benchmarks.methods [--out FOLDER]` trains every method three times on the US Constitution, at a third, once
and three times its usual learning rate, takes the best by a part of the text held out for that, and reports the loss on
another part with intervals; then it measures memory and time. What the folder already holds is not done again.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig

import adapters
from adapters.base import Method
from adapters.cost import activation_bytes, measure_slowdowns
from adapters.lora_weights import PlainLora
from adapters.options import build
from adapters.peft_method import unwrap
from benchmarks.entries import Entry, entries
from playground.data.sections import cut_sections
from playground.data.tokenize import Example
from playground.device import Device
from playground.inference.hooks import apply_adapters
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import adapter_folder
from playground.training import loop as training_loop
from playground.training.config import RunConfig, TrainSettings
from playground.training.losses import count_targets, summed_losses
from retrieval.document import Document
from retrieval.readers.dispatch import read_document

TEXT = Path(__file__).parents[1] / "playground" / "data" / "example_texts" / "us_constitution.txt"
FACTORS = (1 / 3, 1.0, 3.0)
STEPS, TOKENS, TESTS = 24, 256, 6
SHARES = ("train", "tune", "train", "report", "train")  # of five sections in a row
RESAMPLES = 10_000
YARDSTICK = "lora"
STEPS_WATCHED, TIMED = 3, 5


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "playground-methods")
    parser.add_argument("--part", choices=["all", "losses", "figures"], default="all")
    parser.add_argument("--worker", nargs=2, metavar=("ENTRY", "FACTOR"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.worker:
        print(json.dumps(measure(json.loads(asked.worker[0]))))
        return
    if asked.part != "figures":
        for entry in entries():
            for factor in FACTORS:
                train_once(entry, factor, asked.out)
    if asked.part == "losses":
        return print_losses(asked.out)
    print_losses(asked.out)
    print_figures(asked.out)
    print_ranks(asked.out)
    print_rounding()


def texts() -> dict[str, list[str]]:
    """The sections to train on, to choose the rate by, and to report."""
    document = read_document(TEXT, TEXT.name)
    pieces = [document.text[each.start : each.end].strip() for each in cut_sections(document)]
    split: dict[str, list[str]] = {"train": [], "tune": [], "report": []}
    for number, piece in enumerate(pieces):
        split[SHARES[number % len(SHARES)]].append(piece)
    return split


def train_once(entry: Entry, factor: float, out: Path) -> None:
    """Train one entry at one rate and store the losses of all held-out sections; skip it if they are stored."""
    folder = out / f"{entry.folder}-{factor:.2f}"
    if (folder / "losses.json").exists():
        return
    values = {**entry.values, "learning_rate": entry.values["learning_rate"] * factor}
    options = build(adapters.get(entry.method).Options, values)
    settings = TrainSettings(
        steps=STEPS,
        batch_tokens=TOKENS,
        window=TOKENS,
        evaluations=TESTS,
        checkpoint_every=10 * STEPS,
        pairs_share=0.0,
    )
    split = texts()
    documents = [Document("train", "\n\n".join(split["train"]))]
    events = list(training_loop.train(RunConfig(entry.method, options, settings), base(), documents, folder))
    chat = base()
    losses = {part: section_losses(chat, adapter_folder(folder), split[part]) for part in ("tune", "report")}
    curve = [(event.step, event.heldout_loss) for event in events[:-1] if event.heldout_loss is not None]
    record = {"rate": options.learning_rate, "curve": curve, "seconds": events[-1].seconds, **losses}
    (folder / "losses.json").write_text(json.dumps(record))
    for path in (folder / "checkpoint").rglob("*.safetensors"):
        path.unlink()
    print(f"{entry.name} at {options.learning_rate:.1e}: {mean(losses['report']):.4f}", flush=True)


def base() -> ChatModel:
    """A fresh base model in float32 on the CPU."""
    return load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 0.0))


def section_losses(chat: ChatModel, folder: Path, pieces: list[str]) -> list[tuple[float, int]]:
    """Summed loss and tokens of each section, with the adapter served as in the app."""
    served = load_adapter(folder, chat)
    model = served.model or chat.model
    rows = [served.lora] if isinstance(served.lora, PlainLora) else [None]
    found = []
    with torch.no_grad(), apply_adapters(model, rows):
        for piece in pieces:
            parts = list(windows(chat, piece))
            found.append((sum(loss.item() for loss in summed_losses(model, parts)), count_targets(parts)))
    return found


def windows(chat: ChatModel, piece: str) -> Iterator[Example]:
    """A section in stretches of at most the window."""
    ids = chat.tokenizer(piece, add_special_tokens=False)["input_ids"]
    for start in range(0, len(ids), TOKENS):
        stretch = ids[start : start + TOKENS]
        if len(stretch) > 1:
            yield Example(stretch, stretch)


def mean(losses: list[tuple[float, int]]) -> float:
    """Nats per token over all sections."""
    return sum(loss for loss, _ in losses) / sum(tokens for _, tokens in losses)


def best(entry: Entry, out: Path) -> dict[str, Any]:
    """The record of the rate with the lowest loss on the sections held out for the choice."""
    name = entry.folder
    records = [json.loads(path.read_text()) for path in sorted(out.glob(f"{name}-[0-9]*/losses.json"))]
    return min(records, key=lambda record: mean(record["tune"]))


def interval(losses: list[tuple[float, int]], other: list[tuple[float, int]] | None = None) -> tuple[float, float]:
    """95 % bootstrap interval, over sections, of the mean loss or of its paired difference from another."""
    rows = np.array([(loss, tokens) for loss, tokens in losses])
    rows[:, 0] -= [loss for loss, _ in other] if other else 0
    drawn = np.random.default_rng(0).integers(0, len(rows), (RESAMPLES, len(rows)))
    sums = rows[drawn].sum(axis=1)
    low, high = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    return float(low), float(high)


def print_losses(out: Path) -> None:
    """Print losses at each entry's best rate, beside LoRA's, and when LoRA's final loss was reached."""
    listed = entries()
    records = {entry.name: best(entry, out) for entry in listed}
    yardstick = next(records[entry.name] for entry in listed if entry.method == YARDSTICK)
    goal = yardstick["curve"][-1][1]
    print("\n| method | best rate | loss [95 %] | against LoRA [95 %] | differs | LoRA's last loss at step |")
    print("|---|---|---|---|---|---|")
    for name, record in records.items():
        low, high = interval(record["report"])
        less, more = interval(record["report"], yardstick["report"])
        gap = mean(record["report"]) - mean(yardstick["report"])
        differs = "no" if less <= 0 <= more else "better" if more < 0 else "worse"
        reached = next((str(step) for step, loss in record["curve"] if loss <= goal), "–")
        figures = f"{mean(record['report']):.3f} [{low:.3f}, {high:.3f}] | {gap:+.3f} [{less:+.3f}, {more:+.3f}]"
        print(f"| {name} | {record['rate']:.1e} | {figures} | {differs} | {reached} |")


def print_figures(out: Path) -> None:
    """Memory, each method in a process of its own, and a block's time forward and backward over LoRA's.

    The time is the processor's on one thread: wall times of whole steps swing by a third on two shared cores.
    """
    print("\n| method | trained | file, MB | optimizer, MB | frozen, MB | kept, MiB | peak, GB | time / LoRA's |")
    print("|---|---|---|---|---|---|---|---|")
    listed = [entry for entry in entries() if entry.name == adapters.get(entry.method).label]
    for entry in listed:
        own = in_own_process(entry)
        saved = max(out.glob(f"{entry.folder}-1.00/adapter/*.safetensors")).stat().st_size
        memory = f"{own['optimizer'] / 1e6:.1f} | {own['frozen'] / 1e6:.0f} | {own['kept'] / 2**20:.0f}"
        config = AutoConfig.from_pretrained(chat_source(Settings.from_environment()).folder)
        ratios = measure_slowdowns([(entry.method, entry.options)] * TIMED, config)
        print(
            f"| {entry.name} | {own['trained']:,} | {saved / 1e6:.1f} | {memory} | "
            f"{own['peak'] / 1e9:.2f} | {statistics.median(ratios):.2f} |",
            flush=True,
        )


def in_own_process(entry: Entry) -> dict[str, float]:
    """The result of `measure` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.methods", "--worker", json.dumps(asdict(entry)), "1"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def measure(values: dict[str, Any]) -> dict[str, float]:
    """Train a few steps on the whole model and measure bytes."""
    entry = Entry(**values)
    method: Method[Any] = adapters.get(entry.method)
    chat = base()
    ids = chat.tokenizer(TEXT.read_text(), add_special_tokens=False)["input_ids"][:TOKENS]
    model = method.attach(chat.model, entry.options, 0, 100).train()
    del chat
    decoder = next(each for each in model.modules() if "layers" in dict(each.named_children()))
    kept = activation_bytes(decoder, lambda: decoder(input_ids=torch.tensor([ids]), use_cache=False))
    optimizer = method.optimizer(model, entry.options)
    for number in range(1, STEPS_WATCHED + 1):
        one_step(method, model, optimizer, ids, number)
    moments = [each for state in optimizer.state.values() for each in state.values()]
    return {
        "trained": sum(each.numel() for each in model.parameters() if each.requires_grad),
        "optimizer": sum(each.nbytes for each in moments),
        "frozen": sum(each.nbytes for each in model.parameters() if not each.requires_grad),
        "kept": kept,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def one_step(method: Method[Any], model: Any, optimizer: torch.optim.Optimizer, ids: list[int], number: int) -> None:
    """One optimizer step on one window."""
    examples = [Example(ids, ids)]
    for loss in summed_losses(unwrap(model), examples):
        (loss / count_targets(examples)).backward()
    if (penalty := method.penalty(model)) is not None:
        penalty.backward()
    optimizer.step()
    method.after_step(model, number)
    optimizer.zero_grad(set_to_none=True)


def print_ranks(out: Path) -> None:
    """Print the ranks that AdaLoRA leaves to each kind of layer, averaged over all blocks and each half."""
    folder = max(out.glob("AdaLoRA-1.00/adapter"), default=None)
    if folder is None:
        return
    ranks = {name: len(A) for name, (A, _) in adapters.get("adalora").as_lora(folder).layers.items()}
    kinds = sorted({name.rpartition(".")[2] for name in ranks})
    blocks = 1 + max(int(name.split(".")[2]) for name in ranks)
    print("\n| AdaLoRA's ranks | all blocks | lower half | upper half |\n|---|---|---|---|")
    for kind in kinds:
        by_block = [ranks.get(name, 0) for name in sorted(ranks, key=_block) if name.endswith(kind)]
        half = blocks // 2
        parts = [sum(by_block) / blocks, sum(by_block[:half]) / half, sum(by_block[half:]) / (blocks - half)]
        print(f"| {kind} | {' | '.join(f'{each:.1f}' for each in parts)} |")


def _block(name: str) -> int:
    return int(name.split(".")[2])


def print_rounding(steps: int = 200) -> None:
    """Print how far Delta-LoRA's weight is from float64's after many small updates, computed and stored."""
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(192, 576, generator=generator, dtype=torch.float64) * 0.05
    A = torch.randn(8, 576, generator=generator, dtype=torch.float64) / 24
    moves = torch.randn(steps, 192, 8, generator=generator, dtype=torch.float64) * 1e-3
    products = torch.cat([torch.zeros(1, 192, 576, dtype=torch.float64), moves.cumsum(0) @ A])
    exact = 2 * products[-1]
    print("\n| Delta-LoRA's W, error against float64 | telescoped | written step by step |\n|---|---|---|")
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        written = W.to(dtype)
        for before, after in zip(products, products[1:], strict=False):
            written = written + (2 * (after - before)).to(dtype)
        naive = (written.double() - W.to(dtype).double() - exact).norm() / exact.norm()
        told = ((2 * moves.sum(0)).to(dtype).double() @ A.to(dtype).double() - exact).norm() / exact.norm()
        print(f"| {str(dtype).removeprefix('torch.')} | {told:.1e} | {naive:.1e} |")


if __name__ == "__main__":
    main()
