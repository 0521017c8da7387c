"""Full fine-tuning: trains every weight of a copy of the model; the baseline of all other methods."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from adapters.base import Method, Options, Paper, Part, block, top_blocks
from adapters.errors import MethodError
from adapters.lora_weights import PlainLora
from adapters.options import override_knob


@dataclass(frozen=True)
class FullOptions(Options):
    """Full fine-tuning's knobs."""

    learning_rate: float = override_knob(Options, "learning_rate", default=1e-4, high=0.1)
    top_layers: int = override_knob(
        Options,
        "top_layers",
        help="Train only the weights of this many layers nearest the output; 0 trains all, also the vocabulary's.",
    )


class Full(Method[FullOptions]):
    """Fine-tuning as before adapters (1801.06146, section 3.2, without its schedules)."""

    label = "Full fine-tuning"
    summary = "Trains every weight of a copy of the model: the traditional way, and the baseline for all others."
    good_for = "Knowing what an adapter gives up, if anything; when memory and disk do not matter."
    rule = "h = W·x, training W and everything else"
    paper = Paper("Universal Language Model Fine-tuning for Text Classification", "1801.06146")
    Options = FullOptions
    caveat = "The result is a full model, as large as the base, and it answers from its own copy in memory."
    baseline = True
    weights_file = "model.safetensors"

    def frozen_base(self, base: PreTrainedModel) -> PreTrainedModel:
        """A copy, which is trained."""
        return copy.deepcopy(base)

    def attach(self, base: PreTrainedModel, options: FullOptions, seed: int, steps: int) -> PreTrainedModel:
        """See Method.attach."""
        model = self.frozen_base(base)
        learns = _trained_parameters(model, options)
        for name, each in model.named_parameters():
            each.requires_grad_(name in learns)
        return model

    def parts(self, inputs: int, outputs: int, options: FullOptions) -> tuple[Part, ...]:
        """W alone."""
        return (Part("W", outputs, inputs, "learns"),)

    def trainable(self, base: nn.Module, options: FullOptions) -> int:
        """Every parameter of the chosen layers, or of the model."""
        return sum(each.numel() for each in _trained_parameters(base, options).values())

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write a model folder that transformers loads."""
        if not isinstance(model, PreTrainedModel):
            raise TypeError(f"Expected a transformers model, got {type(model).__name__}")
        model.save_pretrained(folder)

    def load(self, base: PreTrainedModel, folder: Path) -> PreTrainedModel:
        """The model in the folder, in the base's number type and on its device; it shares nothing with the base."""
        try:
            if not json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type"):
                raise ValueError
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=base.dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
            )
        except (OSError, ValueError, SafetensorError) as error:
            raise MethodError(
                f"The model in {folder.name!r} cannot be read: config.json or {self.weights_file} is missing or "
                "damaged. Train it again, or restore the folder."
            ) from error
        placed: PreTrainedModel = model.to(base.device).eval()  # type: ignore[arg-type]
        return placed

    def as_lora(self, folder: Path) -> PlainLora:
        """There is none."""
        raise MethodError(f"What is in {folder.name!r} is a whole model, which no plain LoRA equals: take it as it is.")

    def serving_form(self, base: PreTrainedModel, folder: Path) -> PreTrainedModel:
        """A model of its own."""
        return self.load(base, folder)


def _trained_parameters(model: nn.Module, options: FullOptions) -> dict[str, nn.Parameter]:
    """The parameters to train, by name; tied ones count once."""
    every = dict(model.named_parameters())
    if not options.top_layers:
        return every
    chosen = top_blocks(every, options.top_layers)
    return {name: each for name, each in every.items() if block(name) in chosen}


METHOD = Full()
