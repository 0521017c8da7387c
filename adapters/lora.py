"""LoRA, and what its relatives share: two small matrices A and B beside every adapted layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peft import LoraConfig, PeftModel
from transformers import PreTrainedModel

from adapters.base import Method, Options, OptionsT, Paper, PlainLora, target_layers, wrap
from adapters.options import knob


class LoraFamily(Method[OptionsT]):
    """Methods whose model is PEFT's LoRA layer: A Kaiming-uniform, B zero, output B·A·x times alpha / rank."""

    def config(self, base: PreTrainedModel, options: OptionsT) -> LoraConfig:
        """PEFT's configuration of these options for this base model."""
        return LoraConfig(
            r=options.rank,
            lora_alpha=options.alpha,  # type: ignore[arg-type]  # PEFT divides it; a fraction is fine
            lora_dropout=options.dropout,
            target_modules=list(target_layers(base, options)),
            task_type="CAUSAL_LM",
        )

    def attach(self, base: PreTrainedModel, options: OptionsT, seed: int, steps: int) -> PeftModel:
        """See Method.attach."""
        return wrap(base, self.config(base, options), seed)

    def trainable(self, layers: Sequence[tuple[int, int]], options: OptionsT) -> int:
        """A is rank × in, B is out × rank."""
        return sum(options.rank * (inputs + outputs) for inputs, outputs in layers)

    def plain(self, folder: Path) -> PlainLora:
        """See Method.plain; only the scale moves, into B."""
        return PlainLora.load(folder)


@dataclass(frozen=True)
class LoraOptions(Options):
    """LoRA's knobs."""

    rslora: bool = knob(
        False,
        label="Rank-stabilised scale",
        help="Multiply by alpha / √rank instead of alpha / rank, so that a large rank keeps its strength (rsLoRA).",
    )


class Lora(LoraFamily[LoraOptions]):
    """LoRA (2106.09685, eq. 3); rsLoRA (2312.03732) as an option."""

    label = "LoRA"
    summary = (
        "Leaves the model as it is and trains two thin matrices beside each layer; "
        "their product is the change. The usual choice."
    )
    rule = "h = W·x + (α/r)·B·A·x, training A and B"
    paper = Paper("LoRA: Low-Rank Adaptation of Large Language Models", "2106.09685", 2021)
    Options = LoraOptions

    def config(self, base: PreTrainedModel, options: LoraOptions) -> LoraConfig:
        """PEFT's configuration, with the scale that was asked for."""
        config = super().config(base, options)
        config.use_rslora = options.rslora
        return config


METHOD = Lora()
