"""The contract of a fine-tuning method, which the training loop and the page rely on. It knows no method by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from adapters.errors import MethodError
from adapters.lora_weights import PlainLora
from adapters.options import knob

Role = Literal["frozen", "shared", "learns"]


@dataclass(frozen=True)
class Paper:
    """Where a method was published; the arXiv id contains the month."""

    title: str
    arxiv: str

    @property
    def year(self) -> int:
        """The year of the first version."""
        return 2000 + int(self.arxiv[:2])

    @property
    def month(self) -> int:
        """The month of the first version, from 1."""
        return int(self.arxiv[2:4])

    @property
    def url(self) -> str:
        """The abstract's page."""
        return f"https://arxiv.org/abs/{self.arxiv}"


@dataclass(frozen=True)
class Part:
    """One matrix or vector (one column) in or beside an adapted layer, for drawings and costs.

    "shared" means frozen and common to all layers; `stored` says whether the adapter's file contains it.
    """

    name: str
    rows: int
    columns: int
    role: Role
    stored: bool = True
    bits: float = 32

    @property
    def size(self) -> int:
        """The number of its elements."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Options:
    """The options of every method. A method extends this class, and fixes a knob that has no meaning for it."""

    learning_rate: float = knob(
        3e-3,
        label="Learning rate",
        help="How far one step moves the trained weights: too high and the loss jumps, too low and little is learnt.",
        low=1e-6,
        high=1,
    )
    weight_decay: float = knob(
        0.0,
        label="Weight decay",
        help="In each step, the trained parameters shrink by this value times the learning rate.",
        low=0,
        high=1,
    )
    top_layers: int = knob(
        0,
        label="Top layers only",
        help="Adapt only this many layers nearest the output; 0: as the preset says. Fewer are faster and learn less.",
        low=0,
    )


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True)
class Rival:
    """A plain setting of another method that this method must beat before its gain is believed."""

    method: str
    options: Mapping[str, object]
    reason: str


class Method(ABC, Generic[OptionsT]):
    """A way to train over an untouched base model; one instance, METHOD, in a file named like its id.

    An instance has no state: everything that belongs to a run is in the model, the optimizer and the options.
    """

    label: str
    summary: str
    good_for: str
    rule: str
    paper: Paper
    Options: type[OptionsT]
    caveat = ""  # known caveats, for its card
    baseline = False  # whether the others are measured against it; listed last
    core = False  # whether it is in a comparison of methods by default
    weights_file = "adapter_model.safetensors"
    from_stored = False  # whether it takes a base in the numbers of its file, narrower than those it computes in
    frozen_form = "exact"  # number format of the frozen weights while it trains: equal forms give equal activations

    @property
    def id(self) -> str:
        """The file's name: the id in the form, on the command line and in a saved run's record."""
        return type(self).__module__.rpartition(".")[2]

    def unavailable(self) -> str:
        """Why it cannot train on this machine, in a sentence; empty where it can."""
        return ""

    def rival(self, options: OptionsT) -> Rival | None:
        """The plain setting that this method, with these options, must beat to be worth using; None without one."""
        return None

    def frozen_base(self, base: PreTrainedModel) -> PreTrainedModel:
        """The base that this method trains over, which training never changes: the model itself, or a copy."""
        return base

    @abstractmethod
    def attach(self, base: PreTrainedModel, options: OptionsT, seed: int, steps: int) -> nn.Module:
        """A model to train, made from `frozen_base(base)`; equal seeds give equal models.

        It may wrap the base in place, which `detach` undoes, but changes none of its weights. `steps` is the planned
        number of optimizer steps.

        Raises:
            MethodError: the options do not fit this base model.
        """

    @abstractmethod
    def parts(self, inputs: int, outputs: int, options: OptionsT) -> tuple[Part, ...]:
        """The matrices and vectors of an adapted layer of this shape, its own weight W first."""

    @abstractmethod
    def trainable(self, base: nn.Module, options: OptionsT) -> int:
        """The exact number of trainable parameters; the base may be on the meta device."""

    def optimizer(self, model: nn.Module, options: OptionsT) -> torch.optim.Optimizer:
        """AdamW on the trainable parameters; made after `load_state` when a run resumes."""
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=options.weight_decay)

    def penalty(self, model: nn.Module) -> Tensor | None:
        """What a step minimises in addition to the mean loss per token; no reported loss includes it."""
        return None

    def after_step(self, model: nn.Module, step: int) -> None:
        """Called right after every optimizer.step(), before the gradients are cleared; `step` counts from 1."""

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """Copies, on the CPU, of all that an exact resume needs besides the optimizer's own state."""
        return {
            name: parameter.detach().to("cpu", copy=True) for name, parameter in self.adapter_parameters(model).items()
        }

    def load_state(self, model: nn.Module, state: Mapping[str, Tensor]) -> None:
        """Put a state back into a model attached with the same options.

        Raises:
            MethodError: the state belongs to other options or another base model.
        """
        live = self.adapter_parameters(model)
        if {name: tensor.shape for name, tensor in live.items()} != {name: each.shape for name, each in state.items()}:
            raise MethodError(
                f"The checkpoint does not fit this run: its {len(state)} tensors differ in name or shape from the "
                f"{len(live)} expected. Resume with the options and the base model that it was trained with."
            )
        with torch.no_grad():
            for name, tensor in live.items():
                tensor.copy_(state[name])

    def adapter_parameters(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters that a run adds to the base or changes, trained or frozen, by name in the model."""
        return {name: each for name, each in model.named_parameters() if each.requires_grad}

    @abstractmethod
    def save(self, model: nn.Module, folder: Path) -> None:
        """Write the smallest exact form that `load` reads, in safetensors and JSON."""

    @abstractmethod
    def load(self, base: PreTrainedModel, folder: Path) -> nn.Module:
        """The trained model over a fresh base, as PEFT or transformers alone would load it."""

    @abstractmethod
    def as_lora(self, folder: Path) -> PlainLora:
        """The plain LoRA that equals the adapter in a folder written by `save`.

        Raises:
            MethodError: the folder is missing or damaged, another method wrote it, or there is no such form.
        """

    def serving_form(self, base: PreTrainedModel, folder: Path) -> PlainLora | PreTrainedModel:
        """What the engine answers with: a LoRA beside the base, or a model of its own. Raises like `as_lora`."""
        return self.as_lora(folder)


def target_layers(base: nn.Module, top_layers: int = 0, targets: str = "all-linear") -> dict[str, tuple[int, int]]:
    """The linear layers to adapt, in the model's order: module name -> (in_features, out_features).

    A layer counts if it is in a numbered block ("model.layers.3…"), so the vocabulary head never does.

    Raises:
        MethodError: more top layers than there are blocks, or no layer that can be adapted.
    """
    shapes = {name: (m.in_features, m.out_features) for name, m in base.named_modules() if isinstance(m, nn.Linear)}
    chosen = top_blocks(shapes, top_layers)
    kept = {name: shape for name, shape in shapes.items() if block(name) in chosen and _is_target(name, targets)}
    if not kept:
        raise MethodError(
            f"This base model has no linear layers for {targets!r} in numbered blocks; use another base model "
            "or other parts to adapt."
        )
    return kept


def block_count(model: nn.Module) -> int:
    """The number of numbered blocks of a model."""
    return len({number for name, _ in model.named_modules() if (number := block(name)) is not None})


def top_blocks(names: Sequence[str] | Mapping[str, object], top_layers: int) -> list[int]:
    """The numbers of the `top_layers` blocks nearest the output that these names are in; of all blocks for 0.

    Raises:
        MethodError: there are fewer.
    """
    blocks = sorted({number for name in names if (number := block(name)) is not None})
    if top_layers > len(blocks):
        raise MethodError(
            f"Top layers only is {top_layers}, but this model has {len(blocks)} layers; "
            f"choose 0 (all) to {len(blocks)}."
        )
    return blocks[-top_layers:]


def block(name: str) -> int | None:
    """The number of the block that a module or parameter is in; None outside of blocks."""
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


def _is_target(name: str, targets: str) -> bool:
    return targets == "all-linear" or any("attn" in part or "attention" in part for part in name.split("."))
