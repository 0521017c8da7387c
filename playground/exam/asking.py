"""A model's own help with an exam, where it is large enough to be of any: it says questions in other words."""

from collections.abc import Callable

from playground import prompts
from playground.exam.rewording import CAPABLE
from playground.models import ChatModel
from playground.writing import said


def asker(chat: ChatModel) -> Callable[[str], str] | None:
    """A function that gives the model's likeliest answer to a request; None for one that is too small to be asked."""
    if chat.model.num_parameters() < CAPABLE:
        return None
    return lambda request: said(chat, [prompts.messages(request)])[0]
