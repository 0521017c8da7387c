"""The training loop: knows the Method contract and no method, yields progress, leaves checkpoints and an adapter."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

import adapters
from adapters.base import block_count
from adapters.peft_method import unwrap
from playground.data.dataset import ExampleSplit, build_checked_split, data_hash
from playground.data.reading import outline_of
from playground.data.replay import shipped_turns
from playground.data.sampler import BatchSampler
from playground.data.tokenize import Example, count_tokens
from playground.files import never
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import CHECKPOINT, write_reading
from playground.training import checkpoints, compat, distributed, fused_decoder
from playground.training.activation_cache import ActivationCache, fits_in_cache
from playground.training.best_adapter import BestAdapter, Finished
from playground.training.checkpoints import Checkpoint
from playground.training.config import RunConfig, TrainSettings
from playground.training.heldout import AnswerJudge, HeldoutTests
from playground.training.interrupt import Interrupted, interruptible
from playground.training.losses import count_targets, product_form, summed_losses
from playground.training.state import HeldoutResult, RunState, restore, restore_method, save_checkpoint
from retrieval.document import Document

MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Progress:
    """One optimizer step. Losses in nats per token; times in seconds.

    `heldout_loss` and `answers`, the score of the answers to held-out questions (0 to 1), only where measured.
    """

    step: int
    steps: int
    loss: float | None
    heldout_loss: float | None
    tokens_per_second: float
    seconds: float
    seconds_left: float | None
    answers: float | None = None

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
    judge: AnswerJudge | None = None,
) -> Iterator[Progress | Finished]:
    """Fine-tune and yield an event per step; ends with `out/adapter` written, also when stopped early.

    From the first held-out test on `out/adapter` holds the best so far, whole at any moment. `out/reading.json` says
    what is read of the text. `should_stop` is called many times within a step, and an interrupted step leaves no trace.
    With `resume`, continues from the newest whole checkpoint in `out/checkpoint` as if never stopped. The output of
    frozen lower layers is cached in the folder `shared`, for other runs on the same text too. `judge` scores answers
    to held-out questions.

    Raises:
        UserError: for a text too short to train on. MethodError: for options that do not fit the model.
        OSError, SafetensorError: for lack of disk space; earlier checkpoints are intact.
    """
    settings = config.settings
    data = load_examples(config, chat, documents)
    run = prepare_run(config, chat, checkpoints.newest_checkpoint(out / CHECKPOINT) if resume else None)
    run.activations = _open_cache(config, run, chat.hash, data, shared or out / "lower")
    reading = outline_of(data).reading(settings.steps, settings.batch_tokens, settings.seed)
    write_reading(out, reading.to_dict())
    base, products = {"name": chat.name, "hash": chat.hash}, product_form(unwrap(run.model))
    best = BestAdapter(config, base, data_hash(documents), out, reading, products)
    tests = HeldoutTests(data.heldout, chat.tokenizer, settings.test_questions, judge)
    del chat  # a method that trains over a copy lets the original go
    best.restore_after_crash(run)
    with interruptible(run.model, should_stop):
        reason = yield from _run_steps(run, settings, data.train, tests, best, should_stop)
    save_checkpoint(run, out)
    if reason == "time" and run.best_step < run.step and run.record_heldout(tests.measure(run, with_answers=True)):
        best.save(run)
    yield best.finish(run, reason)


def _run_steps(
    run: RunState,
    settings: TrainSettings,
    examples: Sequence[Example],
    tests: HeldoutTests,
    best: BestAdapter,
    should_stop: Callable[[], bool],
) -> Generator[Progress, None, str]:
    """All remaining steps; returns the reason why they ended."""
    started = time.monotonic() - run.seconds
    sampler = BatchSampler(examples, settings.batch_tokens, settings.seed)
    try:
        if run.step == 0 and run.untested is None:
            run.heldout_before = tests.measure(run).loss
            yield Progress(0, settings.steps, None, run.heldout_before, 0.0, time.monotonic() - started, None)
        while run.step < settings.steps or run.untested is not None:
            reason = _reason_to_end(run, settings, time.monotonic() - started, should_stop)
            if reason != "done":
                return reason
            progress, test = _advance(run, settings, sampler, tests, started)
            yield progress  # before its checkpoint, or a kill between them would lose it
            improved = test is not None and run.record_heldout(test)
            if improved or run.step % settings.checkpoint_every == 0:
                save_checkpoint(run, best.folder)
            if improved:
                best.save(run)
    except Interrupted:
        run.discard_step()
        return "stopped"
    return "done"


def load_examples(config: RunConfig, chat: ChatModel, documents: Sequence[Document]) -> ExampleSplit:
    """What a run reads and is tested on; the same for equal settings, text and tokenizer.

    Raises:
        UserError: the text is too short to train on.
    """
    return build_checked_split(documents, chat.tokenizer, config.settings.mix, shipped_turns(chat.hash))


def prepare_run(
    config: RunConfig,
    chat: ChatModel,
    saved: Checkpoint | None = None,
    schedule: Callable[[int], float] | None = None,
) -> RunState:
    """The method on its model, with optimizer and schedule, restored from a checkpoint if one is given.

    `schedule` gives the factor on each group's learning rate from the number of finished steps.

    Raises:
        MethodError: the options do not fit the model. IncompatibleLibraryError: see `compat`.
    """
    compat.check_libraries()
    settings = config.settings
    method = adapters.get(config.method)
    model = method.attach(chat.model, config.options, settings.seed, settings.steps)
    # After attaching, as the first attaching in a process checks the libraries with random numbers.
    torch.manual_seed(settings.seed)
    model.train()
    fused_decoder.is_supported(unwrap(model))  # tried here, where no stop interrupts it
    if saved:
        restore_method(method, model, saved)
    optimizer = method.optimizer(model, config.options)
    factor = schedule or _warmup_cosine(settings.steps, settings.warmup_share)
    run = RunState(method, model, optimizer, LambdaLR(optimizer, factor))
    if saved:
        restore(run, saved)
    return run


def _open_cache(
    config: RunConfig, run: RunState, base_hash: str, data: ExampleSplit, folder: Path
) -> ActivationCache | None:
    """The cache of the blocks below the adapted ones; None where there are no such blocks, or it would not fit."""
    model, adapted = unwrap(run.model), config.options.top_layers
    examples = [*data.train, *data.heldout]
    if not adapted or not fused_decoder.is_supported(model) or not fits_in_cache(model, examples):
        return None
    key = f"{base_hash} {run.method.frozen_form} {product_form(model)}"
    return ActivationCache(model, block_count(model) - adapted, examples, folder, key)


def _warmup_cosine(steps: int, warmup_share: float) -> Callable[[int], float]:
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


def _advance(
    run: RunState, settings: TrainSettings, sampler: BatchSampler, tests: HeldoutTests, started: float
) -> tuple[Progress, HeldoutResult | None]:
    """One optimizer step and, where it is due, the held-out test; either can be interrupted and is done again."""
    speed = 0.0
    if run.untested is None:
        batch = sampler.batch(run.step)
        step_started = time.monotonic()
        run.untested, tokens = optimizer_step(run, batch)
        speed = tokens / (time.monotonic() - step_started)
        run.step, run.tokens, run.random = run.step + 1, run.tokens + tokens, checkpoints.random_state()
    test_every = math.ceil(settings.steps / settings.evaluations)
    test_due = run.step % test_every == 0 or run.step == settings.steps
    test = tests.measure(run, with_answers=2 * run.step > settings.steps) if test_due else None
    loss, run.untested = run.untested, None
    run.seconds = time.monotonic() - started
    left = run.seconds / run.step * (settings.steps - run.step)
    heldout_loss, answers = (test.loss, test.answers) if test else (None, None)
    return Progress(run.step, settings.steps, loss, heldout_loss, speed, run.seconds, left, answers), test


def optimizer_step(run: RunState, batch: list[Example]) -> tuple[float, int]:
    """Gradients summed pack by pack (no padding), then one clipped update; returns mean loss and tokens read."""
    count, total = max(count_targets(batch), 1), 0.0
    for loss in summed_losses(unwrap(run.model), distributed.shard(batch), run.activations):
        (loss / count).backward()
        total += loss.item()
    total = distributed.sum_gradients(run.model, total)
    if (penalty := run.method.penalty(run.model)) is not None:
        penalty.backward()
    torch.nn.utils.clip_grad_norm_([p for p in run.model.parameters() if p.requires_grad], MAX_GRADIENT_NORM)
    run.optimizer.step()
    run.method.after_step(run.model, run.step + 1)
    run.optimizer.zero_grad(set_to_none=True)
    run.schedule.step()
    return total / count, count_tokens(batch)
