"""The training loop: knows the Method contract and no method, yields progress, leaves checkpoints and an adapter."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.optim.lr_scheduler import LambdaLR

import adapters
from adapters.base import block_count
from adapters.peft_method import unwrap
from playground.data import dataset, sampler
from playground.files import never
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import CHECKPOINT
from playground.training import checkpoints, distributed, fused_llama
from playground.training.activation_cache import LowerLayers, fits
from playground.training.best_adapter import Finished, Outcome
from playground.training.checkpoints import Checkpoint
from playground.training.config import RunConfig, TrainSettings
from playground.training.interrupt import Interrupted, interruptible
from playground.training.losses import count_targets, losses
from playground.training.state import RunState, restore, restore_method, save_checkpoint
from retrieval.document import Document

CLIP = 1.0


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


def train(
    config: RunConfig,
    chat: ChatModel,
    documents: Sequence[Document],
    out: Path,
    should_stop: Callable[[], bool] = never,
    resume: bool = False,
    shared: Path | None = None,
) -> Iterator[Progress | Finished]:
    """Fine-tune and yield an event a step; ends with `out/adapter` written, also when stopped early.

    From the first held-out test on `out/adapter` holds the best so far, whole at any moment. `should_stop` is asked
    many times within a step, and a step that is left in its middle leaves no trace. With `resume`, goes on from the
    newest whole checkpoint in `out/checkpoint` as if never stopped. What the frozen layers below the adapted ones make
    of the text is kept in the folder `shared`, for other runs on the same text too.

    Raises:
        UserError: for a text too short to train on. MethodError: for options that do not fit the model.
        OSError: for lack of room; the checkpoints before are intact.
    """
    settings = config.settings
    data = examples_of(config, chat, documents)
    run = prepare(config, chat, checkpoints.newest_checkpoint(out / CHECKPOINT) if resume else None)
    run.lower = _lower(config, run, chat.hash, data, shared or out / "lower")
    outcome = Outcome(config, {"name": chat.name, "hash": chat.hash}, data.data_hash, out)
    del chat  # a method that trains over a copy lets the original go
    outcome.make_up_for_a_kill(run)
    with interruptible(run.model, should_stop):
        reason = yield from _steps(run, settings, data, outcome, should_stop)
    save_checkpoint(run, out)
    if reason == "time" and run.best_step < run.step and run.judge(heldout_loss(run, data.heldout)):
        outcome.keep(run)
    yield outcome.close(run, reason)


def _steps(
    run: RunState,
    settings: TrainSettings,
    data: dataset.Corpus,
    outcome: Outcome,
    should_stop: Callable[[], bool],
) -> Generator[Progress, None, str]:
    """All steps that are left; returns the reason why they ended."""
    started = time.monotonic() - run.seconds
    try:
        if run.step == 0 and run.untested is None:
            run.heldout_before = heldout_loss(run, data.heldout)
            yield Progress(0, settings.steps, None, run.heldout_before, 0.0, time.monotonic() - started, None)
        while run.step < settings.steps or run.untested is not None:
            if (reason := _reason_to_end(run, settings, time.monotonic() - started, should_stop)) != "done":
                return reason
            progress = _advance(run, settings, data, started)
            yield progress  # before its checkpoint, or a kill between them would lose it
            improved = progress.heldout_loss is not None and run.judge(progress.heldout_loss)
            if improved or run.step % settings.checkpoint_every == 0:
                save_checkpoint(run, outcome.folder)
            if improved:
                outcome.keep(run)
    except Interrupted:
        run.give_up_step()
        return "stopped"
    return "done"


def heldout_loss(run: RunState, examples: Dataset) -> float:
    """Mean loss in nats over every held-out token that carries loss (never a model's own `.loss`)."""
    was_training = run.model.training
    run.model.eval()
    rows = list(examples)
    with torch.no_grad():
        total = sum(loss.item() for loss in losses(unwrap(run.model), rows, run.lower))
    run.model.train(was_training)
    return total / max(count_targets(rows), 1)


def examples_of(config: RunConfig, chat: ChatModel, documents: Sequence[Document]) -> dataset.Corpus:
    """What a run reads and is tested on; the same for equal settings, text and tokenizer.

    Raises:
        UserError: the text is too short to train on.
    """
    settings = config.settings
    return dataset.build(
        documents,
        chat.tokenizer,
        window=settings.window,
        heldout_share=settings.heldout_share,
        seed=settings.seed,
        pairs_share=settings.pairs_share,
        passages_share=settings.passages_share,
    )


def prepare(
    config: RunConfig,
    chat: ChatModel,
    saved: Checkpoint | None = None,
    schedule: Callable[[int], float] | None = None,
) -> RunState:
    """The method on its model with optimizer and schedule, as a checkpoint left them, if any.

    `schedule` gives the factor on each group's learning rate from the number of steps done.
    """
    settings = config.settings
    method = adapters.get(config.method)
    torch.manual_seed(settings.seed)
    model = method.attach(chat.model, config.options, settings.seed, settings.steps)
    model.train()
    if saved:
        restore_method(method, model, saved)
    optimizer = method.optimizer(model, config.options)
    factor = schedule or _schedule(settings.steps, settings.warmup_share)
    run = RunState(method, model, optimizer, LambdaLR(optimizer, factor))
    if saved:
        restore(run, saved)
    return run


def _lower(config: RunConfig, run: RunState, base: str, data: dataset.Corpus, folder: Path) -> LowerLayers | None:
    """What the layers below the adapted ones say, where there are such layers and their answers can be kept."""
    model, adapted = unwrap(run.model), config.options.top_layers
    rows = [*data.train, *data.heldout]
    if not adapted or not fused_llama.applies(model) or not fits(model, rows):
        return None
    return LowerLayers(model, block_count(model) - adapted, rows, folder, f"{base} {run.method.frozen_form}")


def _schedule(steps: int, warmup_share: float) -> Callable[[int], float]:
    """Linear warm-up, then a cosine down to a tenth: the factor on each group's own learning rate."""
    warmup = max(1, round(steps * warmup_share))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, steps - warmup)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * min(done, 1.0)))

    return factor


def _reason_to_end(run: RunState, settings: TrainSettings, seconds: float, should_stop: Callable[[], bool]) -> str:
    if should_stop():
        return "stopped"
    if settings.patience and run.stale >= settings.patience:
        return "early"
    return "time" if seconds >= settings.max_seconds else "done"


def _advance(run: RunState, settings: TrainSettings, data: dataset.Corpus, started: float) -> Progress:
    """One optimizer step and, where it is due, the held-out loss; each can be left in its middle and made up for."""
    speed = 0.0
    if run.untested is None:
        batch = batch_of(data.train, run.step, settings.batch_tokens, settings.seed)
        began = time.monotonic()
        run.untested, tokens = optimizer_step(run, batch)
        speed = tokens / (time.monotonic() - began)
        run.step, run.tokens, run.random = run.step + 1, run.tokens + tokens, checkpoints.random_state()
    every = math.ceil(settings.steps / settings.evaluations)
    due = run.step % every == 0 or run.step == settings.steps
    measured = heldout_loss(run, data.heldout) if due else None
    loss, run.untested = run.untested, None
    run.seconds = time.monotonic() - started
    left = run.seconds / run.step * (settings.steps - run.step)
    return Progress(run.step, settings.steps, loss, measured, speed, run.seconds, left)


def optimizer_step(run: RunState, batch: list[dict[str, list[int]]]) -> tuple[float, int]:
    """Gradients summed pack by pack (no padding), then one clipped update; returns mean loss and tokens read."""
    count, total = max(count_targets(batch), 1), 0.0
    for loss in losses(unwrap(run.model), distributed.share(batch), run.lower):
        (loss / count).backward()
        total += loss.item()
    total = distributed.sum_gradients(run.model, total)
    if (penalty := run.method.penalty(run.model)) is not None:
        penalty.backward()
    torch.nn.utils.clip_grad_norm_([p for p in run.model.parameters() if p.requires_grad], CLIP)
    run.optimizer.step()
    run.method.after_step(run.model, run.step + 1)
    run.optimizer.zero_grad(set_to_none=True)
    run.schedule.step()
    return total / count, sum(len(each["input_ids"]) for each in batch)


def batch_of(examples: Dataset, step: int, batch_tokens: int, seed: int) -> list[dict[str, list[int]]]:
    """The examples of one step, from the step's number alone: a resumed run reads what it would have read."""
    tokens = sum(len(ids) for ids in examples["input_ids"])
    size = sampler.size_of(tokens, len(examples), batch_tokens)
    return [examples[place] for place in sampler.places(len(examples), size, step, seed)]
