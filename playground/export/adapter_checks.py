"""Checks of an uploaded adapter's JSON and tensors, without the base model. Trusts nothing in them."""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import torch
from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

import adapters
from adapters.dora import MAGNITUDE
from adapters.lora_weights import PREFIX
from playground.errors import UserError
from playground.inference.served_adapter import DEFAULT_METHOD

JSON_BYTES = 1_000_000
NUMBER_TYPES = (torch.float32, torch.float16, torch.bfloat16)
FIGURES = ("heldout_before", "heldout_after", "step", "steps", "tokens", "trainable", "seconds", "peak_bytes")
MOST_RANK = 1_024  # of VeRA; for the others the host's limit counts
KINDS = {"LORA": DEFAULT_METHOD, "VERA": "vera", "ADALORA": "adalora"}  # PEFT's name and the method that serves it
LORA_ENDS = (".lora_A.weight", ".lora_B.weight")
ENDS = {
    "dora": (*LORA_ENDS, MAGNITUDE),
    "adalora": (".lora_A", ".lora_B", ".lora_E"),
    "vera": (".vera_lambda_b", ".vera_lambda_d"),
}
VERA_SHARED = ("base_model.vera_A", "base_model.vera_B")  # that PEFT writes unless told not to
# Settings with which PEFT computes something else than W·x + s·B·A·x over the model's own W and layers.
OTHERWISE = (
    *("use_qalora", "lora_bias", "modules_to_save", "alora_invocation_tokens"),
    *("trainable_token_indices", "layer_replication"),
)
BASE_CHANGED = ("pissa", "olora", "corda", "loftq", "lora_ga")  # ways to begin that take something off W
_NAME = re.compile(r"[\w.]{1,200}")  # of a module; as a regular expression in a config it must be harmless too


def parse_json(content: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        UserError: it is no JSON object, or too long.
    """
    try:
        if len(content[name]) > JSON_BYTES:
            raise ValueError
        values = json.loads(content[name].decode("utf-8"))
        if not isinstance(values, dict):
            raise TypeError
    except (ValueError, TypeError, RecursionError) as fault:
        raise UserError(f"{name} is no JSON object that can be read. Bring it as it was saved.") from fault
    return values


def known_record(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a run.json that are known and of the right type; the rest is dropped."""
    known: dict[str, Any] = {}
    base = values.get("base")
    if isinstance(base, dict) and all(isinstance(base.get(key), str) for key in ("name", "hash")):
        known["base"] = {"name": base["name"][:100], "hash": base["hash"][:16]}
    if isinstance(values.get("method"), str) and values["method"] in adapters.methods():
        known["method"] = values["method"]
    if isinstance(values.get("data_hash"), str) and re.fullmatch("[0-9a-f]{16}", values["data_hash"]):
        known["data_hash"] = values["data_hash"]
    for part in ("options", "settings", "versions"):
        if isinstance(values.get(part), dict):
            known[part] = {str(key)[:40]: each for key, each in list(values[part].items())[:40] if _is_simple(each)}
    figures = values.get("figures")
    if isinstance(figures, dict):
        known["figures"] = {key: figures[key] for key in FIGURES if _is_number(figures.get(key))}
    return known


def _is_simple(value: Any) -> bool:
    return _is_number(value) or isinstance(value, bool) or (isinstance(value, str) and len(value) <= 40)


def _is_number(value: Any) -> bool:
    most = sys.float_info.max  # JSON's whole numbers may be too large to be compared otherwise
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -most <= value <= most


def served_method(config: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The method that serves the adapter: the one that wrote it, else the one of PEFT's type.

    Raises:
        UserError: no method here serves adapters of this type.
    """
    kind = str(config.get("peft_type"))
    if kind not in KINDS:
        raise UserError(
            f"This adapter is of PEFT's type {kind[:40]!r}, and only {', '.join(KINDS)} can be imported. "
            "Train it here instead."
        )
    if kind != "LORA":
        return KINDS[kind]
    written = record.get("method", DEFAULT_METHOD)
    return "dora" if config.get("use_dora") else DEFAULT_METHOD if written in (*ENDS, "full") else written


def check_config(config: Mapping[str, Any]) -> None:
    """Refuse settings that would be served otherwise than PEFT computes them, or that could keep the server busy.

    Raises:
        UserError: naming the setting.
    """
    numbers = [
        config.get("r"),
        config.get("lora_alpha", 1),
        config.get("init_r", 1),
        config.get("projection_prng_key", 0),
    ]
    if not all(_is_number(each) for each in numbers) or not 1 <= config["r"] <= MOST_RANK:
        raise UserError(f"{CONFIG_NAME} gives no rank (r) or alpha that can be used. Bring it as PEFT saved it.")
    start = str(config.get("init_lora_weights")).lower()
    odd = [key for key in OTHERWISE if config.get(key)]
    odd += ["init_lora_weights"] if start.startswith(BASE_CHANGED) else []
    if odd:
        raise UserError(
            f"This adapter uses {', '.join(odd)}, which cannot be served here beside an untouched base model."
        )
    patterns = config.get("alpha_pattern") or {}
    if not isinstance(patterns, dict) or not all(
        _NAME.fullmatch(str(key)) and _is_number(value) for key, value in patterns.items()
    ):
        raise UserError(f"The alpha_pattern of {CONFIG_NAME} is not of module names and numbers. Bring a plain LoRA.")


def parse_tensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file, checked for names, types, dimensions and finite values.

    Raises:
        UserError: the file is damaged, or a tensor is none of an adapter's.
    """
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError) as fault:
        raise UserError(
            f"{SAFETENSORS_WEIGHTS_NAME} is damaged or no safetensors file. Bring it as it was saved."
        ) from fault
    for name, each in tensors.items():
        if not _NAME.fullmatch(name) or each.dtype not in NUMBER_TYPES or not 1 <= each.dim() <= 2:
            raise UserError(f"The tensor {name[:80]!r} is none of an adapter's: {each.dtype}, {tuple(each.shape)}.")
        if not torch.isfinite(each).all():
            raise UserError(f"The tensor {name[:80]!r} holds values that are no numbers; such an adapter says nothing.")
    return tensors


def check_tensor_names(method: str, tensors: Mapping[str, Tensor], max_rank: int) -> None:
    """Check that each layer has all tensors of its method and no other, and A and B of one rank up to `max_rank`.

    VeRA's shared matrices may be among them, both or none.

    Raises:
        UserError: naming the tensor or the layer.
    """
    ends = ENDS.get(method, LORA_ENDS)
    layers = {key.removesuffix(end) for key in tensors for end in ends if key.endswith(end)}
    wanted = {layer + end for layer in layers for end in ends}
    wanted |= set(VERA_SHARED) if method == "vera" and not tensors.keys().isdisjoint(VERA_SHARED) else set()
    if not layers or wanted != set(tensors) or not all(layer.startswith(PREFIX) for layer in layers):
        odd = min(wanted ^ set(tensors), default=min(layers, default="no layer"))
        raise UserError(f"This is no whole {method} adapter in PEFT's form: {odd[:100]!r} is missing or out of place.")
    for layer in layers if ".lora_A" in ends[0] else ():
        A, B = tensors[layer + ends[0]], tensors[layer + ends[1]]
        if A.dim() != 2 or B.dim() != 2 or A.shape[0] != B.shape[1]:
            raise UserError(f"A and B of {layer[:100]!r} do not fit: {tuple(A.shape)} and {tuple(B.shape)}.")
        if len(A) > max_rank:
            raise UserError(f"The layer {layer[:100]!r} has rank {len(A)}; at most {max_rank} is allowed here.")
