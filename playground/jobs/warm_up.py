"""What a waiting worker makes ready, whichever run comes: the parts of its examples that no text changes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

from transformers import PreTrainedTokenizerBase

from playground.data.exercises import prepare_exercises
from playground.errors import UserError
from playground.models.chat_model import load_tokenizer
from playground.models.registry import ModelSource, chat_source
from playground.settings import Settings
from playground.training.config import PRESETS, preset_settings
from retrieval.language import detect_language

PRESET = "quick"  # all presets read the same exercises


@cache
def shared_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """A chat model's tokenizer, the same object at every call in this process: what is kept by it is found again.

    For a process that uses it on one thread at a time, as a worker does. Raises as `load_tokenizer`.
    """
    return load_tokenizer(source)


@contextmanager
def warming_up(settings: Settings) -> Iterator[None]:
    """Within, one piece after another is made ready on a thread; leaving waits for the piece at work only."""
    stop = threading.Event()
    thread = threading.Thread(target=_make_ready, args=(settings, stop), name="warm-up")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _make_ready(settings: Settings, stop: threading.Event) -> None:
    with suppress(UserError):  # a model that cannot be used is told of by the run that uses it
        for _ in _pieces(settings):
            if stop.is_set():
                return


def _pieces(settings: Settings) -> Iterator[object]:
    yield detect_language("Loads the detector.")
    yield (tokenizer := shared_tokenizer(chat_source(settings)))
    mix = preset_settings(PRESETS[PRESET], {}).mix
    yield from prepare_exercises(tokenizer, mix.window, mix.seed)
