"""`ask`: one question to several ways of answering, in one batch as the page does it."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from adapters.options import build
from playground import chat
from playground.chat import Answer, Arm, Decoding, load_adapter
from playground.commands.arguments import NEEDS, Line
from playground.commands.search import searcher, where
from playground.conversation import passage
from playground.device import choose
from playground.models import chat_source, load_chat
from playground.settings import Settings

PASSAGES = 5


def run(asked: Namespace, settings: Settings) -> Iterator[Line]:
    """A line an arm, once all have answered."""
    given = {name: vars(asked)[name] for name in ("max_new_tokens", "temperature", "seed")}
    decoding = build(Decoding, {name: value for name, value in given.items() if value is not None})
    model = load_chat(chat_source(settings), choose())
    adapter = load_adapter(asked.adapter, model) if asked.adapter else None
    search = searcher(asked.index, settings, PASSAGES) if asked.index else None
    arms = [
        Arm(name, adapter if name in NEEDS["adapter"] else None, retrieval=name in NEEDS["index"])
        for name in asked.arms
    ]
    *_, answers = chat.answer(
        model, arms, asked.question, [()] * len(arms), search, decoding, ask_anyway=asked.ask_anyway
    )
    for each in answers:
        yield _record(each), _text(each)


def _record(answer: Answer) -> dict[str, Any]:
    return {
        "arm": answer.arm,
        "answer": answer.text,
        "found": answer.found,
        "seconds_to_first_token": answer.seconds_to_first_token,
        "tokens_per_second": answer.tokens_per_second,
        "prompt_tokens": answer.prompt_tokens,
        "stamp": {**answer.stamp.to_dict(), "id": answer.stamp.id},
        "passages": [passage(hit) for hit in answer.passages],
    }


def _text(answer: Answer) -> str:
    passages = "".join(f"\n  {where(hit)}" for hit in answer.passages)
    if not answer.prompt_tokens:
        refused = "Not in this text, so the model was not asked (--ask-anyway asks it). The nearest passages:"
        return f"{answer.arm}\n{refused}{passages}\n"
    figures = [
        f"prompt of {answer.prompt_tokens} tokens",
        f"first token after {answer.seconds_to_first_token:.1f} s",
        f"{answer.tokens_per_second:.1f} tokens/s" if answer.tokens_per_second else "",
        f"stamp {answer.stamp.id}",
    ]
    given = f"\nIt was given:{passages}" if passages else ""
    return f"{answer.arm} ({', '.join(filter(None, figures))})\n{answer.text}{given}\n"
