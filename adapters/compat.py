"""The only module here that uses private or version-bound parts of PEFT and bitsandbytes.

`check_peft` and `check_bitsandbytes` test these parts once, before the first adapter is attached or read.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from peft import AdaLoraConfig, LoraConfig, PeftModel, VeraConfig, get_peft_model
from peft.tuners import lora, vera
from peft.utils import other as peft_utils
from torch import Tensor, nn

from adapters.errors import IncompatibleLibraryError

PEFT, BITSANDBYTES = "0.21.2", "0.50.2"  # the versions that this module was written for
MODULE = "adapters/compat.py"
ADAPTER = "default"  # the name that PEFT gives to a model's only adapter
IMPORTANCE = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # what AdaLoRA's rank allocator remembers of every parameter
KERNELS = "bitsandbytes"


@cache
def check_peft() -> None:
    """Test everything that this module uses of PEFT, on models with one small layer.

    Raises:
        IncompatibleLibraryError: naming all that is missing.
    """
    if missing := [words for words, works in _PEFT_CHECKS.items() if not _works(works)]:
        raise IncompatibleLibraryError("peft", PEFT, missing, MODULE)


@cache
def check_bitsandbytes() -> None:
    """Test that a matrix survives NF4 quantisation with bitsandbytes, up to rounding.

    Raises:
        IncompatibleLibraryError: it does not.
    """
    if not _works(_quantises):
        raise IncompatibleLibraryError(KERNELS, BITSANDBYTES, ["quantize_4bit and dequantize_4bit for NF4"], MODULE)


def peft_config(model: nn.Module) -> Any:
    """The configuration of a PEFT model's only adapter.

    Raises:
        TypeError: the model is not PEFT's.
    """
    if not isinstance(model, PeftModel):
        raise TypeError(f"Expected a PEFT model, got {type(model).__name__}")
    return model.peft_config[ADAPTER]


def parameter_prefix(model: nn.Module) -> str:
    """What the names of the adapter's parameters contain, such as ".lora_"."""
    return f".{_tuner(model).prefix}"


def lora_layers(model: nn.Module) -> dict[str, Any]:
    """PEFT's LoRA layers by module name, in the model's order."""
    check_peft()
    return {name: module for name, module in model.named_modules() if isinstance(module, lora.LoraLayer)}


def vera_input_sizes(model: nn.Module) -> dict[str, int]:
    """The number of inputs of each of PEFT's VeRA layers, by module name."""
    return {name: each.in_features for name, each in model.named_modules() if isinstance(each, vera.VeraLayer)}


def lora_factors(layer: Any) -> tuple[Tensor, Tensor]:
    """A layer's live A (rank, in) and B (out, rank)."""
    return layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight


def lora_scale(layer: Any) -> float:
    """What a layer's B·A is multiplied by: alpha / rank, or alpha / √rank."""
    scale: float = layer.scaling[ADAPTER]
    return scale


def is_disabled(layer: Any) -> bool:
    """Whether a layer computes without its adapter for now."""
    return bool(layer.disable_adapters)


def is_merged(layer: Any) -> bool:
    """Whether a layer's adapter has been merged into its weight."""
    return bool(layer.merged)


def is_plain_lora(layer: nn.Module) -> bool:
    """Whether a layer is x·Wᵀ + s·(x·Aᵀ)·Bᵀ with a frozen W of the adapter's number type, and nothing else."""
    if type(layer) is not lora.Linear:
        return False
    factors: Any = layer
    base = factors.base_layer
    return (
        type(base) is nn.Linear
        and base.weight.dtype == factors.lora_A[ADAPTER].weight.dtype
        and not base.weight.requires_grad
        and ADAPTER not in factors.lora_variant
        and isinstance(factors.lora_dropout[ADAPTER], nn.Identity)
        and factors.lora_B[ADAPTER].bias is None
    )


def freeze_lora_A(model: PeftModel) -> None:
    """Freeze A for good: peft 0.21.2 makes it trainable again in set_adapter() and after disable_adapter()."""
    for layer in lora_layers(model).values():
        layer.frozen_peft_weight_names = {ADAPTER: ("lora_A",)}
    model.set_adapter(ADAPTER)


def vera_projections(model: PeftModel) -> tuple[Tensor, Tensor]:
    """The live matrices that all VeRA layers share: A (rank, largest in) and B (largest out, rank)."""
    tuner = _tuner(model)
    return tuner.vera_A[ADAPTER], tuner.vera_B[ADAPTER]


def prune_ranks(model: nn.Module, step: int) -> None:
    """AdaLoRA: weigh every rank by the gradients just used, and set those beyond the budget to 0."""
    _tuner(model).update_and_allocate(step)


def rank_importance(model: nn.Module) -> Mapping[str, dict[str, Tensor]]:
    """AdaLoRA: the allocator's live tensors, by kind and parameter name."""
    allocator = vars(_tuner(model).rankallocator)
    return {kind: allocator[kind] for kind in IMPORTANCE}


def set_rank_importance(model: nn.Module, importance: Mapping[str, dict[str, Tensor]]) -> None:
    """AdaLoRA: put back what `rank_importance` gave."""
    vars(_tuner(model).rankallocator).update({kind: importance[kind] for kind in IMPORTANCE})


def pattern_value(patterns: Mapping[str, float], layer: str, default: float) -> float:
    """The value of the first pattern of an adapter's config that names this layer, else the default."""
    check_peft()
    return patterns.get(peft_utils.get_pattern_key(list(patterns), layer), default)


def has_bitsandbytes() -> bool:
    """Whether the four-bit kernels are installed; nothing is loaded."""
    return importlib.util.find_spec(KERNELS) is not None


def quantize_nf4(weight: Tensor) -> tuple[Tensor, Any]:
    """A weight in NF4, four bits per number, and its doubly quantised scales as the library's own object."""
    packed, scales = _kernels().quantize_4bit(weight, compress_statistics=True, quant_type="nf4")
    return packed, scales


def dequantize_nf4(packed: Tensor, scales: Any) -> Tensor:
    """The weight that `quantize_nf4` packed, rounded, in its shape and number type."""
    weight: Tensor = _kernels().dequantize_4bit(packed, scales)
    return weight


def _kernels() -> Any:
    return importlib.import_module(f"{KERNELS}.functional")  # heavy, and not on every machine


def _tuner(model: nn.Module) -> Any:
    return model.base_model


def _works(check: Callable[[], bool]) -> bool:
    try:
        with torch.inference_mode(False), torch.enable_grad():  # whatever the caller is in the middle of
            return check()
    except (AttributeError, KeyError, TypeError, ValueError, ImportError, RuntimeError):  # each is what a change shows
        return False


def _wrapped(config: Any) -> PeftModel:
    """A model with one layer and an adapter; the global generator stays as it was."""
    model: Any = nn.ModuleDict({"layer": nn.Linear(4, 4)})
    model.config = SimpleNamespace(model_type="custom", to_dict=dict)
    with torch.random.fork_rng(devices=[]):
        return get_peft_model(model, config)


def _plain_lora() -> PeftModel:
    return _wrapped(LoraConfig(r=2, lora_alpha=4, target_modules=["layer"]))


def _only_layer(model: PeftModel) -> Any:
    (layer,) = (each for each in model.modules() if isinstance(each, lora.LoraLayer))
    return layer


def _reads_layers() -> bool:
    model = _plain_lora()
    layer = _only_layer(model)
    shapes = [tuple(each.shape) for each in lora_factors(layer)]
    return shapes == [(2, 4), (4, 2)] and lora_scale(layer) == 2 and is_plain_lora(layer)


def _tells_variants() -> bool:
    return not is_plain_lora(_only_layer(_wrapped(LoraConfig(r=2, target_modules=["layer"], use_dora=True))))


def _disables_and_merges() -> bool:
    model = _plain_lora()
    layer = _only_layer(model)
    before = is_disabled(layer) or is_merged(layer)
    with model.disable_adapter():
        disabled = is_disabled(layer)
    layer.merge()
    return disabled and is_merged(layer) and not before


def _keeps_frozen() -> bool:
    model = _plain_lora()
    layer = _only_layer(model)
    layer.frozen_peft_weight_names = {ADAPTER: ("lora_A",)}
    model.set_adapter(ADAPTER)
    with model.disable_adapter():
        pass
    A, B = lora_factors(layer)
    return not A.requires_grad and B.requires_grad


def _shares_projections() -> bool:
    model = _wrapped(VeraConfig(r=2, target_modules=["layer"]))
    shapes = [tuple(each.shape) for each in vera_projections(model)]
    return shapes == [(2, 4), (4, 2)] and list(vera_input_sizes(model).values()) == [4]


def _allocates_ranks() -> bool:
    model = _wrapped(AdaLoraConfig(init_r=2, target_r=1, total_step=10, target_modules=["layer"]))
    importance = rank_importance(model)
    _tuner(model).update_and_allocate  # noqa: B018 - it must be there; one step of it needs gradients
    return parameter_prefix(model) == ".lora_" and all(isinstance(each, dict) for each in importance.values())


def _matches_patterns() -> bool:
    return peft_utils.get_pattern_key(["layer"], "blocks.0.layer") == "layer"


def _quantises() -> bool:
    weight = torch.linspace(-1, 1, 4096).reshape(64, 64)
    packed, scales = quantize_nf4(weight)
    return packed.nbytes == weight.numel() // 2 and bool((dequantize_nf4(packed, scales) - weight).abs().max() < 0.2)


_PEFT_CHECKS: Mapping[str, Callable[[], bool]] = {
    "LoraLayer with lora_A, lora_B, scaling, lora_dropout and base_layer": _reads_layers,
    "LoraLayer.lora_variant": _tells_variants,
    "LoraLayer.disable_adapters and LoraLayer.merged": _disables_and_merges,
    "LoraLayer.frozen_peft_weight_names, which set_adapter and disable_adapter obey": _keeps_frozen,
    "VeraModel with vera_A and vera_B": _shares_projections,
    f"AdaLoraModel.update_and_allocate, and its rankallocator with {', '.join(IMPORTANCE)}": _allocates_ranks,
    "peft.utils.other.get_pattern_key": _matches_patterns,
}
