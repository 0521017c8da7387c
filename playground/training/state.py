"""What the training loop carries from step to step, put on disk and taken back; knows the Method contract alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from adapters.base import Method
from playground.storage.run_folder import CHECKPOINT
from playground.training import checkpoints
from playground.training.activation_cache import LowerLayers
from playground.training.checkpoints import Checkpoint, RandomState

METHOD, OPTIMIZER, RANDOM = "method", "optimizer", "random"
COUNTED = ("tokens", "seconds", "untested", "heldout_before", "best_loss", "best_step", "stale")


@dataclass
class RunState:
    """A run between two steps. Losses in nats a token; steps count from 1.

    `untested` is the training loss of a step whose held-out test is still due; `stale` counts the tests since the best.
    """

    method: Method
    model: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR
    lower: LowerLayers | None = None
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    untested: float | None = None
    heldout_before: float = math.nan
    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0
    random: RandomState = field(default_factory=checkpoints.random_state)

    def judge(self, loss: float) -> bool:
        """Take note of a held-out test; True where it is the best so far."""
        better = loss < self.best_loss
        if better:
            self.best_loss, self.best_step = loss, self.step
        self.stale = 0 if better else self.stale + 1
        return better

    def give_up_step(self) -> None:
        """Be again as before a step that was left in its middle."""
        self.optimizer.zero_grad(set_to_none=True)
        checkpoints.set_random_state(self.random)


def save_checkpoint(run: RunState, out: Path) -> None:
    """Write all that an exact resume needs.

    Raises:
        OSError: there is no room; the checkpoints before are intact.
    """
    tensors, optimizer = checkpoints.flatten(OPTIMIZER, run.optimizer.state_dict())
    tensors |= _named(METHOD, {name: each.detach() for name, each in run.method.state(run.model).items()})
    tensors |= _named(RANDOM, run.random.tensors)
    facts = {
        "optimizer": optimizer,
        "schedule": {key: value for key, value in run.schedule.state_dict().items() if key != "lr_lambdas"},
        "random": run.random.facts,
        "counted": {name: vars(run)[name] for name in COUNTED},
    }
    checkpoints.save(out / CHECKPOINT, Checkpoint(run.step, tensors, facts))


def restore_method(method: Method, model: nn.Module, saved: Checkpoint) -> None:
    """The method's own state, which the optimizer has to be made after."""
    method.load_state(model, _part(METHOD, saved))


def restore(run: RunState, saved: Checkpoint) -> None:
    """All the rest."""
    facts = saved.facts
    run.optimizer.load_state_dict(checkpoints.unflatten(OPTIMIZER, saved.tensors, facts["optimizer"]))
    run.schedule.load_state_dict({**facts["schedule"], "lr_lambdas": [None] * len(run.optimizer.param_groups)})
    run.random = RandomState(_part(RANDOM, saved), facts["random"])
    checkpoints.set_random_state(run.random)
    run.step = saved.step
    for name, value in facts["counted"].items():
        vars(run)[name] = value


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": each for name, each in tensors.items()}


def _part(prefix: str, saved: Checkpoint) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name[len(start) :]: each for name, each in saved.tensors.items() if name.startswith(start)}
