"""A model's own help with an exam, where it is large enough to be of any: it says questions in other words."""

from collections.abc import Callable

from playground import prompts
from playground.decoding import Decoding, Prompt, generate
from playground.exam.rewording import CAPABLE
from playground.models import ChatModel

TOKENS = 64  # of a reworded question


def asker(chat: ChatModel) -> Callable[[str], str] | None:
    """A function that asks the model something; None for one that is too small to be asked."""
    return asked(chat) if chat.model.num_parameters() >= CAPABLE else None


def asked(chat: ChatModel) -> Callable[[str], str]:
    """A function that gives the model's likeliest answer to a request."""

    def ask(request: str) -> str:
        ids = prompts.render(chat.tokenizer, prompts.messages(request))
        tokens = generate(chat, [Prompt(ids)], Decoding(max_new_tokens=TOKENS))
        return str(chat.tokenizer.decode([each.id for each in tokens], skip_special_tokens=True))

    return ask
