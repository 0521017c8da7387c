"""A chat model in a GGUF file: made into float32 safetensors once, since everything here loads those.

llama.cpp's format keeps quantised weights, the tokenizer's parts and the chat template in one file. The weights that
come out are the numbers that llama.cpp computes with, not those from before the file was quantised.
"""

import json
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from playground.errors import UserError
from playground.models.weights import check_room, is_complete, keep

ENDING = ".gguf"
FOLDER = "gguf"  # the folder, among the models, of those that were made of such files
MARGIN = 1.05  # of the room for the weights: tokenizer and the like
BYTE_LEVEL = "gpt2"  # what GGUF calls every byte-level BPE
_PART = re.compile(r"-\d{5}-of-\d{5}$")
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _split(pattern: str) -> list[Any]:
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return [pre_tokenizers.Split(Regex(pattern), behavior="isolated"), whole]


# How each byte-level tokenizer cuts a text before it joins bytes, which GGUF only names (llama.cpp, llama-vocab.cpp).
CUTS: Mapping[str, list[Any]] = {
    "gpt-2": [pre_tokenizers.ByteLevel(add_prefix_space=False)],
    "smollm": [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)],
    "qwen2": _split(_WORDS % ""),
    "llama-bpe": _split(_WORDS % "{1,3}"),
    "lfm2": _split(_WORDS % "{1,3}"),
}
COMPOSED = ("qwen2",)  # those that compose letters and their marks first

log = logging.getLogger(__name__)


def is_gguf(name: str) -> bool:
    """Whether the name of a chat model is that of a GGUF file."""
    return name.lower().endswith(ENDING)


def cut_name(tokenizer: Tokenizer) -> str:
    """What GGUF calls the rule by which a byte-level tokenizer cuts a text; empty where it has no name here."""
    own = _cut_description(tokenizer)
    for name in CUTS:
        known = Tokenizer(BPE())
        _set_cut(known, name)
        if _cut_description(known) == own:
            return name
    return ""


def find_unpacked(file: Path, models: Path) -> Path | None:
    """The folder that was made of this file as it is now, else None."""
    folder = unpacked_folder(file, models)
    return folder if is_complete(folder, _identity(file)) else None


def unpacked_folder(file: Path, models: Path) -> Path:
    """Where the model made of the file is, or will be."""
    return models / FOLDER / file.stem


def unpack_gguf(file: Path, models: Path) -> Path:
    """Make the model's folder of the file, in one step for any reader; takes about a minute per 500 million weights.

    Raises UserError without room on the disk, for a part of a model, and for what cannot be read as a chat model.
    """
    if _PART.search(file.stem):
        raise UserError(f"{file.name} is one part of a model. Join the parts with llama.cpp's gguf-split first.")
    with _told(file):
        needed = MARGIN * torch.float32.itemsize * sum(int(each.n_elements) for each in gguf.GGUFReader(file).tensors)
    check_room(models, int(needed), file.name)
    with tempfile.TemporaryDirectory(dir=models, prefix=".bringing-") as scratch:
        made = Path(scratch) / "model"
        convert_gguf(file, made)
        keep(made, unpacked_folder(file, models), _identity(file))
    return unpacked_folder(file, models)


def convert_gguf(file: Path, folder: Path) -> None:
    """Convert a model in GGUF to float32 safetensors and a tokenizer in a new folder.

    Raises UserError where transformers does not know the architecture, or nobody here how its tokenizer cuts a text.
    """
    with _told(file):
        tokenizer = _tokenizer(file)
        model = _plain_model(file)
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turn what the libraries raise for a file that they cannot read into a sentence."""
    try:
        yield
    except (OSError, ValueError, KeyError, NotImplementedError) as fault:
        log.info("%s could not be read", file, exc_info=True)
        reason = (str(fault).strip() or type(fault).__name__).splitlines()[0].rstrip(".")
        raise UserError(
            f"{file.name} cannot be read as a chat model: {reason}. Name another file, or a folder."
        ) from fault


def _plain_model(file: Path) -> PreTrainedModel:
    """The model in float32. One read from GGUF counts as quantised and refuses to be saved: a plain one can be."""
    quantised = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    config = quantised.config
    del config.quantization_config
    with torch.device("meta"):
        plain = type(quantised)(config)
    plain.load_state_dict(quantised.state_dict(), assign=True)
    plain.tie_weights()
    return plain


def _tokenizer(file: Path) -> PreTrainedTokenizerBase:
    """The tokenizer, cutting texts by the rule that the file names."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    kind, cut = _tokenizer_names(file)
    if kind == BYTE_LEVEL:
        if cut not in CUTS:
            raise ValueError(f"its tokenizer cuts texts by the rule {cut!r}; known are {', '.join(CUTS)}")
        _set_cut(tokenizer.backend_tokenizer, cut)
    return tokenizer


def _set_cut(tokenizer: Tokenizer, name: str) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(CUTS[name])
    tokenizer.normalizer = normalizers.NFC() if name in COMPOSED else None


def _cut_description(tokenizer: Tokenizer) -> tuple[list[dict[str, Any]], Any]:
    """The steps by which a tokenizer cuts a text, and how it changes one before."""
    described = json.loads(tokenizer.to_str())
    cut = described["pre_tokenizer"] or {"type": ""}
    steps = cut["pretokenizers"] if cut["type"] == "Sequence" else [cut]
    # The offsets that a step gives are those in the text, not the cut.
    return [{key: each[key] for key in each if key != "trim_offsets"} for each in steps], described["normalizer"]


def _tokenizer_names(file: Path) -> tuple[str, str]:
    """What the file calls its kind of tokenizer and its rule for cutting a text; "" for what it does not say."""
    fields = gguf.GGUFReader(file).fields
    kind, cut = (fields.get(f"tokenizer.ggml.{name}") for name in ("model", "pre"))
    return str(kind.contents()) if kind else "", str(cut.contents()) if cut else ""


def _identity(file: Path) -> str:
    """Tells this file from another one of its name without reading it."""
    stat = file.stat()
    return f"{file.name}, {stat.st_size} bytes, {stat.st_mtime_ns}"
