"""The training loop against transformers' Trainer with PEFT: `python -m benchmarks.training`.

Each side runs in a process of its own, one after the other: the same model, examples, order, LoRA (rank 8 on all
linear layers), AdamW and clipping. `--part` selects one of the tables.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

import adapters
from adapters.peft_method import unwrap
from playground.data import dataset
from playground.data.mix import MixSettings
from playground.data.tokenize import NO_LOSS, Example, count_tokens
from playground.device import Device
from playground.jobs.processes import WORKER
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.training import linear_cross_entropy
from playground.training import loop as training_loop
from playground.training.config import Preset, preset_settings
from playground.training.estimate import plan_run
from playground.training.losses import count_targets, summed_losses
from playground.training.throughput import training_speed
from playground.training.workload import measure_workload
from retrieval.readers.dispatch import read_document

TABLES = ("pairs", "windows", "losses", "layers")
LAYERS, SECONDS = (0, 15, 10, 6), 60  # top layers adapted, 0 for all; planned seconds of each run
RANK, ALPHA, RATE, CLIP = 8, 16.0, 1e-3, 1.0
PASSES = 28  # of the matrix products alone
PAIRS, WINDOWS, WINDOW = 8, 4, 256  # examples per step, windows per step, tokens per window


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the texts")
    parser.add_argument("--steps", type=int, default=8, help="optimizer steps of each side, the first not timed")
    parser.add_argument("--rounds", type=int, default=1, help="times each side is measured, in turn; medians are told")
    parser.add_argument("--part", choices=TABLES, action="append", help="one table")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(side(asked.data, json.loads(asked.side))))
        return
    for part in asked.part or TABLES:
        globals()[f"{part}_table"](asked.data, asked.steps, asked.rounds)


def pairs_table(data: Path, steps: int, rounds: int) -> None:
    """Ragged chat pairs."""
    ours, *peers = medians(
        data, [{"work": "pairs", "steps": steps, "batch": each} for each in (0, 1, 4, PAIRS)], rounds
    )
    best = max(each["tokens_per_second"] for each in peers)
    print(
        f"\n{ours['tokens']} tokens of pairs, {PAIRS} pairs per step\n\n| side | tokens/s | ours | peak MB | end loss |"
    )
    print("|---|---|---|---|---|")
    for name, each in zip(("ours", *(f"Trainer, batch {b}" for b in (1, 4, PAIRS))), (ours, *peers), strict=True):
        print(_line(name, each, ours))
    print(f"\nagainst the best batch {ours['tokens_per_second'] / best:.2f} × (asked 1.5), against {PAIRS} "
          f"{ours['tokens_per_second'] / peers[-1]['tokens_per_second']:.2f} × (asked 2.2)")  # fmt: skip


def windows_table(data: Path, steps: int, rounds: int) -> None:
    """Full windows of prose; each side's share is that of the limit timed in the same process."""
    sides = medians(data, [{"work": "windows", "steps": steps, "batch": each} for each in (0, 1, WINDOWS)], rounds)
    ours = sides[0]
    print(f"\n{WINDOWS} × {WINDOW} tokens per step\n\n| side | tokens/s | of the limit | ours | peak MB | end loss |")
    print("|---|---|---|---|---|---|")
    for name, each in zip(("ours", "Trainer, batch 1", f"Trainer, batch {WINDOWS}"), sides, strict=True):
        print(_line(name, each, ours, f"{each['share']:.1%} | "))
    print(f"\nmatrix products alone: {ours['limit']:.1f} tokens/s")


def losses_table(data: Path, steps: int, _rounds: int) -> None:
    """Loss after the same number of tokens, for three seeds of the adapter."""
    print("\n| seed | ours | Trainer |\n|---|---|---|")
    for seed in range(3):
        work = {"work": "pairs", "steps": 2 * steps, "seed": seed}
        ours, peer = measured(data, {**work, "batch": 0}), measured(data, {**work, "batch": PAIRS})
        print(f"| {seed} | {ours['mean_loss']:.4f} | {peer['mean_loss']:.4f} |", flush=True)


def layers_table(data: Path, _steps: int, _rounds: int) -> None:
    """Fewer adapted layers with cached activations: speed once all is cached, and loss after equal planned time."""
    print(f"\nUS Constitution, runs planned for {SECONDS} s\n")
    print("| top layers | tokens/s | against all | readings | took | held-out loss |\n|---|---|---|---|---|---|")
    first = 0.0
    for layers in LAYERS:
        each = measured(data, {"work": "layers", "layers": layers, "batch": 0})
        first = first or each["tokens_per_second"]
        gain = each["tokens_per_second"] / first
        readings = f"{each['readings']:.1f} | {each['seconds']:.0f} s"
        found = f"{each['before']:.3f} → {each['after']:.3f}"
        print(
            f"| {layers or 'all'} | {each['tokens_per_second']:.0f} | {gain:.2f} × | {readings} | {found} |", flush=True
        )


def _line(name: str, each: dict[str, Any], ours: dict[str, Any], more: str = "") -> str:
    speed, peak = each["tokens_per_second"], each["peak"] / 1e6
    return (
        f"| {name} | {speed:.1f} | {more}{ours['tokens_per_second'] / speed:.2f} × | {peak:.0f} | {each['loss']:.4f} |"
    )


def medians(data: Path, sides: Sequence[dict[str, Any]], rounds: int) -> list[dict[str, Any]]:
    """Each side's median figures, measured in alternation, as the machine's speed varies."""
    found = [[measured(data, work) for work in sides] for _ in range(rounds)]
    return [{name: median(each[name] for each in side) for name in side[0]} for side in zip(*found, strict=True)]


def measured(data: Path, work: dict[str, Any]) -> dict[str, Any]:
    """One side in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training", "--data", str(data), "--side", json.dumps(work)]
    environment = {**os.environ, **({} if work["batch"] else WORKER)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def side(data: Path, work: dict[str, Any]) -> dict[str, Any]:
    """Train and measure; a batch of 0 means our loop, any other the Trainer."""
    chat = load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 0.0))
    if work["work"] == "layers":
        return whole_run(data, chat, work["layers"])
    group = PAIRS if work["work"] == "pairs" else WINDOWS
    rows = examples(data, chat, work["work"])[: group * work["steps"]]
    steps = [rows[start : start + group] for start in range(0, len(rows), group)]
    seed, batch = work.get("seed", 0), work["batch"]
    seconds, model, found = peer(chat, steps, batch, seed) if batch else ours(chat, steps, seed)
    tokens = sum(count_tokens(step) for step in steps[1:])
    made = {
        "tokens": tokens,
        "tokens_per_second": tokens / seconds,
        "loss": found[-1],
        "mean_loss": sum(found[len(found) // 2 :]) / (len(found) - len(found) // 2),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    if work["work"] == "pairs":
        return made
    most = limit(unwrap(model))
    return {**made, "limit": most, "share": made["tokens_per_second"] / most}


def whole_run(data: Path, chat: ChatModel, layers: int) -> dict[str, Any]:
    """A run as the app plans it, with `layers` adapted layers; its speed is the median of the last third."""
    text = read_document(data / "us_constitution/us-constitution.txt")
    tokens = len(chat.tokenizer(text.text, add_special_tokens=False)["input_ids"])
    preset = Preset(seconds=SECONDS, epochs=99, batch_tokens=256, evaluations=2)
    speed = training_speed(chat.model, Device("cpu", torch.float32, 0.0))
    load = measure_workload([text], chat.tokenizer, preset_settings(preset, {}))
    config = plan_run("lora", preset, {"top_layers": layers}, {}, load, chat.model.config, speed)
    with tempfile.TemporaryDirectory() as folder:
        *steps, end = training_loop.train(config, chat, [text], Path(folder))
    speeds = [each.tokens_per_second for each in steps[-len(steps) // 3 :]]
    return {
        "tokens_per_second": median(speeds),
        "readings": end.tokens / tokens,
        "seconds": end.seconds,
        "before": end.heldout_before,
        "after": end.heldout_after,
    }


def examples(data: Path, chat: ChatModel, work: str) -> list[Example]:
    """Chat pairs of the Devil's Dictionary, or full windows of the Debian FAQ."""
    if work == "windows":
        text = read_document(data / "debian_faq/debian-faq.en.txt").text
        ids = chat.tokenizer(text, add_special_tokens=False)["input_ids"]
        cut = [ids[start : start + WINDOW] for start in range(0, len(ids) - WINDOW, WINDOW)]
        return [Example(each, each) for each in cut]
    document = read_document(data / "devils_dictionary/devils_dictionary.jsonl")
    made = dataset.build_checked_split([document], chat.tokenizer, MixSettings(WINDOW, 0.01, 0, pairs_share=1.0))
    return made.train


def ours(chat: ChatModel, steps: Sequence[Sequence[Example]], seed: int) -> tuple[float, Any, list[float]]:
    """Seconds of all steps but the first, the model, and each step's loss."""
    method = adapters.get("lora")
    options = method.Options(rank=RANK, alpha=ALPHA, learning_rate=RATE)
    model = method.attach(chat.model, options, seed, len(steps)).train()
    optimizer, found, began = method.optimizer(model, options), [], 0.0
    for number, step in enumerate(steps):
        began = time.perf_counter() if number == 1 else began
        total, count = 0.0, count_targets(step)
        for each in summed_losses(unwrap(model), step):
            (each / count).backward()
            total += each.item()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        found.append(total / count)
    return time.perf_counter() - began, model, found


def peer(chat: ChatModel, steps: Sequence[Sequence[Example]], batch: int, seed: int) -> tuple[float, Any, list[float]]:
    """The same with transformers' Trainer: padded batches, accumulated to the same examples per step."""
    from datasets import Dataset
    from torch.utils.data import SequentialSampler
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

    class InOrder(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(self.train_dataset)

    class Watch(TrainerCallback):
        began, found = 0.0, list[float]()

        def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            self.began = time.perf_counter() if state.global_step == 1 else self.began

        def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            self.found += [logs["loss"]] if "loss" in logs else []

    method = adapters.get("lora")
    model = method.attach(chat.model, method.Options(rank=RANK, alpha=ALPHA), seed, len(steps)).train()
    for module in model.modules():
        vars(module).pop("forward", None)  # PEFT's own layers, as it made them
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=len(steps[0]) // batch,
            max_steps=len(steps),
            learning_rate=RATE,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            max_grad_norm=CLIP,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            seed=seed,
        )
        collator = DataCollatorForSeq2Seq(chat.tokenizer, label_pad_token_id=NO_LOSS)
        data = Dataset.from_list([{"input_ids": each.input_ids, "labels": each.labels} for each in chain(*steps)])
        InOrder(model, arguments, data_collator=collator, train_dataset=data, callbacks=[watch]).train()
    return time.perf_counter() - watch.began, model, watch.found


def limit(model: Any) -> float:
    """Tokens per second of one window's matrix products alone."""
    products = list(_products(model))
    with torch.no_grad():
        _seconds(products)
        seconds = [_seconds(products) for _ in range(PASSES)]
    return WINDOW * PASSES / sum(seconds)


def _seconds(products: Sequence[Callable[[], Tensor]]) -> float:
    began = time.perf_counter()
    for product in products:
        product()
    return time.perf_counter() - began


def _products(model: Any) -> Iterator[Callable[[], Tensor]]:
    """The products of each layer and its LoRA in both directions, attention's seven, and the head's two."""
    buffers = {size: torch.randn(WINDOW, size) for size in {each.shape[0] for each in model.parameters()}}
    for layer in model.modules():
        if "base_layer" in dict(layer.named_children()):
            W, A, B = (each.weight for each in (layer.base_layer, layer.lora_A.default, layer.lora_B.default))
            yield from _layer_products(buffers[W.shape[1]], buffers[W.shape[0]], W, A, B)
    heads, size = model.config.num_attention_heads, model.config.head_dim
    q, scores = torch.randn(heads, WINDOW, size), torch.randn(heads, WINDOW, WINDOW)
    for _ in range(model.config.num_hidden_layers):
        yield from [lambda: q @ q.transpose(1, 2)] * 3 + [lambda: scores @ q] * 4  # type: ignore[misc]
    head, hidden = model.get_output_embeddings().weight, buffers[model.config.hidden_size]
    made = linear_cross_entropy.linear_logits(hidden, head)
    yield from (lambda: linear_cross_entropy.linear_logits(hidden, head), lambda: made @ head)


def _layer_products(x: Tensor, g: Tensor, W: Tensor, A: Tensor, B: Tensor) -> list[Callable[[], Tensor]]:
    low = x @ A.T
    forward = [lambda: x @ W.T, lambda: A @ x.T, lambda: low @ B.T]
    return [*forward, lambda: g @ W, lambda: B.T @ g.T, lambda: low @ A, lambda: low.T @ x, lambda: low.T @ g]


if __name__ == "__main__":
    main()
