"""Further tiny chat models on disk, for the tests of a choice: of other architectures, each with its own weights."""

from pathlib import Path

from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from tests.fakes.tiny_model import tiny_llama, tiny_tokenizer

OTHER, THIRD = "other", "third"
LISTED_ON_HUB = "owner/tiny-chat"  # a model that the tests' Hub gives


def two_bases(folder: Path) -> Path:
    """Write a Qwen2 called OTHER and a Llama called THIRD into a folder."""
    _save(tiny_qwen(), folder / OTHER)
    _save(tiny_llama(seed=3), folder / THIRD)
    return folder


def tiny_qwen() -> Qwen2ForCausalLM:
    """A Qwen2 with the shape of the tiny Llama, and other weights."""
    shape = tiny_llama(seed=5).config.to_dict()
    kept = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    more = ("num_key_value_heads", "max_position_embeddings", "tie_word_embeddings", "eos_token_id", "pad_token_id")
    return Qwen2ForCausalLM(Qwen2Config(**{name: shape[name] for name in (*kept, *more)})).eval()


def _save(model: PreTrainedModel, folder: Path) -> None:
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
