"""Models are loaded one after the other."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sentence_transformers
import torch

from playground.device import Device
from playground.errors import UserError
from playground.models import chat_model
from playground.models.registry import ModelSource, embedder_source
from playground.settings import Settings
from retrieval import embed
from retrieval.errors import RetrievalError
from retrieval.loading import LOADING


def test_an_encoder_and_a_chat_model_are_not_loaded_at_once(
    monkeypatch: pytest.MonkeyPatch, tiny_model_folder: Path
) -> None:
    locked: list[bool] = []

    def load(*_args: Any, **_named: Any) -> None:
        locked.append(LOADING.locked())
        raise ValueError("enough")

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", load)
    monkeypatch.setattr(chat_model, "AutoModelForCausalLM", SimpleNamespace(from_pretrained=load))
    with pytest.raises(RetrievalError, match="enough"):
        embed.Embedder(embedder_source(Settings.from_environment()).folder)
    with pytest.raises(UserError, match="enough"):
        chat_model.load_chat(
            ModelSource("chat", "tiny", "folder", tiny_model_folder), Device("cpu", torch.float32, 1.0)
        )
    assert locked == [True, True]
    assert not LOADING.locked()
