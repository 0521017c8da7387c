"""A tiny multilingual E5, packed as its wheel packs the real one."""

import struct
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

HIDDEN, LAYERS, HEADS, INNER, POSITIONS, TYPES = 32, 2, 2, 64, 64, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz:é", "▁ab", "<mask>"]
REPLACED = {"\t": " ", "\x07": "", "ﬁ": "fi"}


def tiny_bert() -> BertModel:
    """Weights that four bits hold exactly: whole numbers from -8 to 7 times a power of two."""
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=POSITIONS,
        type_vocab_size=TYPES,
        pad_token_id=1,
    )
    model, draw = BertModel(config).eval(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randint(-8, 8, weight.shape, generator=draw) / 32)
    return model


def pack(model: BertModel, file: Path) -> Path:
    """Write the file that `playground.models.packed_e5` reads."""
    text = "".join(PIECES).encode()
    starts = np.cumsum([0, *(len(each.encode()) for each in PIECES)]).astype("<u4")
    scores = -np.arange(len(PIECES), dtype="<f4")
    scores[PIECES.index("▁ab")] = 0
    odd = b"".join(struct.pack("<IB", ord(one), len(to)) + to.encode("utf-32-le") for one, to in REPLACED.items())
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, TYPES, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(text)) + starts.tobytes() + scores.tobytes() + text
    head += struct.pack("<iI", len(REPLACED), len(odd)) + odd
    tensors = {name: _encode(name, weight) for name, weight in _tensors(model).items()}
    entries = [(name, *each) for name, each in tensors.items()]
    place = len(head) + 4 + sum(2 + len(name) + 21 for name, *_ in entries)
    directory, body = struct.pack("<i", len(entries)), b""
    for name, kind, numbers, data in entries:
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, numbers, place + len(body), len(data))
        body += data
    file.write_bytes(head + directory + body)
    return file


def _tensors(model: BertModel) -> dict[str, torch.Tensor]:
    words = model.embeddings
    tensors = {"emb.word": words.word_embeddings.weight, "emb.pos": words.position_embeddings.weight}
    tensors |= {"emb.type": words.token_type_embeddings.weight}
    parts: dict[str, torch.nn.Module] = {"emb.ln": words.LayerNorm}
    for number, layer in enumerate(model.encoder.layer):
        attention = layer.attention
        inside = {"q": attention.self.query, "k": attention.self.key, "v": attention.self.value}
        inside |= {"ao": attention.output.dense, "aln": attention.output.LayerNorm}
        inside |= {"fi": layer.intermediate.dense, "fo": layer.output.dense, "oln": layer.output.LayerNorm}
        parts |= {f"l{number}.{short}": part for short, part in inside.items()}
    for short, part in parts.items():
        tensors |= {f"{short}.w": part.get_parameter("weight"), f"{short}.b": part.get_parameter("bias")}
    return tensors


def _encode(name: str, weight: torch.Tensor) -> tuple[int, int, bytes]:
    """The type, the count of numbers and the bytes: four bits for what the real file has in four bits."""
    numbers = weight.detach().numpy()
    if name != "emb.word" and (numbers.ndim == 1 or name.startswith("emb")):
        return 0, numbers.size, numbers.astype("<f4").tobytes()
    rows = (numbers.reshape(-1, 32) * 32 + 8).astype(np.uint8)
    blocks = np.empty(len(rows), dtype=[("scale", "<f2"), ("pairs", "u1", 16)])
    blocks["scale"], blocks["pairs"] = 1 / 32, rows[:, :16] | rows[:, 16:] << 4
    return 1, numbers.size, blocks.tobytes()
