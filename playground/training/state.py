"""The state of a run between two steps, and how it is saved and restored; knows only the Method contract."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from adapters.base import Method
from playground.storage.run_folder import CHECKPOINT
from playground.training import checkpoints, compat
from playground.training.activation_cache import ActivationCache
from playground.training.checkpoints import Checkpoint, RandomState

METHOD, OPTIMIZER, RANDOM = "method", "optimizer", "random"
COUNTED = ("tokens", "seconds", "untested", "heldout_before", "best_loss", "best_answers", "best_step", "stale")
ANSWERS_NOISE = 0.25  # a smaller difference between two scores of a few answers is chance (docs/decisions.md)


@dataclass(frozen=True)
class HeldoutResult:
    """`loss` in nats per token; `answers`, the score of the answers (0 to 1), None where no question was asked."""

    loss: float
    answers: float | None = None

    def is_better_than(self, other: "HeldoutResult") -> bool:
        """Whether its answers are better by more than chance or, where neither's are, its loss is lower."""
        gain = 0.0 if self.answers is None or other.answers is None else self.answers - other.answers
        return gain >= ANSWERS_NOISE or (self.loss < other.loss and gain > -ANSWERS_NOISE)


@dataclass
class RunState:
    """A run between two steps. Losses in nats per token; steps count from 1.

    `untested` is the training loss of a step whose held-out test is still due; `stale` counts the tests since the best
    one, whose answers had the score `best_answers` (None where none were asked for). `activations` holds the output of
    the frozen lower blocks.
    """

    method: Method
    model: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR
    activations: ActivationCache | None = None
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    untested: float | None = None
    heldout_before: float = math.nan
    best_loss: float = math.inf
    best_answers: float | None = None
    best_step: int = 0
    stale: int = 0
    random: RandomState = field(default_factory=checkpoints.random_state)

    def record_heldout(self, test: HeldoutResult) -> bool:
        """Record a held-out test; returns whether it is the best so far."""
        better = test.is_better_than(HeldoutResult(self.best_loss, self.best_answers))
        if better:
            self.best_loss, self.best_answers, self.best_step = test.loss, test.answers, self.step
        self.stale = 0 if better else self.stale + 1
        return better

    def discard_step(self) -> None:
        """Return to the state before a step that was interrupted."""
        self.optimizer.zero_grad(set_to_none=True)
        checkpoints.set_random_state(self.random)


def save_checkpoint(run: RunState, out: Path) -> None:
    """Write everything that an exact resume needs.

    Raises:
        OSError, SafetensorError: there is no disk space; earlier checkpoints are intact.
    """
    tensors, optimizer = checkpoints.flatten(OPTIMIZER, run.optimizer.state_dict())
    tensors |= _prefix_keys(METHOD, {name: each.detach() for name, each in run.method.state(run.model).items()})
    tensors |= _prefix_keys(RANDOM, run.random.tensors)
    facts = {
        "optimizer": optimizer,
        "schedule": compat.schedule_state(run.schedule),
        "random": run.random.facts,
        "counted": {name: vars(run)[name] for name in COUNTED},
    }
    checkpoints.save(out / CHECKPOINT, Checkpoint(run.step, tensors, facts))


def restore_method(method: Method, model: nn.Module, saved: Checkpoint) -> None:
    """Restore the method's own state; the optimizer is made after this."""
    method.load_state(model, _strip_prefix(METHOD, saved))


def restore(run: RunState, saved: Checkpoint) -> None:
    """Restore everything else: optimizer, schedule, random generators and counters."""
    facts = saved.facts
    run.optimizer.load_state_dict(checkpoints.unflatten(OPTIMIZER, saved.tensors, facts["optimizer"]))
    compat.restore_schedule(run.schedule, facts["schedule"])
    run.random = RandomState(_strip_prefix(RANDOM, saved), facts["random"])
    checkpoints.set_random_state(run.random)
    run.step = saved.step
    for name, value in facts["counted"].items():
        vars(run)[name] = value


def _prefix_keys(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": each for name, each in tensors.items()}


def _strip_prefix(prefix: str, saved: Checkpoint) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name[len(start) :]: each for name, each in saved.tensors.items() if name.startswith(start)}
