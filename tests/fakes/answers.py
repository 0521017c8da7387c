"""Answers of a few tokens, or of none that a model wrote, for tests that are not about a long answer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace

from playground.chat.answer import Answer
from playground.inference.sampling import Decoding
from playground.services.conversations import Conversation, Conversations

TOKENS = 16
STAMP = SimpleNamespace(id="0" * 12, to_dict=lambda: {})


def answer_of(text: str, done: bool, ahead: int = 0) -> Answer:
    """A snapshot of an answer with this text."""
    return Answer("base", text, "", 1, 1, None, None, (), None, None, 0, STAMP, done, False, ahead)  # type: ignore[arg-type]


def answer_briefly(conversations: Conversations) -> None:
    """Let this service's answers end after a few tokens, whatever the page asks for."""
    ask = conversations.ask

    def ask_briefly(
        visitor: str, question: str, arm_ids: Sequence[str], decoding: Decoding, ask_anyway: bool, again: bool = False
    ) -> Iterator[Conversation]:
        return ask(visitor, question, arm_ids, replace(decoding, max_new_tokens=TOKENS), ask_anyway, again)

    conversations.ask = ask_briefly  # type: ignore[method-assign]
