"""Fine-tunes on the run's documents; the adapter is written into the run's folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import adapters
from playground import device
from playground.evaluation.answer_quality import mark_answer
from playground.jobs.warm_up import shared_tokenizer
from playground.models.chat_choice import listed_source
from playground.models.chat_model import load_chat
from playground.settings import Settings
from playground.storage.run_folder import CHECKPOINT, read_base, read_config, read_documents, shared_folder
from playground.training import loop as training_loop
from playground.training import tracking
from playground.training.config import RunConfig


def run(folder: Path, settings: Settings, should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """See `playground.jobs.tasks`; a step is an optimizer step."""
    config = RunConfig.from_dict(read_config(folder))
    documents = read_documents(folder)
    stored = adapters.get(config.method).from_stored
    base = listed_source(settings, read_base(folder))
    chat = load_chat(base, device.choose(), stored=stored, tokenizer=shared_tokenizer(base))
    resume, shared = (folder / CHECKPOINT).exists(), shared_folder(folder)
    events = training_loop.train(config, chat, documents, folder, should_stop, resume, shared, mark_answer)
    del chat  # the training loop decides how long the base model stays in memory
    logged = ({key: value for key, value in event.to_dict().items() if key != "adapter"} for event in events)
    yield from tracking.track(logged, folder, config.to_dict(), settings)
