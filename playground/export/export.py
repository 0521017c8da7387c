"""Exports a run's adapter: the method's own files, a plain LoRA, the merged model, or a GGUF file of it."""

import shutil
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import adapters
from adapters.lora_weights import PlainLora, read_adapter
from playground.device import Device
from playground.errors import UserError
from playground.export.gguf import write_gguf
from playground.export.model_card import CARD, render_card
from playground.inference.served_adapter import DEFAULT_METHOD, load_adapter
from playground.models.chat_choice import listed_source
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import ModelSource
from playground.settings import Settings
from playground.storage.run_folder import read_record

FORMS = ("native", "plain", "merged", "gguf")
WHOLE = ("merged", "gguf")  # as large as the base model
GGUF = "model.gguf"
COPIED = (".json", ".safetensors")

Source = Callable[[], ModelSource]  # where the base model is; asked only by the forms that hold it


def write_export(form: str, adapter: Path, out: Path, settings: Settings, name: str = "", base: str = "") -> None:
    """Write an adapter in one of FORMS and a model card into the folder `out`; `name` is the card's title.

    `base` names the chat model that it was trained on; empty is the host's own.

    Raises:
        UserError: there is no such form, or the base model is another one or cannot be written in it.
        MethodError: the adapter is damaged, or its method has no such form.
    """
    if form not in FORMS:
        raise UserError(f"There is no form {form!r} to export. Choose one of {', '.join(FORMS)}.")
    record = read_record(adapter)
    _WRITERS[form](adapter, out, partial(listed_source, settings, base))
    trained_on = record.get("base", {}).get("name") or base or settings.chat_model
    (out / CARD).write_text(
        render_card(form, record, trained_on, name or adapters.get(_method(record)).label), encoding="utf-8"
    )


def zip_folder(folder: Path, file: Path) -> None:
    """Put a folder's files into a zip, uncompressed, as weights do not shrink."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{file.stem}/{path.name}")


def _method(record: Mapping[str, Any]) -> str:
    return str(record.get("method", DEFAULT_METHOD))


def _copy_native(adapter: Path, out: Path, source: Source) -> None:
    for path in adapter.iterdir():
        if path.suffix in COPIED:
            shutil.copyfile(path, out / path.name)


def _write_plain(adapter: Path, out: Path, source: Source) -> None:
    """Write the plain LoRA; the adapter's config names the base model, so that is not loaded."""
    plain = adapters.get(_method(read_record(adapter))).as_lora(adapter)
    config, _, _ = read_adapter(adapter)
    plain.save(out, config.get("base_model_name_or_path") or "")


def _write_merged(adapter: Path, out: Path, source: Source) -> None:
    chat = _load_merged(adapter, source())
    chat.model.save_pretrained(out)
    chat.tokenizer.save_pretrained(out)


def _write_gguf(adapter: Path, out: Path, source: Source) -> None:
    chat = _load_merged(adapter, source())
    write_gguf(chat.model, chat.tokenizer, out / GGUF, chat.name)
    chat.tokenizer.save_pretrained(out)  # GGUF only names the pre-tokenizer


def _load_merged(adapter: Path, source: ModelSource) -> ChatModel:
    """A chat model of its own with the adapter merged into its weights.

    In float32, whatever the type served here: a smaller type would round the change away.
    """
    chat = load_chat(source, Device("cpu", torch.float32, 0.0))
    served = load_adapter(adapter, chat)
    if served.model:
        chat.model = served.model
    elif served.lora:
        _untie_head(chat.model, served.lora)
        served.lora.merge_into(chat.model)
    return chat


def _untie_head(model: Any, lora: PlainLora) -> None:
    """Give a tied vocabulary head weights of its own where an adapter changes it, as the embeddings stay the base's."""
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    if head.weight is embeddings.weight and any(model.get_submodule(name) is head for name in lora.layers):
        head.weight = nn.Parameter(head.weight.detach().clone())
        model.config.tie_word_embeddings = False


_WRITERS: Mapping[str, Callable[[Path, Path, Source], None]] = {
    "native": _copy_native,
    "plain": _write_plain,
    "merged": _write_merged,
    "gguf": _write_gguf,
}
