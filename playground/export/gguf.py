"""Writes a Llama and its tokenizer into one GGUF file in float32, in the layout of llama.cpp's convert_hf_to_gguf.py.

For rotary positions, llama.cpp pairs neighbouring values and transformers the two halves of a head, so the rows of each
query and key projection are reordered; transformers reverses that when it reads the file.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from playground.errors import UserError
from playground.models.gguf_model import cut_name

ARCHITECTURE = "llama"
SUFFIXES = (".weight", ".bias")


def write_gguf(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: Path, name: str) -> None:
    """Write the file, for llama.cpp and `from_pretrained(folder, gguf_file=…)`; `name` is the model's name in it.

    Raises:
        UserError: the model is no plain Llama, or its tokenizer is no byte-level BPE of a rule that GGUF names.
    """
    _check_supported(model, tokenizer)
    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_shape(writer, model.config)
    _add_tokenizer(writer, tokenizer, model.config.vocab_size)
    _add_tensors(writer, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _check_supported(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    config = model.config
    if config.model_type != ARCHITECTURE or config.rope_parameters.get("rope_type", "default") != "default":
        raise UserError(
            f"GGUF is written for plain Llama models only, and this is {config.model_type!r}. Export it merged instead."
        )
    kind = _backend(tokenizer)["model"]["type"]
    if kind != "BPE":
        raise UserError(f"GGUF is written for byte-level BPE tokenizers only, not {kind}. Export it merged instead.")
    if not cut_name(tokenizer.backend_tokenizer):
        raise UserError("GGUF has no name here for how this tokenizer cuts a text. Export it merged instead.")


def _add_shape(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerBase, size: int) -> None:
    backend = _backend(tokenizer)
    control = {each["id"] for each in backend["added_tokens"] if each["special"]}
    known = {number: token for token, number in tokenizer.get_vocab().items()}
    tokens = [known.get(number, f"[PAD{number}]") for number in range(size)]
    types = [_token_type(number, known, control) for number in range(size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut_name(tokenizer.backend_tokenizer))  # llama.cpp knows the rule by this name
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in backend["model"]["merges"]])
    for add, number in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ):
        if number is not None:
            add(number)
    writer.add_add_bos_token(False)
    writer.add_chat_template(str(tokenizer.chat_template))


def _token_type(number: int, known: dict[int, str], control: set[int]) -> int:
    if number not in known:
        return int(gguf.TokenType.UNUSED)
    return int(gguf.TokenType.CONTROL if number in control else gguf.TokenType.NORMAL)


def _add_tensors(writer: gguf.GGUFWriter, model: PreTrainedModel) -> None:
    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for key, tensor in model.named_parameters():  # a tied head is no parameter of its own; the reader ties it again
        name = names.get_name(key, try_suffixes=SUFFIXES)
        if name is None:
            raise UserError(f"GGUF has no place for the layer {key} of this model. Export it merged instead.")
        writer.add_tensor(name, _reorder_heads(key, tensor, config))


def _reorder_heads(key: str, tensor: Tensor, config: Any) -> np.ndarray:
    values = tensor.detach().float().cpu()
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(key.split(".")[-2], 0)
    if heads:
        halves = values.reshape(heads, 2, -1, *values.shape[1:])
        values = halves.transpose(1, 2).reshape(values.shape)
    return values.contiguous().numpy()


def _backend(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """The JSON description of the fast tokenizer."""
    return json.loads(tokenizer.backend_tokenizer.to_str())
