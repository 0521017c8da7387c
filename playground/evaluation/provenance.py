"""What the answers of an exam depend on, as hashes: an exam goes on only with the same."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
import transformers

from playground.evaluation.arm_models import ArmModels
from playground.evaluation.arms import Material
from playground.inference.forward import forward_of
from playground.models.chat_model import ChatModel

SECOND = "untuned_base"  # the hash of the model of the arms without an adapter, where that is another one


def content_hashes(models: ArmModels, material: Material) -> dict[str, str]:
    """Hashes of all that the answers depend on: models, weights, text, adapter and index."""
    digest = hashlib.sha256()
    for document in material.documents:
        digest.update(f"{document.name}\0{document.text}\0".encode())
    named = {"base": models.tuned.hash, "weights": _weights(models.tuned), "text": digest.hexdigest()[:16]}
    if models.are_two:
        named |= {SECOND: models.untuned.hash, "untuned_weights": _weights(models.untuned)}
    if material.adapter is not None:
        named["adapter"] = material.adapter.hash
    if material.index is not None:
        named["index"] = material.index.hash
    return named


def is_same_content(planned: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether what was planned is at hand, and no second model beside it; what an older plan does not name is free."""
    return all(now.get(name) == planned.get(name) for name in {*planned, SECOND})


def _weights(chat: ChatModel) -> str:
    return forward_of(chat.model, chat.bits).weight_dtype


def draw_stamp(models: ArmModels, material: Material) -> dict[str, Any]:
    """The names and hashes of what answered, and the versions of the libraries, as a report shows them."""
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    named = {"model": models.tuned.name, **({"untuned_model": models.untuned.name} if models.are_two else {})}
    return {**named, **content_hashes(models, material), "versions": versions}
