"""Which learning rate and batch size suit a text: a range test, then a small grid with successive halving.

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
REACH = 300.0  # the range test goes from the default rate over this to the default rate times its root
SMOOTHING = 0.7
DIVERGED = 1.0  # nats above the least smoothed loss: the rate is too high, and higher ones need no test
SPREAD = (1 / 3, 1.0, 3.0)  # the grid's rates around what the range test suggests
BATCHES = (0.5, 1.0)  # and its batches, of the tokens a step that were planned
RUNGS = (4, 2, 1)  # a rung is where so large a part of the whole run is done, as 1 / rung
ARMS_PER_RUNG = (6, 3, 2)  # arms that run up to each rung: all, the better half, the best two

Load = Callable[[], ChatModel]
RungLosses = Mapping[tuple[int, int], float]  # (arm, rung) -> held-out loss


@dataclass(frozen=True)
class RangePoint:
    """One step of the range test; `smoothed` is the loss as it is judged."""

    step: int
    rate: float
    loss: float
    smoothed: float


def range_test(
    config: RunConfig, chat: ChatModel, documents: Sequence[Document], should_stop: Callable[[], bool]
) -> Iterator[RangePoint]:
    """Train with a rate that rises evenly in its logarithm, and tell the loss at each, until it rises for good.

    Raises:
        Interrupted: a stop was asked for; it starts anew. UserError: the text is too short.
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
    """The lowest and the highest rate to test: around the planned one, within what the method allows."""
    limits = next(knob for knob in knobs(type(config.options)) if knob.name == "learning_rate")
    rate = config.options.learning_rate
    low, high = rate / REACH, rate * math.sqrt(REACH)
    return max(low, limits.low or low), min(high, limits.high or high)


def suggest_rate(points: Sequence[RangePoint], otherwise: float) -> float:
    """The rate where the smoothed loss falls steepest over the rate's logarithm; `otherwise` if it never falls."""
    slopes = [
        ((after.smoothed - before.smoothed) / math.log(after.rate / before.rate), after.rate)
        for before, after in zip(points[1:], points[3:], strict=False)
        if math.isfinite(after.smoothed)
    ]
    slope, rate = min(slopes, default=(0.0, otherwise))
    return rate if slope < 0 else otherwise


def build_grid(config: RunConfig, rate: float) -> list[RunConfig]:
    """Runs that read equally many tokens, with rates around this one and smaller batches too."""
    low, high = rate_range(config)
    tokens = config.settings.steps * config.settings.batch_tokens
    arms = []
    for share in BATCHES:
        batch = max(32, round(config.settings.batch_tokens * share))
        steps = max(RUNGS[0], RUNGS[0] * round(tokens / batch / RUNGS[0]))  # a rung is at a whole step
        settings = replace(config.settings, steps=steps, batch_tokens=batch, evaluations=RUNGS[0], patience=0)
        for factor in SPREAD:
            options = replace(config.options, learning_rate=min(high, max(low, rate * factor)))
            arms.append(replace(config, options=options, settings=settings))
    return arms


def rung_steps(arms: Sequence[RunConfig]) -> int:
    """Steps of all arms together, at most: fewer where those with many steps drop out."""
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
    """Train all arms to the first rung, the better ones on to the next; returns the losses found, `judged` included.

    Yields {"arm", "rung", "loss"} for each arm at each rung, and {"arm"} after every step.

    Raises:
        Interrupted: a stop was asked for; the arm goes on from its checkpoint when called again with what was judged.
    """
    losses = dict(judged)
    running = list(range(len(arms)))
    for rung, kept in zip(RUNGS, ARMS_PER_RUNG, strict=True):
        running = running[:kept]
        for arm in running:
            if (arm, rung) not in losses:
                loss = yield from _to_rung(arm, arms[arm], rung, load, documents, folder, should_stop)
                losses[arm, rung] = loss
                yield {"arm": arm, "rung": rung, "loss": loss}
        running = [arm for _, arm in sorted((_comparable(losses[arm, rung]), arm) for arm in running)]
    return losses


def best_arm(losses: RungLosses) -> int:
    """The arm with the least loss of those that went to the end."""
    return min((_comparable(loss), arm) for (arm, rung), loss in losses.items() if rung == RUNGS[-1])[1]


def _to_rung(
    arm: int,
    config: RunConfig,
    rung: int,
    load: Load,
    documents: Sequence[Document],
    folder: Path,
    should_stop: Callable[[], bool],
) -> Generator[dict[str, Any], None, float]:
    """One arm from where it stands to a rung; returns its least held-out loss until there."""
    out, goal = folder / f"arm-{arm}", config.settings.steps // rung
    out.mkdir(parents=True, exist_ok=True)
    reached, loss = 0, math.inf

    def enough() -> bool:
        return should_stop() or reached >= goal

    for event in training_loop.train(config, load(), documents, out, enough, (out / CHECKPOINT).exists()):
        if isinstance(event, Finished):
            loss = math.inf if event.heldout_after is None else event.heldout_after
        elif event.step:
            reached = event.step
            yield {"arm": arm}
    if reached < goal and should_stop():
        raise Interrupted
    return loss


def _comparable(loss: float) -> float:
    """A loss that is no number is worse than any."""
    return loss if math.isfinite(loss) else math.inf


def _rate(low: float, high: float, step: int) -> float:
    return low * (high / low) ** (min(step, FINDER_STEPS - 1) / (FINDER_STEPS - 1))
