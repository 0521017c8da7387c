"""`export`: an adapter for use elsewhere, with PEFT or with plain transformers."""

import json
import shutil
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import adapters
from adapters.base import Method
from adapters.plain import read_adapter
from playground.commands.arguments import Line
from playground.device import Device
from playground.models import chat_source, load_chat
from playground.serving import DEFAULT_METHOD, load_adapter
from playground.settings import Settings

RECORD = "run.json"
NATIVE = (".json", ".safetensors")


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
    for path in folder.iterdir():
        if path.suffix in NATIVE:
            shutil.copyfile(path, out / path.name)


def _method(folder: Path) -> Method[Any]:
    record = folder / RECORD
    trained = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    return adapters.get(trained.get("method", DEFAULT_METHOD))


def _write_plain(folder: Path, out: Path) -> None:
    """Needs no base model: its name stands in the adapter's own config."""
    plain = _method(folder).plain(folder)
    config, _, _ = read_adapter(folder)
    plain.save(out, config.get("base_model_name_or_path") or "")


def _merge(folder: Path, settings: Settings, out: Path) -> None:
    """In float32, whatever the chat model is served in here: a smaller type would round the change away."""
    chat = load_chat(chat_source(settings), Device("cpu", torch.float32, 0.0))
    served = load_adapter(folder, chat)
    if served.plain:
        served.plain.merge_into(chat.model)
    (served.model or chat.model).save_pretrained(out)
    chat.tokenizer.save_pretrained(out)
