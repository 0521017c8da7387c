"""How often can the base model teach itself? `python -m benchmarks.self_teaching`: yields of two recipes under guard.

Own words (SDFT, arXiv 2402.13669): the base rewrites the sentence that answers a question; kept where every name and
number stays and none is new. Distillation in context (arXiv 2412.14964): the base answers with the right passage in
front; a teacher only where its own answer has the key facts. `--show` prints what was kept.
"""

import argparse
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.teaching import fresh_chat
from benchmarks.teaching_questions import texts
from playground import prompts
from playground.data.qa import pairs
from playground.data.qa.pairs import QuestionPair
from playground.evaluation.answer_quality import Quality, invented, judge
from playground.inference.engine import Decoding, Prompt, end_tokens, generate
from playground.models.chat_model import ChatModel
from retrieval.chunks import Passage
from retrieval.document import Document
from retrieval.language import Terms, detect_language

ROWS, NEW_TOKENS = 12, 72
MOST_LOST = 0.4  # share of the source's terms that a rewrite may lack
GUIDED = (
    "Question: {question}\n\nReference answer: {answer}\n\nUsing the reference answer as a guide, write your own "
    "response in one or two sentences. Keep every name and number."
)
REWRITE = "Rewrite this in other words. Keep every name and number.\n\n{answer}"
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[^\W\d_a-z][\w’'-]*\w")


@dataclass(frozen=True)
class Case:
    """A pair of the text, with the text around its answer."""

    pair: QuestionPair
    around: str


def cases(documents: Sequence[Document], count: int) -> list[Case]:
    """Pairs with answers of 8 to 45 words."""
    found = [
        Case(pair, document.text[max(0, pair.start - 300) : pair.end + 300])
        for document in documents
        for pair in pairs.generate_pairs(document, 0, ("statement", "definition", "heading"))
        if 8 <= len(pair.answer.split()) <= 45
    ]
    return random.Random(1).sample(found, min(count, len(found)))


def answers(chat: ChatModel, asked: Sequence[prompts.Messages]) -> list[tuple[str, bool]]:
    """Greedy answers, and whether each ended by itself."""
    said, ends = [], end_tokens(chat)
    for first in range(0, len(asked), ROWS):
        rows = [Prompt(prompts.render(chat.tokenizer, each)) for each in asked[first : first + ROWS]]
        ids: list[list[int]] = [[] for _ in rows]
        for token in generate(chat, rows, Decoding(max_new_tokens=NEW_TOKENS)):
            ids[token.row].append(token.id)
        said += [(chat.tokenizer.decode(x, skip_special_tokens=True).strip(), bool(x) and x[-1] in ends) for x in ids]
    return said


def rewrite_faults(case: Case, text: str, ended: bool) -> list[str]:
    """Why a rewrite is not kept."""
    source, terms = case.pair.answer, Terms(detect_language(case.pair.answer))
    before, after = set(terms(source)), set(terms(text))
    must = [*_NUMBER.findall(source), *_NAME.findall(source)]
    found = {
        "not ended": not ended,
        "length": not 6 <= len(text.split()) <= 60,
        "name or number lost": any(each not in text for each in must),
        "name or number new": bool(invented(text, f"{source} {case.pair.question}")),
        "meaning lost": len(before & after) < (1 - MOST_LOST) * len(before),
        "copied": source.rstrip(".") in text,
    }
    return [name for name, is_so in found.items() if is_so]


def teacher_faults(case: Case, text: str, ended: bool) -> list[str]:
    """Why the base with the passage is no teacher for a pair."""
    quality: Quality = judge(text, case.pair.question, case.pair.answer, case.around, ended)
    found = {
        "key facts": not quality.recall >= 0.6,
        "support": quality.support < 0.5,
        "not ended": not ended,
        "loops or echo": quality.loops or quality.echo,
    }
    return [name for name, is_so in found.items() if is_so]


def with_passage(case: Case) -> prompts.Messages:
    """The question with the text around its answer as the one passage."""
    passage = Passage(case.around, "text", "", case.pair.heading, case.pair.start, case.pair.end, 0)
    return prompts.messages(case.pair.question, passages=[passage])


def asked_with(template: str) -> Callable[[Case], prompts.Messages]:
    """A plain request."""
    return lambda case: prompts.messages(template.format(question=case.pair.question, answer=case.pair.answer))


RECIPES = {
    "own words, guided by the answer": (asked_with(GUIDED), rewrite_faults),
    "own words, rewritten": (asked_with(REWRITE), rewrite_faults),
    "teacher with the passage": (with_passage, teacher_faults),
}


def main() -> None:
    """Print a line per recipe and text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--texts", nargs="+", default=["faq", "constitution", "xquad"])
    parser.add_argument("--count", type=int, default=36)
    parser.add_argument("--show", action="store_true")
    chosen = parser.parse_args()
    chat = fresh_chat()
    for name in chosen.texts:
        found = cases(texts(chosen.data)[name](), chosen.count)
        for recipe, (request, faults_of) in RECIPES.items():
            began = time.perf_counter()
            said = answers(chat, [request(case) for case in found])
            faults = [faults_of(case, *answer) for case, answer in zip(found, said, strict=True)]
            kept = sum(not each for each in faults)
            seconds = time.perf_counter() - began
            print(f"{name} | {recipe} | kept {kept} of {len(found)} | {seconds:.0f} s |", end=" ")
            print(dict(Counter(reason for each in faults for reason in each)), flush=True)
            for case, (text, _), each in zip(found, said, faults, strict=True) if chosen.show else ():
                if not each:
                    print(f"    Q {case.pair.question}\n    S {case.pair.answer}\n    A {text}", flush=True)


if __name__ == "__main__":
    main()
