"""Imports an adapter that a visitor uploads: read in memory, checked against the base model, written anew.

Only tensors and known values are kept, never the uploaded files themselves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import save_file
from torch import Tensor, nn

from adapters.lora_weights import PREFIX
from playground.errors import UserError
from playground.export.adapter_checks import (
    check_config,
    check_tensor_names,
    known_record,
    parse_json,
    parse_tensors,
    served_method,
)
from playground.export.upload_files import read_files
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import RECORD, write_record


@dataclass(frozen=True)
class UploadedAdapter:
    """An uploaded adapter that passed the checks that need no base model."""

    method: str
    record: Mapping[str, Any]
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def figures(self) -> dict[str, float]:
        """The figures of its run that are numbers."""
        return dict(self.record.get("figures", {}))


def read_adapter(files: Sequence[tuple[str, Path]], max_bytes: int, max_rank: int) -> UploadedAdapter:
    """An adapter from a zip or from single files; `files` are pairs of name and path.

    Raises:
        UserError: the files are no adapter, too large, damaged, can hold a pickle, or are of a kind not served here.
    """
    content = read_files(files, max_bytes)
    if SAFETENSORS_WEIGHTS_NAME not in content or CONFIG_NAME not in content:
        found = ", ".join(content) or "nothing"
        raise UserError(
            f"An adapter is {SAFETENSORS_WEIGHTS_NAME} and {CONFIG_NAME}, as PEFT saves it; {found} came. "
            "Add both, or a zip of the folder. A whole model cannot be brought back."
        )
    config = parse_json(content, CONFIG_NAME)
    record = known_record(parse_json(content, RECORD) if RECORD in content else {})
    tensors = parse_tensors(content[SAFETENSORS_WEIGHTS_NAME])
    method = served_method(config, record)
    check_config(config)
    check_tensor_names(method, tensors, max_rank)
    return UploadedAdapter(method, record, config, tensors)


def write_adapter(uploaded: UploadedAdapter, folder: Path, chat: ChatModel) -> None:
    """Write the adapter into a new folder in the form that training writes, and check that it fits the base model.

    Raises:
        UserError, MethodError: it was trained on another model, or its shapes are not the model's.
    """
    folder.mkdir(parents=True)
    base = {"name": chat.name, "hash": chat.hash}
    record = {"base": base, **uploaded.record, "method": uploaded.method, "brought": True}
    write_record(folder, record)
    config = {**uploaded.config, "base_model_name_or_path": chat.name}
    (folder / CONFIG_NAME).write_text(json.dumps(config, indent=1), encoding="utf-8")
    metadata = {"format": "pt", **_vera_inputs(uploaded, chat)}
    save_file(dict(uploaded.tensors), folder / SAFETENSORS_WEIGHTS_NAME, metadata=metadata)
    try:
        load_adapter(folder, chat)
    except (KeyError, IndexError, TypeError, RuntimeError, AttributeError) as fault:
        raise UserError(
            f"This adapter does not fit {chat.name} ({type(fault).__name__}: {str(fault)[:120]}). "
            "Bring one that was trained on this model."
        ) from fault


def _vera_inputs(uploaded: UploadedAdapter, chat: ChatModel) -> dict[str, str]:
    """Metadata with the input sizes that VeRA's plain form needs, taken from the base model and not from the file."""
    names = {
        key.removeprefix(PREFIX).rpartition(".vera_lambda_")[0] for key in uploaded.tensors if ".vera_lambda_" in key
    }
    modules = dict(chat.model.named_modules())
    if unknown := [name for name in names if not isinstance(modules.get(name), nn.Linear)]:
        raise UserError(f"This adapter does not fit {chat.name}: the model has no layer {min(unknown)[:100]!r}.")
    sizes = {name: modules[name].in_features for name in sorted(names)}
    return {"inputs": json.dumps(sizes)} if sizes else {}
