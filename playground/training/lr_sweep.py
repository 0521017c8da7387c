"""A sweep over learning rate and batch size: a range test, then a small grid with successive halving.

Range test: Smith, "Cyclical Learning Rates" (arXiv 1506.01186), section 3.3. Halving: Jamieson and Talwalkar (arXiv
1502.07943), algorithm 1. Knows no method, no queue and no page.
"""

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.options import knobs
from playground.data.sampler import BatchSampler
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import CHECKPOINT
from playground.training import loop as training_loop
from playground.training.config import RunConfig
from playground.training.interrupt import Interrupted, interruptible
from playground.training.loop import Finished
from retrieval.document import Document

FINDER_STEPS = 30
RANGE = 300.0  # the range test goes from the planned rate over this to the planned rate times its root
SMOOTHING = 0.7
DIVERGED = 1.0  # nats above the lowest smoothed loss: the rate is too high, and higher ones need no test
RATE_FACTORS = (1 / 3, 1.0, 3.0)  # the grid's rates, over the suggested one
BATCH_FACTORS = (0.5, 1.0)  # the grid's batches, over the planned tokens per step
RUNGS = (4, 2, 1)  # at a rung, 1 / rung of the whole run is done
ARMS_PER_RUNG = (6, 3, 2)  # arms that train up to each rung: all, the better half, the best two

Load = Callable[[], ChatModel]
RungLosses = Mapping[tuple[int, int], float]  # (arm, rung) -> held-out loss


@dataclass(frozen=True)
class RangePoint:
    """One step of the range test; `smoothed` is the moving average that the test is read from."""

    step: int
    rate: float
    loss: float
    smoothed: float


def range_test(
    config: RunConfig, chat: ChatModel, documents: Sequence[Document], should_stop: Callable[[], bool]
) -> Iterator[RangePoint]:
    """Train with an exponentially rising rate and yield the loss at each step, until it diverges.

    Raises:
        Interrupted: a stop was requested; the test starts again. UserError: the text is too short.
    """
    low, high = rate_range(config)
    start = config.options.learning_rate
    settings = config.settings
    train = training_loop.load_examples(config, chat, documents).train
    sampler = BatchSampler(train, settings.batch_tokens, settings.seed)
    run = training_loop.prepare_run(config, chat, schedule=lambda done: _rate(low, high, done) / start)
    del chat
    least = smoothed = math.inf
    with interruptible(run.model, should_stop):
        for step in range(FINDER_STEPS):
            loss, _ = training_loop.optimizer_step(run, sampler.batch(step))
            smoothed = loss if math.isinf(smoothed) else SMOOTHING * smoothed + (1 - SMOOTHING) * loss
            least = min(least, smoothed)
            yield RangePoint(step + 1, _rate(low, high, step), loss, smoothed)
            if not smoothed < least + DIVERGED:
                return


def rate_range(config: RunConfig) -> tuple[float, float]:
    """The lowest and the highest rate to test: around the planned one, within the method's limits."""
    limits = next(knob for knob in knobs(type(config.options)) if knob.name == "learning_rate")
    rate = config.options.learning_rate
    low, high = rate / RANGE, rate * math.sqrt(RANGE)
    return max(low, limits.low or low), min(high, limits.high or high)


def suggest_rate(points: Sequence[RangePoint], otherwise: float) -> float:
    """The rate at which the smoothed loss falls fastest per log of the rate; `otherwise` if it never falls."""
    slopes = [
        ((after.smoothed - before.smoothed) / math.log(after.rate / before.rate), after.rate)
        for before, after in zip(points[1:], points[3:], strict=False)
        if math.isfinite(after.smoothed)
    ]
    slope, rate = min(slopes, default=(0.0, otherwise))
    return rate if slope < 0 else otherwise


def build_grid(config: RunConfig, rate: float) -> list[RunConfig]:
    """Runs that read the same number of tokens, with rates around `rate` and two batch sizes."""
    low, high = rate_range(config)
    tokens = config.settings.steps * config.settings.batch_tokens
    arms = []
    for share in BATCH_FACTORS:
        batch = max(32, round(config.settings.batch_tokens * share))
        steps = max(RUNGS[0], RUNGS[0] * round(tokens / batch / RUNGS[0]))  # a rung is at a whole step
        settings = replace(config.settings, steps=steps, batch_tokens=batch, evaluations=RUNGS[0], patience=0)
        for factor in RATE_FACTORS:
            options = replace(config.options, learning_rate=min(high, max(low, rate * factor)))
            arms.append(replace(config, options=options, settings=settings))
    return arms


def rung_steps(arms: Sequence[RunConfig]) -> int:
    """The most steps that all arms together may take; they take fewer where arms with many steps drop out."""
    steps = sorted((arm.settings.steps for arm in arms), reverse=True)
    reached = [0, *(1 / rung for rung in RUNGS)]
    shares = [after - before for before, after in zip(reached, reached[1:], strict=False)]
    return sum(round(share * step) for kept, share in zip(ARMS_PER_RUNG, shares, strict=True) for step in steps[:kept])


def successive_halving(
    arms: Sequence[RunConfig],
    load: Load,
    documents: Sequence[Document],
    folder: Path,
    should_stop: Callable[[], bool],
    judged: RungLosses,
) -> Generator[dict[str, Any], None, dict[tuple[int, int], float]]:
    """Train all arms to the first rung and the better ones on to the next; returns the held-out losses.

    `judged` holds the losses of an earlier call that was interrupted, and is included. Yields {"arm", "rung", "loss"}
    for each arm at each rung, and {"arm", "step"} after every step.

    Raises:
        Interrupted: a stop was requested; called again with the losses so far, the arm continues from its checkpoint.
    """
    losses = dict(judged)
    while trials := open_trials(losses):
        for arm, rung in trials:
            out = arm_folder(folder, arm)
            loss = yield from train_to_rung(arm, arms[arm], rung, load, documents, out, should_stop)
            losses[arm, rung] = loss
            yield {"arm": arm, "rung": rung, "loss": loss}
    return losses


def open_trials(losses: RungLosses) -> list[tuple[int, int]]:
    """Which arms are to be trained next, each with the rung: all up to the same one, so in any order; none at the end.

    Of all arms the better half goes on from the first rung, and so on.
    """
    running = list(range(ARMS_PER_RUNG[0]))
    for rung, kept in zip(RUNGS, ARMS_PER_RUNG, strict=True):
        running = running[:kept]
        if missing := [(arm, rung) for arm in running if (arm, rung) not in losses]:
            return missing
        running = [arm for _, arm in sorted((_finite_or_inf(losses[arm, rung]), arm) for arm in running)]
    return []


def arm_folder(folder: Path, arm: int) -> Path:
    """Where an arm keeps its checkpoint between two rungs, in the folder of all."""
    return folder / f"arm-{arm}"


def best_arm(losses: RungLosses) -> int:
    """The arm with the lowest loss of those that were trained to the end."""
    return min((_finite_or_inf(loss), arm) for (arm, rung), loss in losses.items() if rung == RUNGS[-1])[1]


def train_to_rung(
    arm: int,
    config: RunConfig,
    rung: int,
    load: Load,
    documents: Sequence[Document],
    out: Path,
    should_stop: Callable[[], bool],
) -> Generator[dict[str, Any], None, float]:
    """Train one arm from where its folder has it to a rung; returns its lowest held-out loss so far.

    Yields {"arm", "step"} after every step. Raises Interrupted once a stop was requested.
    """
    goal = config.settings.steps // rung
    out.mkdir(parents=True, exist_ok=True)
    reached, loss = 0, math.inf

    def reached_goal() -> bool:
        return should_stop() or reached >= goal

    for event in training_loop.train(config, load(), documents, out, reached_goal, (out / CHECKPOINT).exists()):
        if isinstance(event, Finished):
            loss = math.inf if event.heldout_after is None else event.heldout_after
        elif event.step:
            reached = event.step
            yield {"arm": arm, "step": reached}
    if reached < goal and should_stop():
        raise Interrupted
    return loss


def _finite_or_inf(loss: float) -> float:
    """The loss, or infinity where it is no number, so that it is worse than any."""
    return loss if math.isfinite(loss) else math.inf


def _rate(low: float, high: float, step: int) -> float:
    return low * (high / low) ** (min(step, FINDER_STEPS - 1) / (FINDER_STEPS - 1))
