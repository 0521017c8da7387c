"""AdaLoRA: LoRA that moves ranks during training to the layers where they matter most."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import AdaLoraConfig
from torch import Tensor, nn

from adapters import compat
from adapters.base import Paper, Part
from adapters.errors import MethodError
from adapters.lora_weights import PREFIX, PlainLora, read_adapter
from adapters.options import knob, override_knob
from adapters.peft_method import Adapter, AdapterOptions

WARM_UP, FINAL = 0.1, 0.3  # shares of the steps before the first rank is removed and after the last


@dataclass(frozen=True)
class AdaLoraOptions(AdapterOptions):
    """AdaLoRA's knobs."""

    rank: int = override_knob(
        AdapterOptions,
        "rank",
        label="Average rank",
        help="Average rank per layer at the end; each layer gets more or less, as it needs.",
    )
    learning_rate: float = override_knob(AdapterOptions, "learning_rate", default=3e-2)
    spare: int = knob(
        4,
        label="Spare ranks",
        help="Ranks that every layer has at the start beyond the average; the least useful of all are pruned.",
        low=1,  # without any, peft 0.21.2 fails in its first allocation
        high=64,
    )
    orthogonality: float = knob(
        0.5,
        label="Orthogonality",
        help="How strongly the rows of A and the columns of B are kept orthogonal, so that ranks can be compared.",
        low=0,
        high=10,
    )


class AdaLora(Adapter[AdaLoraOptions]):
    """AdaLoRA (2303.10512, eq. 3, 4 and 12): W + P·Λ·Q with a budget of ranks that falls along a cubic curve."""

    label = "AdaLoRA"
    summary = "LoRA that starts with too many ranks and prunes those that prove least useful, layer by layer."
    good_for = "Finding out which layers a text changes; long runs."
    rule = "h = W·x + (α/r₀)·B·(E ⊙ A·x), training A, E and B; the smallest of E are set to 0"
    paper = Paper("AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning", "2303.10512")
    Options = AdaLoraOptions
    caveat = "Pruned ranks are only set to 0 during training, which saves file size but no time."

    def config(self, layers: list[str], options: AdaLoraOptions, seed: int, steps: int) -> AdaLoraConfig:
        """See Adapter.config; the budget follows the real number of optimizer steps."""
        return AdaLoraConfig(
            target_r=options.rank,
            init_r=options.rank + options.spare,
            tinit=int(WARM_UP * steps),
            tfinal=int(FINAL * steps),
            total_step=steps,
            lora_alpha=options.alpha,  # type: ignore[arg-type]  # PEFT divides it; a fraction is fine
            lora_dropout=options.dropout,
            orth_reg_weight=options.orthogonality,
            target_modules=layers,
            task_type="CAUSAL_LM",
        )

    def parts(self, inputs: int, outputs: int, options: AdaLoraOptions) -> tuple[Part, ...]:
        """W, and A, E and B with the ranks that a layer starts with."""
        start = options.rank + options.spare
        return (
            Part("W", outputs, inputs, "frozen", stored=False),
            Part("A", start, inputs, "learns"),
            Part("E", start, 1, "learns"),
            Part("B", outputs, start, "learns"),
        )

    def penalty(self, model: nn.Module) -> Tensor:
        """Mean distance of A·Aᵀ and Bᵀ·B from the identity, weighted (eq. 4).

        PEFT adds it to the model's own `.loss`, in evaluation too (peft 0.21.2), so no loss is ever read from there.
        """
        grams = []
        for name, each in model.named_parameters():
            if ".lora_A." in name or ".lora_B." in name:
                grams.append(each @ each.T if ".lora_A." in name else each.T @ each)
        far = [torch.linalg.norm(gram - torch.eye(len(gram), device=gram.device)) for gram in grams]
        return compat.peft_config(model).orth_reg_weight * torch.stack(far).mean()

    def after_step(self, model: nn.Module, step: int) -> None:
        """Score every rank by the gradients just used, and set those beyond the budget to 0."""
        compat.prune_ranks(model, step)

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """The factors, every parameter's importance, and which ranks are left."""
        pattern = compat.peft_config(model).rank_pattern or {}
        remembered = {
            f"importance.{kind}.{name}": each.detach().cpu().clone()
            for kind, tensors in compat.rank_importance(model).items()
            for name, each in tensors.items()
        }
        left = {f"ranks.{name}": torch.tensor(each) for name, each in pattern.items()}
        return {**super().state(model), **remembered, **left}

    def load_state(self, model: nn.Module, state: Mapping[str, Tensor]) -> None:
        """See Method.load_state."""
        own = {name: each for name, each in state.items() if name.partition(".")[0] not in ("importance", "ranks")}
        super().load_state(model, own)
        importance = {kind: _tensors_under(state, f"importance.{kind}.", model) for kind in compat.IMPORTANCE}
        compat.set_rank_importance(model, importance)
        left = _tensors_under(state, "ranks.", model)
        compat.peft_config(model).rank_pattern = {name: each.tolist() for name, each in left.items()} or None

    def save(self, model: nn.Module, folder: Path) -> None:
        """See Method.save; peft 0.21.2 renames the live list of ranks while it saves, so it is restored."""
        before = compat.peft_config(model).rank_pattern
        super().save(model, folder)
        compat.peft_config(model).rank_pattern = before

    def as_lora(self, folder: Path) -> PlainLora:
        """See Method.as_lora. E is folded into A, the scale into B; removed ranks are not in the file."""
        config, tensors, _ = read_adapter(folder)
        if config.get("peft_type") != "ADALORA":
            raise MethodError(f"The adapter in {folder.name!r} is not AdaLoRA's; read it with its own method.")
        scale = config["lora_alpha"] / (config["init_r"] + 1e-5)
        layers = {}
        for name in sorted({key.removeprefix(PREFIX).rpartition(".lora_")[0] for key in tensors}):
            A, B, E = (tensors[f"{PREFIX}{name}.lora_{each}"] for each in "ABE")
            if len(E):  # a layer may have lost all of its ranks
                layers[name] = (E * A, B * scale)
        return PlainLora(layers)


def _tensors_under(state: Mapping[str, Tensor], prefix: str, model: nn.Module) -> dict[str, Tensor]:
    """The entries under a prefix, without the prefix, on the model's device."""
    device = next(model.parameters()).device
    found = {name: each for name, each in state.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): each.to(device).clone() for name, each in found.items()}


METHOD = AdaLora()
