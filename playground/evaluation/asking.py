"""A model's own help with an exam, where it is large enough to be of any: it says questions in other words."""

from collections.abc import Callable

from playground import prompts
from playground.evaluation.paraphrase import CAPABLE
from playground.inference.engine import complete
from playground.models.chat_model import ChatModel


def asker(chat: ChatModel) -> Callable[[str], str] | None:
    """A function that gives the model's likeliest answer to a request; None for one that is too small to be asked."""
    if chat.model.num_parameters() < CAPABLE:
        return None
    return lambda request: complete(chat, [prompts.messages(request)])[0]
