"""A real sentence encoder in small, made in code and saved as one is, for the tests that need a second embedder."""

import string
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

LETTERS = string.ascii_lowercase + string.digits + string.punctuation
MULTILINGUAL = 81_000  # tokens: what an embedder takes for the vocabulary of many languages


def small_encoder(folder: Path, seed: int = 1, tokens: int = 0, prompts: dict[str, str] | None = None) -> Path:
    """A BERT of one layer that reads letters, 16 numbers a vector, in safetensors; padded to so many tokens."""
    folder.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{each}" for each in LETTERS)]
    vocabulary += [f"filler{number}" for number in range(tokens - len(vocabulary))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=128).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    words = Transformer(str(folder), max_seq_length=128)
    pooling = Pooling(16, pooling_mode="mean")
    SentenceTransformer(modules=[words, pooling], prompts=prompts, device="cpu").save(str(folder))
    return folder
