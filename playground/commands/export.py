"""`export`: an adapter for use elsewhere, with PEFT or with plain transformers."""

import json
import shutil
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import torch

import adapters
from adapters.plain import read_adapter
from playground.commands.arguments import Line
from playground.device import Device
from playground.models import chat_source, load_chat
from playground.serving import DEFAULT_METHOD, load_adapter
from playground.settings import Settings

RECORD = "run.json"
NATIVE = ("adapter_config.json", "adapter_model.safetensors", RECORD)


def run(asked: Namespace, settings: Settings) -> Iterator[Line]:
    """One line, with the new folder and its files."""
    if asked.form == "merged":
        _merge(asked.adapter, settings, asked.out)
    elif asked.form == "plain":
        _write_plain(asked.adapter, asked.out)
    else:
        _copy(asked.adapter, asked.out)
    sizes = {each.name: each.stat().st_size for each in sorted(asked.out.iterdir())}
    record = {"form": asked.form, "out": str(asked.out), "files": list(sizes), "bytes": sum(sizes.values())}
    yield record, f"{asked.out}: {', '.join(sizes)} ({record['bytes'] / 1e6:.1f} MB)"


def _copy(folder: Path, out: Path) -> None:
    for name in NATIVE:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)


def _write_plain(folder: Path, out: Path) -> None:
    """Needs no base model: its name stands in the adapter's own config."""
    record = folder / RECORD
    trained = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    config, _, _ = read_adapter(folder)
    plain = adapters.get(trained.get("method", DEFAULT_METHOD)).plain(folder)
    plain.save(out, config.get("base_model_name_or_path") or "")


def _merge(folder: Path, settings: Settings, out: Path) -> None:
    """W + B·A in float32, whatever the chat model is served in here: a smaller type would round the change away."""
    chat = load_chat(chat_source(settings), Device("cpu", torch.float32, 0.0))
    layers = load_adapter(folder, chat).plain.layers
    with torch.no_grad():
        for name, (A, B) in layers.items():
            chat.model.get_parameter(f"{name}.weight").add_(B @ A)
    chat.model.save_pretrained(out)
    chat.tokenizer.save_pretrained(out)
