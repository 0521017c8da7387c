"""LoRA+: the same model as LoRA, with a higher learning rate for B than for A."""

from dataclasses import dataclass

import torch
from torch import nn

from adapters.base import Paper
from adapters.lora import LoraFamily
from adapters.options import knob, override_knob
from adapters.peft_method import AdapterOptions


@dataclass(frozen=True)
class LoraPlusOptions(AdapterOptions):
    """LoRA+'s knobs; the learning rate is A's."""

    learning_rate: float = override_knob(
        AdapterOptions,
        "learning_rate",
        default=5e-4,
        help="How far one step moves matrix A; matrix B moves `ratio` times as far.",
    )
    ratio: float = knob(
        16.0,
        label="Ratio",
        help="How many times larger B's learning rate is than A's; 1 is plain LoRA.",
        low=1,
        high=64,
    )


class LoraPlus(LoraFamily[LoraPlusOptions]):
    """LoRA+ (2402.12354): learning rate η for A, ratio·η for B."""

    label = "LoRA+"
    summary = "LoRA whose second matrix learns faster than the first, so that it often needs fewer steps."
    good_for = "Reaching LoRA's loss in fewer steps, where the ratio suits the task."
    rule = "h = W·x + (α/r)·B·A·x, with η_B = ratio · η_A"
    paper = Paper("LoRA+: Efficient Low Rank Adaptation of Large Models", "2402.12354")
    Options = LoraPlusOptions
    core = True

    def optimizer(self, model: nn.Module, options: LoraPlusOptions) -> torch.optim.Optimizer:
        """AdamW with two groups by name.

        Not peft.optimizers.create_loraplus_optimizer: in peft 0.21.2 it ignores `weight_decay` and puts every
        vector into the fast group.
        """
        trained = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
        fast = [each for name, each in trained if ".lora_B." in name]
        slow = [each for name, each in trained if ".lora_B." not in name]
        groups = [
            {"params": slow, "lr": options.learning_rate},
            {"params": fast, "lr": options.learning_rate * options.ratio},
        ]
        return torch.optim.AdamW(groups, weight_decay=options.weight_decay)


METHOD = LoraPlus()
