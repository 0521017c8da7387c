"""Answers of a few tokens, for tests of the page that are not about a long answer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from playground.inference.sampling import Decoding
from playground.services.conversations import Conversation, Conversations

TOKENS = 16


def answer_briefly(conversations: Conversations) -> None:
    """Let this service's answers end after a few tokens, whatever the page asks for."""
    ask = conversations.ask

    def ask_briefly(
        visitor: str, question: str, arm_ids: Sequence[str], decoding: Decoding, ask_anyway: bool
    ) -> Iterator[Conversation]:
        return ask(visitor, question, arm_ids, replace(decoding, max_new_tokens=TOKENS), ask_anyway)

    conversations.ask = ask_briefly  # type: ignore[method-assign]
