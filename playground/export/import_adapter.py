"""An adapter that somebody brings: read in memory, checked against the base model, written anew. Trusts nothing in it.

Safetensors and JSON only: a pickle runs its author's code when it is read. Of a zip only the members' last names count,
and no more bytes are unpacked than are allowed. What is kept are tensors and known values, never the files themselves.
"""

import json
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor, nn

import adapters
from adapters.dora import MAGNITUDE
from adapters.lora_weights import PREFIX
from playground.errors import UserError
from playground.inference.served_adapter import DEFAULT_METHOD, load_adapter
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import RECORD, write_record

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz")
PASSED_OVER = (".md", ".jinja", ".txt", ".gitattributes")  # what else lies beside an adapter; never read
MOST_FILES = 32
JSON_BYTES = 1_000_000
NUMBER_TYPES = (torch.float32, torch.float16, torch.bfloat16)
FIGURES = ("heldout_before", "heldout_after", "step", "steps", "tokens", "trainable", "seconds", "peak_bytes")
MOST_RANK = 1_024  # VeRA's; the others' is the host's limit
KINDS = {"LORA": DEFAULT_METHOD, "VERA": "vera", "ADALORA": "adalora"}  # PEFT's word for it: who reads it
LORA_ENDS = (".lora_A.weight", ".lora_B.weight")
ENDS = {
    "dora": (*LORA_ENDS, MAGNITUDE),
    "adalora": (".lora_A", ".lora_B", ".lora_E"),
    "vera": (".vera_lambda_b", ".vera_lambda_d"),
}
_NAME = re.compile(r"[\w.]{1,200}")  # as a pattern in a config: no other sign, for some patterns never end


@dataclass(frozen=True)
class Incoming:
    """An adapter as it came, checked as far as it can be without the base model: method, record, config, tensors."""

    method: str
    record: Mapping[str, Any]
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def figures(self) -> dict[str, float]:
        """What its run measured, as far as it is numbers."""
        return dict(self.record.get("figures", {}))


def read_adapter(files: Sequence[tuple[str, Path]], max_bytes: int, max_rank: int) -> Incoming:
    """An adapter from a zip or its single files, given as name and path.

    Raises:
        UserError: a pickle or anything else that is no adapter, too large, damaged, or of a kind not known here.
    """
    content = _members(files, max_bytes)
    if SAFETENSORS_WEIGHTS_NAME not in content or CONFIG_NAME not in content:
        found = ", ".join(content) or "nothing"
        raise UserError(
            f"An adapter is {SAFETENSORS_WEIGHTS_NAME} and {CONFIG_NAME}, as PEFT saves it; {found} came. "
            "Add both, or a zip of the folder. A whole model cannot be brought back."
        )
    config, record = _json(content, CONFIG_NAME), _record(_json(content, RECORD) if RECORD in content else {})
    tensors = _tensors(content[SAFETENSORS_WEIGHTS_NAME])
    method = _method(config, record)
    _check_config(config)
    _check_names(method, tensors, max_rank)
    return Incoming(method, record, config, tensors)


def write_adapter(incoming: Incoming, folder: Path, chat: ChatModel) -> None:
    """Put the adapter into a new folder as training would, and see that it fits the base model.

    Raises:
        UserError, MethodError: it was trained on another model, or its shapes are not the model's.
    """
    folder.mkdir(parents=True)
    base = {"name": chat.name, "hash": chat.hash}
    record = {"base": base, **incoming.record, "method": incoming.method, "brought": True}
    write_record(folder, record)
    config = {**incoming.config, "base_model_name_or_path": chat.name}
    (folder / CONFIG_NAME).write_text(json.dumps(config, indent=1), encoding="utf-8")
    metadata = {"format": "pt", **_inputs(incoming, chat)}
    save_file(dict(incoming.tensors), folder / SAFETENSORS_WEIGHTS_NAME, metadata=metadata)
    try:
        load_adapter(folder, chat)
    except (KeyError, IndexError, TypeError, RuntimeError, AttributeError) as fault:
        raise UserError(
            f"This adapter does not fit {chat.name} ({type(fault).__name__}: {str(fault)[:120]}). "
            "Bring one that was trained on this model."
        ) from fault


def _members(files: Sequence[tuple[str, Path]], max_bytes: int) -> dict[str, bytes]:
    """The files by their last names; `max_bytes` bounds all of them together, unpacked."""
    content: dict[str, bytes] = {}
    left = max_bytes
    for name, source in _listed(files):
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in PICKLES:
            raise UserError(
                f"{name} is a pickle or can hold one, which may run its author's code when it is read, so it is not. "
                "Save the adapter as safetensors, and leave such files out."
            )
        if suffix in PASSED_OVER or name in PASSED_OVER:
            continue
        if suffix not in (".safetensors", ".json"):
            raise UserError(f"{name} is neither .safetensors nor .json; nothing else is read. Leave it out.")
        if name in content:
            raise UserError(f"Two files are called {name}. Bring one adapter at a time.")
        content[name] = source.read(left)
        left -= len(content[name])
    return content


@dataclass(frozen=True)
class _Source:
    """A file, or a member of a zip."""

    path: Path
    member: str = ""

    def read(self, most: int) -> bytes:
        """The bytes, refused beyond `most`, whatever a zip says of their number."""
        if self.member:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as packed:
                data = packed.read(most + 1)
        else:
            with self.path.open("rb") as file:
                data = file.read(most + 1)
        if len(data) > most:
            raise UserError(
                "This adapter is larger than this host takes. Train one of a smaller rank, or ask the host."
            )
        return data


def _listed(files: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, _Source]]:
    found: list[tuple[str, _Source]] = []
    for name, path in files:
        if not name.lower().endswith(".zip"):
            found.append((PurePosixPath(name).name, _Source(path)))
            continue
        try:
            with zipfile.ZipFile(path) as archive:
                members = [each for each in archive.namelist()[: MOST_FILES + 1] if not each.endswith("/")]
                encrypted = any(each.flag_bits & 1 for each in archive.infolist())
        except (zipfile.BadZipFile, ValueError, OSError) as fault:
            raise UserError(
                f"{PurePosixPath(name).name} is no readable zip. Pack the adapter's folder again."
            ) from fault
        if encrypted:
            raise UserError("This zip is encrypted. Pack the adapter's folder without a password.")
        found += [(PurePosixPath(each).name, _Source(path, each)) for each in members]
    if len(found) > MOST_FILES:
        raise UserError(
            f"More than {MOST_FILES} files came, and an adapter has three. Bring the adapter's files alone."
        )
    yield from found


def _json(content: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        if len(content[name]) > JSON_BYTES:
            raise ValueError
        values = json.loads(content[name].decode("utf-8"))
        if not isinstance(values, dict):
            raise TypeError
    except (ValueError, TypeError, RecursionError) as fault:
        raise UserError(f"{name} is no JSON object that can be read. Bring it as it was saved.") from fault
    return values


def _record(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of a run.json is known and of the right type; the rest is let go."""
    kept: dict[str, Any] = {}
    base = values.get("base")
    if isinstance(base, dict) and all(isinstance(base.get(key), str) for key in ("name", "hash")):
        kept["base"] = {"name": base["name"][:100], "hash": base["hash"][:16]}
    if isinstance(values.get("method"), str) and values["method"] in adapters.methods():
        kept["method"] = values["method"]
    if isinstance(values.get("data_hash"), str) and re.fullmatch("[0-9a-f]{16}", values["data_hash"]):
        kept["data_hash"] = values["data_hash"]
    for part in ("options", "settings", "versions"):
        if isinstance(values.get(part), dict):
            kept[part] = {str(key)[:40]: each for key, each in list(values[part].items())[:40] if _simple(each)}
    figures = values.get("figures")
    if isinstance(figures, dict):
        kept["figures"] = {key: figures[key] for key in FIGURES if _number(figures.get(key))}
    return kept


def _simple(value: Any) -> bool:
    return _number(value) or isinstance(value, bool) or (isinstance(value, str) and len(value) <= 40)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _method(config: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The method that reads it: the one that wrote it, else the one that PEFT's own kind names."""
    kind = str(config.get("peft_type"))
    if kind not in KINDS:
        raise UserError(
            f"This adapter's kind is {kind[:40]!r}; of {', '.join(KINDS)} it can be brought. Train it here instead."
        )
    if kind != "LORA":
        return KINDS[kind]
    written = record.get("method", DEFAULT_METHOD)
    return "dora" if config.get("use_dora") else DEFAULT_METHOD if written in (*ENDS, "full") else written


def _check_config(config: Mapping[str, Any]) -> None:
    """Refuse what would be served otherwise than PEFT computes it, or what could keep the server busy."""
    numbers = [
        config.get("r"),
        config.get("lora_alpha", 1),
        config.get("init_r", 1),
        config.get("projection_prng_key", 0),
    ]
    if not all(_number(each) for each in numbers) or not 1 <= config["r"] <= MOST_RANK:
        raise UserError(f"{CONFIG_NAME} gives no rank (r) or alpha that can be used. Bring it as PEFT saved it.")
    start = str(config.get("init_lora_weights")).lower()
    odd = [key for key in ("use_qalora", "lora_bias", "modules_to_save", "alora_invocation_tokens") if config.get(key)]
    odd += ["init_lora_weights"] if start.startswith(("pissa", "olora", "corda", "loftq")) else []
    odd += ["trainable_token_indices"] if config.get("trainable_token_indices") else []
    if odd:
        raise UserError(
            f"This adapter uses {', '.join(odd)}, which cannot be served here beside an untouched base model."
        )
    patterns = config.get("alpha_pattern") or {}
    if not isinstance(patterns, dict) or not all(
        _NAME.fullmatch(str(key)) and _number(value) for key, value in patterns.items()
    ):
        raise UserError(f"The alpha_pattern of {CONFIG_NAME} is not of module names and numbers. Bring a plain LoRA.")


def _tensors(data: bytes) -> dict[str, Tensor]:
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


def _check_names(method: str, tensors: Mapping[str, Tensor], max_rank: int) -> None:
    """Every layer has all that its method gives it, A and B of one rank, and there is nothing else."""
    ends = ENDS.get(method, LORA_ENDS)
    layers = {key.removesuffix(end) for key in tensors for end in ends if key.endswith(end)}
    wanted = {layer + end for layer in layers for end in ends}
    if not layers or wanted != set(tensors) or not all(layer.startswith(PREFIX) for layer in layers):
        odd = min(wanted ^ set(tensors), default=min(layers, default="no layer"))
        raise UserError(f"This is no whole {method} adapter in PEFT's form: {odd[:100]!r} is missing or out of place.")
    for layer in layers if ".lora_A" in ends[0] else ():
        A, B = tensors[layer + ends[0]], tensors[layer + ends[1]]
        if A.dim() != 2 or B.dim() != 2 or A.shape[0] != B.shape[1]:
            raise UserError(f"A and B of {layer[:100]!r} do not fit: {tuple(A.shape)} and {tuple(B.shape)}.")
        if len(A) > max_rank:
            raise UserError(f"The layer {layer[:100]!r} has rank {len(A)}; at most {max_rank} is allowed here.")


def _inputs(incoming: Incoming, chat: ChatModel) -> dict[str, str]:
    """The input sizes that VeRA's plain form needs, from the base model and not from the file."""
    names = {key.removeprefix(PREFIX).rpartition(".vera_")[0] for key in incoming.tensors if ".vera_" in key}
    modules = dict(chat.model.named_modules())
    if unknown := [name for name in names if not isinstance(modules.get(name), nn.Linear)]:
        raise UserError(f"This adapter does not fit {chat.name}: the model has no layer {min(unknown)[:100]!r}.")
    sizes = {name: modules[name].in_features for name in sorted(names)}
    return {"inputs": json.dumps(sizes)} if sizes else {}
