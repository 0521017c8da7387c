"""The one resident copy of the chat model, loaded when it is first needed."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from playground.device import choose, gpu
from playground.inference.engine import complete, scheduler_of
from playground.models.architectures import row_of
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.prompts import Messages
from playground.settings import Settings

GPU_SECONDS = 60  # for which a GPU is lent for one batch of requests


class ResidentChat:
    """Loads the chat model once, whichever thread asks first; the model is never modified after that."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._chat: ChatModel | None = None
        self.complete = gpu(GPU_SECONDS)(self._complete)

    def get(self) -> ChatModel:
        """The model; the first call takes seconds. Raises UserError where no model can be found."""
        with self._lock:
            if self._chat is None:
                self._chat = load_chat(chat_source(self._settings), choose(), self._settings.answer_bits)
            return self._chat

    @property
    def lacks_fast_passes(self) -> bool:
        """Whether the model trains and answers the general, slower way; False as long as it is not loaded."""
        return self._chat is not None and row_of(self._chat.model) is None

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._chat is not None

    @property
    def waiting(self) -> int:
        """How many requests to the model wait for their turn; loads nothing."""
        return scheduler_of(self._chat.model).waiting if self._chat is not None else 0

    def folder(self) -> Path:
        """The folder that the model is loaded from."""
        return chat_source(self._settings).folder

    def forget(self, visitor: str) -> None:
        """Drop what the model has read for a visitor and keeps for their next question."""
        if self._chat is not None:
            scheduler_of(self._chat.model).forget(visitor)

    def _complete(self, requests: Sequence[Messages], should_stop: Callable[[], bool]) -> list[str]:
        """The model's greedy answer to each request, all in one batch; cut off once `should_stop` returns True.

        Both arguments can be pickled: on ZeroGPU this runs in a process that was forked for the call.
        """
        return complete(self.get(), requests, should_stop)
