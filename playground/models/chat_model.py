"""The resident chat model: what it is, and how it is loaded from a folder of safetensors."""

from dataclasses import dataclass
from typing import Any

import torch
from jinja2 import TemplateError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from playground.device import Device
from playground.errors import UserError
from playground.models.registry import ModelSource, first_line
from playground.models.weights import check_digest, weights_digest
from playground.prompts import messages, render
from retrieval.loading import LOADING

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


@dataclass
class ChatModel:
    """The resident base model in evaluation mode; `hash` identifies its weights (16 hex digits), `window` is in tokens.

    Answers are computed with weights of so many `bits`, where this machine can: 32, or 16 in a copy.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    hash: str
    name: str
    device: torch.device
    window: int
    bits: int = 32


def load_chat(
    source: ModelSource,
    device: Device,
    bits: int = 32,
    stored: bool = False,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> ChatModel:
    """Load the chat model, to generate with and to train adapters on; `bits` are those of the weights that answer.

    With `stored`, on a CPU, its weights keep the numbers of their file, for a method that is `from_stored`. `tokenizer`
    is the model's own, where that is loaded already.

    Raises UserError for a damaged folder, an architecture that transformers does not know or that needs its author's
    code, and a model without a chat template.
    """
    digest = weights_digest(source.folder)
    check_digest(source.folder, digest)
    tokenizer = load_tokenizer(source) if tokenizer is None else tokenizer
    try:
        with LOADING:
            model = AutoModelForCausalLM.from_pretrained(
                source.folder,
                dtype="auto" if stored and device.name == "cpu" else device.dtype,
                use_safetensors=True,
                **LOCAL,
            )
    except (OSError, ValueError, KeyError, SafetensorError) as fault:
        raise UserError(f"The chat model in {source.folder} cannot be loaded: {first_line(fault)}.") from fault
    model.name_or_path = model.config.name_or_path = source.name  # what an exported adapter names as its base
    if device.name == "cpu":  # as the file stores it, by which runs of a method that is `from_stored` are planned
        model.config.dtype = load_config(source).dtype or model.dtype
    return ChatModel(
        model=model.to(device.name).eval(),  # type: ignore[arg-type]  # the library's wrapper hides self
        tokenizer=tokenizer,
        hash=digest[:16],
        name=source.name,
        device=torch.device(device.name),
        window=min(model.config.max_position_embeddings, tokenizer.model_max_length),
        bits=bits,
    )


def base_hash(source: ModelSource) -> str:
    """16 hex digits of a model's weights, as `ChatModel.hash` has them."""
    return weights_digest(source.folder)[:16]


def load_config(source: ModelSource) -> PretrainedConfig:
    """The chat model's configuration without its weights."""
    config: PretrainedConfig = AutoConfig.from_pretrained(source.folder, **LOCAL)
    return config


def load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """The chat model's tokenizer without its weights.

    Raises UserError for a damaged folder and a model without a chat template that can be used.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source.folder, **LOCAL)
    except (OSError, ValueError, KeyError) as fault:
        raise UserError(f"The chat model in {source.folder} cannot be loaded: {first_line(fault)}.") from fault
    if tokenizer.chat_template is None:
        raise UserError(f"The chat model {source.name} has no chat template. Choose one that is tuned to chat.")
    try:
        render(tokenizer, messages("Hello"))
    except TemplateError as fault:
        raise UserError(
            f"The chat template of {source.name} cannot be used here: {first_line(fault)}. Choose another model."
        ) from fault
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
