"""LoRA, and what its variants share: two small matrices A and B beside every adapted layer."""

from dataclasses import dataclass
from pathlib import Path

from peft import LoraConfig, PeftModel
from transformers import PreTrainedModel

from adapters.base import Paper, Part
from adapters.fused_lora import fuse_lora
from adapters.lora_weights import PlainLora
from adapters.options import knob
from adapters.peft_method import Adapter, AdapterOptions, AdapterT


class LoraFamily(Adapter[AdapterT]):
    """Methods whose model is PEFT's LoRA layer: A Kaiming-uniform, B zero, output B·A·x times alpha / rank."""

    def config(self, layers: list[str], options: AdapterT, seed: int, steps: int) -> LoraConfig:
        """See Adapter.config."""
        return LoraConfig(
            r=options.rank,
            lora_alpha=options.alpha,  # type: ignore[arg-type]  # PEFT divides it; a fraction is fine
            lora_dropout=options.dropout,
            target_modules=layers,
            task_type="CAUSAL_LM",
        )

    def attach(self, base: PreTrainedModel, options: AdapterT, seed: int, steps: int) -> PeftModel:
        """See Method.attach; a plain layer computes itself as one product."""
        model = super().attach(base, options, seed, steps)
        fuse_lora(model)
        return model

    def parts(self, inputs: int, outputs: int, options: AdapterT) -> tuple[Part, ...]:
        """W, A and B."""
        return (
            Part("W", outputs, inputs, "frozen", stored=False),
            Part("A", options.rank, inputs, "learns"),
            Part("B", outputs, options.rank, "learns"),
        )

    def as_lora(self, folder: Path) -> PlainLora:
        """See Method.as_lora; the scale is folded into B."""
        return PlainLora.load(folder)


@dataclass(frozen=True)
class LoraOptions(AdapterOptions):
    """LoRA's knobs."""

    rslora: bool = knob(
        False,
        label="Rank-stabilised scale",
        help="Scale by alpha / √rank instead of alpha / rank, so that a large rank keeps its strength (rsLoRA).",
    )


class Lora(LoraFamily[LoraOptions]):
    """LoRA (2106.09685, eq. 3); rsLoRA (2312.03732) as an option."""

    label = "LoRA"
    summary = (
        "Leaves the model as it is and trains two thin matrices beside each layer; "
        "their product is the change. The usual choice."
    )
    good_for = "A first try, and the yardstick for the others."
    rule = "h = W·x + (α/r)·B·A·x, training A and B"
    paper = Paper("LoRA: Low-Rank Adaptation of Large Language Models", "2106.09685")
    Options = LoraOptions
    core = True

    def config(self, layers: list[str], options: LoraOptions, seed: int, steps: int) -> LoraConfig:
        """See Adapter.config; with the scale that the options name."""
        config = super().config(layers, options, seed, steps)
        config.use_rslora = options.rslora
        return config


METHOD = Lora()
