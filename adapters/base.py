"""What a fine-tuning method is: the contract that the training loop and the page know. It knows no method by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from peft import PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from torch import Tensor, nn
from transformers import PreTrainedModel

from adapters.errors import MethodError
from adapters.options import knob
from adapters.plain import PlainLora, write_adapter

ADAPTER = "default"  # the name PEFT gives to a model's only adapter


@dataclass(frozen=True)
class Paper:
    """Where a method was published."""

    title: str
    arxiv: str
    year: int

    @property
    def url(self) -> str:
        """The abstract's page."""
        return f"https://arxiv.org/abs/{self.arxiv}"


@dataclass(frozen=True)
class Options:
    """What every method can be asked. A method extends this class, and fixes a knob that means nothing to it."""

    rank: int = knob(
        8,
        label="Rank",
        help="Size of the adapter in each layer: a larger one can learn more, and costs memory, time and file size.",
        low=1,
        high=256,
    )
    alpha: float = knob(
        16.0,
        label="Alpha",
        help="Strength of the adapter: what it adds to a layer is multiplied by alpha / rank.",
        low=0.1,
        high=1024,
    )
    dropout: float = knob(
        0.0,
        label="Dropout",
        help="Share of the adapter's inputs switched off at random in each step; a little slows learning by heart.",
        low=0,
        high=0.9,
    )
    learning_rate: float = knob(
        3e-3,
        label="Learning rate",
        help="How far one step moves the trained numbers: too high and the loss jumps, too low and little is learnt.",
        low=1e-6,
        high=1,
    )
    weight_decay: float = knob(
        0.0,
        label="Weight decay",
        help="In each step the trained numbers shrink by this share of the learning rate.",
        low=0,
        high=1,
    )
    targets: str = knob(
        "all-linear",
        label="Parts to adapt",
        help="all-linear adapts attention and feed-forward parts of each layer; attention alone trains fewer numbers.",
        choices=("all-linear", "attention"),
    )
    top_layers: int = knob(
        0,
        label="Top layers only",
        help="Adapt only this many layers nearest the output, 0 for all: fewer train faster and learn less.",
        low=0,
    )


OptionsT = TypeVar("OptionsT", bound=Options)


class Method(ABC, Generic[OptionsT]):
    """A way to train an adapter over an untouched base model; one instance, METHOD, in a file named like its id.

    An instance keeps no state: all that belongs to a run lives in the model, the optimizer and the options.
    """

    label: str
    summary: str
    rule: str
    paper: Paper
    Options: type[OptionsT]

    @property
    def id(self) -> str:
        """The file's name: what the form shows, the command line takes and a saved run records."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def attach(self, base: PreTrainedModel, options: OptionsT, seed: int, steps: int) -> PeftModel:
        """Freeze the base, in place, and add the trainable parts; equal seeds give equal adapters.

        `steps` is the number of optimizer steps that the run plans. `detach` undoes this.

        Raises:
            MethodError: the options do not fit this base model.
        """

    @abstractmethod
    def trainable(self, layers: Sequence[tuple[int, int]], options: OptionsT) -> int:
        """How many numbers are trained, exactly, from the (in, out) shapes of the adapted layers."""

    @abstractmethod
    def plain(self, folder: Path) -> PlainLora:
        """The plain LoRA that equals the adapter in a folder written by `save`.

        Raises:
            MethodError: the folder is missing or damaged, or another method wrote it.
        """

    def optimizer(self, model: PeftModel, options: OptionsT) -> torch.optim.Optimizer:
        """AdamW on what is trainable; made after `load_state` when a run resumes."""
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=options.weight_decay)

    def after_step(self, model: PeftModel, step: int) -> None:
        """Called right after every optimizer.step(), before the gradients are cleared; `step` counts from 1."""

    def state(self, model: PeftModel) -> dict[str, Tensor]:
        """Copies, on the CPU, of all that an exact resume needs beside the optimizer's own state."""
        return {name: parameter.detach().to("cpu", copy=True) for name, parameter in _adapter(model).items()}

    def load_state(self, model: PeftModel, state: Mapping[str, Tensor]) -> None:
        """Put a state back into a model attached with the same options.

        Raises:
            MethodError: the state belongs to other options or another base model.
        """
        live = _adapter(model)
        if {name: tensor.shape for name, tensor in live.items()} != {name: each.shape for name, each in state.items()}:
            raise MethodError(
                f"The checkpoint does not fit this run: its {len(state)} tensors differ in name or shape from the "
                f"{len(live)} expected. Resume with the options and the base model that it was trained with."
            )
        with torch.no_grad():
            for name, tensor in live.items():
                tensor.copy_(state[name])

    def save(self, model: PeftModel, folder: Path) -> None:
        """Write the smallest faithful form that PeftModel.from_pretrained loads, under the base's name_or_path."""
        write_adapter(folder, model.peft_config[ADAPTER], adapter_tensors(model))


def target_layers(base: nn.Module, options: Options) -> dict[str, tuple[int, int]]:
    """The linear layers to adapt, in the model's order: module name -> (in_features, out_features).

    A layer counts if it stands in a numbered block ("model.layers.3…"), so the vocabulary head never does.

    Raises:
        MethodError: more top layers than there are blocks, or no layer that can be adapted.
    """
    shapes = {name: (m.in_features, m.out_features) for name, m in base.named_modules() if isinstance(m, nn.Linear)}
    blocks = sorted({number for name in shapes if (number := _block(name)) is not None})
    if options.top_layers > len(blocks):
        raise MethodError(
            f"Top layers only is {options.top_layers}, but this model has {len(blocks)} layers; "
            f"choose 0 (all) to {len(blocks)}."
        )
    chosen = blocks[-options.top_layers :]
    kept = {name: shape for name, shape in shapes.items() if _block(name) in chosen and _is_target(name, options)}
    if not kept:
        raise MethodError(
            f"This base model has no linear layers for {options.targets!r} in numbered blocks; use another base model "
            "or other parts to adapt."
        )
    return kept


def wrap(base: PreTrainedModel, config: PeftConfig, seed: int) -> PeftModel:
    """PEFT's model around the base, its random numbers from `seed` alone and the global generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get_peft_model(base, config)


def detach(model: PeftModel) -> PreTrainedModel:
    """The bare base model, bit for bit as it was before `attach`; the adapter is lost."""
    return model.unload()


def adapter_tensors(model: PeftModel) -> dict[str, Tensor]:
    """The adapter's tensors under the keys of PEFT's file format."""
    return get_peft_model_state_dict(model, save_embedding_layers=False)


def _adapter(model: PeftModel) -> dict[str, nn.Parameter]:
    """The adapter's live parameters, trained or frozen, by their names in the model."""
    return {name: each for name, each in model.named_parameters() if f".{model.base_model.prefix}" in name}


def _block(name: str) -> int | None:
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


def _is_target(name: str, options: Options) -> bool:
    return options.targets == "all-linear" or any("attn" in part or "attention" in part for part in name.split("."))
