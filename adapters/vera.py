"""VeRA: all layers share one pair of random, frozen matrices; each layer trains two vectors."""

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, VeraConfig
from torch import Tensor, nn
from transformers import PreTrainedModel

from adapters import compat
from adapters.base import Paper, Part
from adapters.errors import MethodError
from adapters.lora_weights import PREFIX, PlainLora, read_adapter, write_adapter
from adapters.options import override_knob
from adapters.peft_method import Adapter, AdapterOptions, adapter_tensors


@dataclass(frozen=True)
class VeraOptions(AdapterOptions):
    """VeRA's knobs; its rank is cheap, and its learning rate 10 to 100 times LoRA's."""

    rank: int = override_knob(
        AdapterOptions,
        "rank",
        default=256,
        high=1024,
        help="Size of the shared random matrices: each layer trains only this many parameters and one per output.",
    )
    alpha: float = override_knob(
        AdapterOptions,
        "alpha",
        default=1.0,
        low=1,
        high=1,
        help="VeRA has no alpha: its trained vectors set the strength.",
    )
    learning_rate: float = override_knob(AdapterOptions, "learning_rate", default=5e-2)


class Vera(Adapter[VeraOptions]):
    """VeRA (2310.11454, eq. 2): d starts at 0.1, b at 0."""

    label = "VeRA"
    summary = (
        "Trains two short vectors per layer, on random matrices that all layers share; the adapter is a tiny file."
    )
    good_for = "Keeping very many adapters: a file is a tenth of LoRA's or less."
    rule = "h = W·x + b ⊙ B·(d ⊙ A·x), training b and d; A and B random, shared, frozen"
    paper = Paper("VeRA: Vector-based Random Matrix Adaptation", "2310.11454")
    Options = VeraOptions
    core = True

    def attach(self, base: PreTrainedModel, options: VeraOptions, seed: int, steps: int) -> PeftModel:
        """See Method.attach."""
        model = super().attach(base, options, seed, steps)
        _restore_projections(model)
        return model

    def config(self, layers: list[str], options: VeraOptions, seed: int, steps: int) -> VeraConfig:
        """See Adapter.config; the seed is also the key that the shared matrices are drawn from."""
        with warnings.catch_warnings():
            # PEFT warns that the matrices are not in the file: the key gives exactly the same ones again.
            warnings.simplefilter("ignore", UserWarning)
            return VeraConfig(
                r=options.rank,
                target_modules=layers,
                projection_prng_key=seed,
                save_projection=False,
                vera_dropout=options.dropout,
                task_type="CAUSAL_LM",
            )

    def parts(self, inputs: int, outputs: int, options: VeraOptions) -> tuple[Part, ...]:
        """W, the shared A and B, and the vectors d and b."""
        return (
            Part("W", outputs, inputs, "frozen", stored=False),
            Part("A", options.rank, inputs, "shared", stored=False),
            Part("d", options.rank, 1, "learns"),
            Part("B", outputs, options.rank, "shared", stored=False),
            Part("b", outputs, 1, "learns"),
        )

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write the vectors and the key, and as metadata the layers' input sizes, which `as_lora` needs."""
        sizes = {name.removeprefix(PREFIX): inputs for name, inputs in compat.vera_input_sizes(model).items()}
        metadata = {"inputs": json.dumps(sizes)}
        write_adapter(folder, compat.peft_config(model), adapter_tensors(model), metadata)

    def as_lora(self, folder: Path) -> PlainLora:
        """See Method.as_lora. Layers of equal input size share A; b and d are folded into each layer's B."""
        config, tensors, metadata = read_adapter(folder)
        if config.get("peft_type") != "VERA" or "inputs" not in metadata:
            raise MethodError(f"The adapter in {folder.name!r} was not written by VeRA; read it with its own method.")
        inputs: dict[str, int] = json.loads(metadata["inputs"])
        vectors = {name: _vectors(tensors, name) for name in inputs}
        A, B = (tensors.get(f"base_model.vera_{each}") for each in "AB")  # in PEFT's own files
        if A is None or B is None:
            A, B = projections(config, max(inputs.values()), max(len(b) for b, _ in vectors.values()))
        slices = {size: A[:, :size].contiguous() for size in set(inputs.values())}
        return PlainLora(
            {name: (slices[inputs[name]], b[:, None] * B[: len(b)] * d) for name, (b, d) in vectors.items()}
        )


def projections(config: Mapping[str, Any], inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
    """The shared A (rank, largest in) and B (largest out, rank), drawn from the key exactly as PEFT draws them."""
    generator = torch.Generator().manual_seed(config["projection_prng_key"])
    return _kaiming((config["r"], inputs), generator), _kaiming((outputs, config["r"]), generator)


def _restore_projections(model: PeftModel) -> None:
    """Undo a rounding: peft 0.21.2 draws A and B in float32 but converts them to the base's number type."""
    A, B = compat.vera_projections(model)
    exact_A, exact_B = projections(compat.peft_config(model).to_dict(), A.shape[1], B.shape[0])
    A.copy_(exact_A)
    B.copy_(exact_B)


def _kaiming(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    bound = math.sqrt(3.0) * (math.sqrt(2) / math.sqrt(shape[1]))
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def _vectors(tensors: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return tensors[f"{PREFIX}{name}.vera_lambda_b"], tensors[f"{PREFIX}{name}.vera_lambda_d"]


METHOD = Vera()
