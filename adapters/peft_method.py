"""Methods whose result is kept apart from the base: small tensors that PEFT adds to chosen linear layers."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from peft import PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from torch import Tensor, nn
from transformers import PreTrainedModel

from adapters import compat
from adapters.base import Method, Options, target_layers
from adapters.lora_weights import write_adapter
from adapters.options import knob


@dataclass(frozen=True)
class AdapterOptions(Options):
    """The options of every adapter."""

    rank: int = knob(
        8,
        label="Rank",
        help="Size of the adapter in each layer: a larger rank can learn more, but costs memory, time and file size.",
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
        help="Share of the adapter's inputs switched off at random in each step; a little reduces memorising.",
        low=0,
        high=0.9,
    )
    targets: str = knob(
        "all-linear",
        label="Parts to adapt",
        help="all-linear adapts attention and feed-forward parts of each layer; attention alone trains fewer weights.",
        choices=("all-linear", "attention"),
    )


AdapterT = TypeVar("AdapterT", bound=AdapterOptions)


class Adapter(Method[AdapterT]):
    """A method that PEFT attaches; its file is PEFT's own."""

    @abstractmethod
    def config(self, layers: list[str], options: AdapterT, seed: int, steps: int) -> PeftConfig:
        """PEFT's configuration of these options for these layers."""

    def attach(self, base: PreTrainedModel, options: AdapterT, seed: int, steps: int) -> PeftModel:
        """See Method.attach."""
        layers = list(target_layers(base, options.top_layers, options.targets))
        return wrap(self.frozen_base(base), self.config(layers, options, seed, steps), seed)

    def trainable(self, base: nn.Module, options: AdapterT) -> int:
        """The elements of all trained parts."""
        layers = target_layers(base, options.top_layers, options.targets)
        parts = [part for shape in layers.values() for part in self.parts(*shape, options)]
        return sum(part.size for part in parts if part.role == "learns")

    def adapter_parameters(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """All of the adapter's own tensors."""
        prefix = compat.parameter_prefix(model)
        return {name: each for name, each in model.named_parameters() if prefix in name}

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write the folder that PeftModel.from_pretrained loads, with the base's name_or_path."""
        write_adapter(folder, compat.peft_config(model), adapter_tensors(model))

    def load(self, base: PreTrainedModel, folder: Path) -> PeftModel:
        """See Method.load."""
        compat.check_peft()
        return PeftModel.from_pretrained(self.frozen_base(base), folder)


def wrap(base: PreTrainedModel, config: PeftConfig, seed: int) -> PeftModel:
    """PEFT's model around the base, initialised from `seed` alone; the global random generator is left unchanged."""
    compat.check_peft()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get_peft_model(base, config)


def detach(model: nn.Module) -> nn.Module:
    """The base model without its adapter, which is lost; a model without a wrapper is returned unchanged."""
    return model.unload() if isinstance(model, PeftModel) else model


def unwrap(model: nn.Module) -> Any:
    """The transformers model inside a trained one, with the layers that the method made."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def adapter_tensors(model: nn.Module) -> Mapping[str, Tensor]:
    """The adapter's tensors under the keys of PEFT's file format."""
    return get_peft_model_state_dict(model, save_embedding_layers=False)
