"""The training loop: knows the Method contract and no method, yields progress, leaves checkpoints and an adapter."""

import json
import math
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from datasets import Dataset
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR

import adapters
from adapters.base import Method
from playground import checkpoints, corpus
from playground.checkpoints import Checkpoint
from playground.models import ChatModel
from playground.runs import RunConfig
from retrieval.documents import Document

CLIP = 1.0


def never() -> bool:
    """The stop signal of a run that nobody stops."""
    return False


@dataclass(frozen=True)
class Progress:
    """One optimizer step. Losses in nats a token; `heldout_loss` only where it was measured; times in seconds."""

    step: int
    steps: int
    loss: float | None
    heldout_loss: float | None
    tokens_per_second: float
    seconds: float
    seconds_left: float | None

    def to_dict(self) -> dict[str, Any]:
        """The event as the log and the command line write it."""
        return {"event": "progress", **self.__dict__}


@dataclass(frozen=True)
class Finished:
    """The run's end; `reason` is done, stopped (asked to) or time (max_seconds reached)."""

    adapter: Path
    reason: str
    step: int
    steps: int
    heldout_before: float
    heldout_after: float
    trainable: int
    tokens: int
    seconds: float
    peak_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The event as the log and the command line write it."""
        return {"event": "finished", **self.__dict__, "adapter": str(self.adapter)}


@dataclass
class _Run:
    """What the loop carries from step to step."""

    method: Method
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LambdaLR
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    heldout_before: float = math.nan
    heldout_after: float = math.nan


def train(
    config: RunConfig,
    chat: ChatModel,
    documents: Sequence[Document],
    out: Path,
    should_stop: Callable[[], bool] = never,
    resume: bool = False,
) -> Iterator[Progress | Finished]:
    """Fine-tune and yield an event a step; ends with `out/adapter` written, also when stopped early.

    With `resume`, goes on from the newest whole checkpoint in `out/checkpoint` as if never stopped.

    Raises:
        UserError: for a text too short to train on. MethodError: for options that do not fit the model.
    """
    settings = config.settings
    data = corpus.build(
        documents,
        chat.tokenizer,
        window=settings.window,
        heldout_share=settings.heldout_share,
        seed=settings.seed,
        pairs_share=settings.pairs_share,
        with_passages=settings.with_passages,
    )
    run = _prepare(config, chat, out if resume else None)
    base = {"name": chat.name, "hash": chat.hash}
    del chat  # a method that trains over a copy lets the original go
    started = time.monotonic() - run.seconds
    if run.step == 0:
        run.heldout_before = run.heldout_after = heldout_loss(run.model, data.heldout)
        yield Progress(0, settings.steps, None, run.heldout_before, 0.0, time.monotonic() - started, None)
    reason = "done"
    while run.step < settings.steps:
        reason = _reason_to_end(settings.max_seconds, time.monotonic() - started, should_stop)
        if reason != "done":
            break
        yield _advance(run, config, data, started)
        if run.step % settings.checkpoint_every == 0:
            _save_checkpoint(run, out)
    _save_checkpoint(run, out)
    if run.step < settings.steps:
        run.heldout_after = heldout_loss(run.model, data.heldout)
    yield _finish(run, config, base, data, out, reason)


def heldout_loss(model: torch.nn.Module, examples: Dataset) -> float:
    """Mean loss in nats over every held-out token that carries loss, from the logits (never a model's own `.loss`)."""
    was_training = model.training
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for each in examples:
            loss, tokens = example_loss(model, each)
            total, count = total + loss.item(), count + tokens
    model.train(was_training)
    return total / max(count, 1)


def example_loss(model: torch.nn.Module, example: dict[str, list[int]]) -> tuple[Tensor, int]:
    """Summed loss of one example and the number of tokens it is summed over.

    Logits are made only at positions that predict a token with loss: shape (positions, vocabulary).
    """
    device = next(model.parameters()).device
    ids = torch.tensor([example["input_ids"]], device=device)
    targets = torch.tensor(example["labels"][1:], device=device)
    positions = (targets != corpus.NO_LOSS).nonzero().squeeze(1)
    logits = model(input_ids=ids, logits_to_keep=positions, use_cache=False).logits[0]
    return cross_entropy(logits.float(), targets[positions], reduction="sum"), len(positions)


def _prepare(config: RunConfig, chat: ChatModel, out: Path | None) -> _Run:
    """The method on its model with optimizer and schedule, as the newest checkpoint in `out` left them, if any."""
    settings = config.settings
    saved = checkpoints.newest(out / "checkpoint") if out else None
    method = adapters.get(config.method)
    torch.manual_seed(settings.seed)
    model = method.attach(chat.model, config.options, settings.seed, settings.steps)
    model.train()
    if saved:
        prefix = "method."
        own = {name[len(prefix) :]: each for name, each in saved.tensors.items() if name.startswith(prefix)}
        method.load_state(model, own)
    optimizer = method.optimizer(model, config.options)
    run = _Run(method, model, optimizer, LambdaLR(optimizer, _schedule(settings.steps, settings.warmup_share)))
    if saved:
        _restore(run, saved)
    return run


def _schedule(steps: int, warmup_share: float) -> Callable[[int], float]:
    """Linear warm-up, then a cosine down to a tenth: the factor on each group's own learning rate."""
    warmup = max(1, round(steps * warmup_share))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, steps - warmup)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * min(done, 1.0)))

    return factor


def _reason_to_end(max_seconds: float, seconds: float, should_stop: Callable[[], bool]) -> str:
    if should_stop():
        return "stopped"
    return "time" if seconds >= max_seconds else "done"


def _advance(run: _Run, config: RunConfig, data: corpus.Corpus, started: float) -> Progress:
    """One optimizer step and, where it is due, the held-out loss."""
    settings = config.settings
    batch = _batch(data.train, run.step, settings.batch_tokens, settings.seed)
    began = time.monotonic()
    loss, tokens = _optimizer_step(run, batch)
    speed = tokens / (time.monotonic() - began)
    run.step, run.tokens = run.step + 1, run.tokens + tokens
    every = math.ceil(settings.steps / settings.evaluations)
    measured = None
    if run.step % every == 0 or run.step == settings.steps:
        measured = run.heldout_after = heldout_loss(run.model, data.heldout)
    run.seconds = time.monotonic() - started
    left = run.seconds / run.step * (settings.steps - run.step)
    return Progress(run.step, settings.steps, loss, measured, speed, run.seconds, left)


def _optimizer_step(run: _Run, batch: list[dict[str, list[int]]]) -> tuple[float, int]:
    """Gradients summed example by example (no padding), then one clipped update; returns mean loss and tokens read."""
    counted = sum(label != corpus.NO_LOSS for each in batch for label in each["labels"][1:])
    total = 0.0
    for each in batch:
        loss, _ = example_loss(run.model, each)
        (loss / max(counted, 1)).backward()
        total += loss.item()
    if (penalty := run.method.penalty(run.model)) is not None:
        penalty.backward()
    torch.nn.utils.clip_grad_norm_([p for p in run.model.parameters() if p.requires_grad], CLIP)
    run.optimizer.step()
    run.method.after_step(run.model, run.step + 1)
    run.optimizer.zero_grad(set_to_none=True)
    run.schedule.step()
    return total / max(counted, 1), sum(len(each["input_ids"]) for each in batch)


def _batch(examples: Dataset, step: int, batch_tokens: int, seed: int) -> list[dict[str, list[int]]]:
    """The examples of one step, from the step's number alone: a resumed run reads what it would have read."""
    mean = sum(len(ids) for ids in examples["input_ids"]) / len(examples)
    size = max(1, round(batch_tokens / mean))
    first = step * size
    chosen = []
    for position in range(first, first + size):
        epoch, place = divmod(position, len(examples))
        chosen.append(examples[_order(len(examples), seed, epoch)[place]])
    return chosen


def _order(count: int, seed: int, epoch: int) -> list[int]:
    order = list(range(count))
    random.Random(seed * 1_000_003 + epoch).shuffle(order)
    return order


def _save_checkpoint(run: _Run, out: Path) -> None:
    tensors, optimizer = checkpoints.flatten("optimizer", run.optimizer.state_dict())
    tensors |= {f"method.{name}": each.detach() for name, each in run.method.state(run.model).items()}
    tensors["random"] = torch.get_rng_state()
    facts = {
        "optimizer": optimizer,
        "schedule": {key: value for key, value in run.schedule.state_dict().items() if key != "lr_lambdas"},
        "tokens": run.tokens,
        "seconds": run.seconds,
        "heldout_before": run.heldout_before,
        "heldout_after": run.heldout_after,
    }
    checkpoints.save(out / "checkpoint", Checkpoint(run.step, tensors, facts))


def _restore(run: _Run, saved: Checkpoint) -> None:
    """Everything but the method's own state, which the optimizer had to be made after."""
    facts = saved.facts
    run.optimizer.load_state_dict(checkpoints.unflatten("optimizer", saved.tensors, facts["optimizer"]))
    run.schedule.load_state_dict({**facts["schedule"], "lr_lambdas": [None] * len(run.optimizer.param_groups)})
    torch.set_rng_state(saved.tensors["random"])
    run.step, run.tokens, run.seconds = saved.step, facts["tokens"], facts["seconds"]
    run.heldout_before, run.heldout_after = facts["heldout_before"], facts["heldout_after"]


def _finish(run: _Run, config: RunConfig, base: dict, data: corpus.Corpus, out: Path, reason: str) -> Finished:
    """Write the adapter and the record of how it came to be."""
    folder = out / "adapter"
    folder.mkdir(parents=True, exist_ok=True)
    run.method.save(run.model, folder)
    trainable = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    end = Finished(
        folder,
        reason,
        run.step,
        config.settings.steps,
        run.heldout_before,
        run.heldout_after,
        trainable,
        run.tokens,
        run.seconds,
        peak_bytes(),
    )
    record = {
        **config.to_dict(),
        "base": base,
        "data_hash": data.data_hash,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__},
        "figures": {key: value for key, value in end.to_dict().items() if key not in ("event", "adapter")},
    }
    (folder / "run.json").write_text(json.dumps(record, indent=1))
    return end


def peak_bytes() -> int:
    """This process's largest resident size so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
