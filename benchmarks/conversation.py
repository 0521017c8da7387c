"""Do earlier turns help a small model? `python -m benchmarks.conversation --texts faq xquad` on the real model.

Questions that stand alone are asked one after another with retrieval: with all earlier turns in the prompt, as far as
they fit, and without them. Only the prompt differs; search and questions are the same.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.teaching import NEW_TOKENS, fresh_chat, judged, retrieve, row, shown
from benchmarks.teaching_questions import Asked, reworded, texts
from playground import prompts
from playground.chat.arms import MAX_HISTORY_TOKENS
from playground.inference.engine import Decoding, Prompt, end_tokens, generate
from playground.models.chat_model import ChatModel
from playground.models.registry import embedder_source
from playground.prompts import Turn
from playground.settings import Settings
from retrieval.build import build as build_index
from retrieval.chunks import Passage
from retrieval.embed import Embedder

OPENING = 5  # words by which an answer begins as an earlier one did


def prompt_ids(chat: ChatModel, question: str, passages: Sequence[Passage], earlier: Sequence[Turn]) -> list[int]:
    """The prompt with as many of the latest turns as fit."""
    for first in range(len(earlier) + 1):
        ids = prompts.render(chat.tokenizer, prompts.messages(question, earlier[first:], passages))
        if len(ids) <= MAX_HISTORY_TOKENS:
            break
    return ids


def answer(chat: ChatModel, ids: list[int]) -> tuple[str, bool]:
    """The greedy answer and whether it ended by itself."""
    said = [token.id for token in generate(chat, [Prompt(ids)], Decoding(max_new_tokens=NEW_TOKENS))]
    return chat.tokenizer.decode(said, skip_special_tokens=True).strip(), bool(said) and said[-1] in end_tokens(chat)


def repeated_openings(said: Sequence[tuple[str, bool]]) -> float:
    """The share of answers that begin as an earlier one did."""
    openings = [" ".join(text.split()[:OPENING]) for text, _ in said]
    return sum(each in openings[:place] for place, each in enumerate(openings)) / len(openings)


def main() -> None:
    """Ask and print a row per text and kind of prompt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--texts", nargs="+", default=["faq", "xquad"])
    parser.add_argument("--count", type=int, default=24)
    chosen = parser.parse_args()
    chat = fresh_chat()
    embedder = Embedder(embedder_source(Settings.from_environment()).folder)
    for name in chosen.texts:
        documents = texts(chosen.data)[name]()
        index = build_index(documents, embedder)
        asked: list[Asked] = reworded(documents)[: chosen.count]
        for kept in (True, False):
            earlier: list[Turn] = []
            said: list[tuple[str, bool]] = []
            for each in asked:
                passages = retrieve(each.question, index, embedder)
                said.append(answer(chat, prompt_ids(chat, each.question, passages, earlier if kept else [])))
                earlier.append(Turn(each.question, said[-1][0]))
            figures = {**row(asked, said), "begins as before": repeated_openings(said)}
            useful = sum(part.useful for part in judged(asked, said))
            label = "all turns before" if kept else "alone"
            print(f"{name} | {label} | {len(asked)} | {useful} useful | {shown(figures)}", flush=True)


if __name__ == "__main__":
    main()
