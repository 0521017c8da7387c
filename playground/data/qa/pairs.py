"""Question–answer pairs from a document by rules, without a model: from headings, definitions, lists and gaps.

It reads patterns, not meaning: a question is asked only where the wording shows what the sentence answers. English
and Vietnamese; of other languages, headings that are questions. The same document and seed give the same pairs.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from playground.data.qa.rules import Kind, Maker
from playground.data.qa.sentences import spoken_text
from playground.data.sections import cut_sections
from retrieval.document import Document

__all__ = ["KINDS", "Kind", "QuestionPair", "gives_away", "make", "spoken_text"]

KINDS: tuple[Kind, ...] = ("heading", "definition", "item", "cloze")
NEW_WORDS = 3  # that an answer must add to its question; a shorter answer, all its words
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class QuestionPair:
    """A question whose answer is `spoken(text, start, end)` of its document; `section` counts as `sections.cut` does.

    `heading` is the section's trail of headings, as passages have it.
    """

    kind: Kind
    question: str
    answer: str
    start: int
    end: int
    section: int
    heading: str


def make(document: Document, seed: int = 0) -> list[QuestionPair]:
    """Every pair that the rules find, in the order of the text, no question twice.

    A document that is pairs already has none to make.
    """
    if document.pairs:
        return []
    maker = Maker(document.text, seed)
    pairs = []
    for number, section in enumerate(cut_sections(document)):
        for found in maker.found(section):
            answer = spoken_text(document.text, found.start, found.end)
            pairs.append(
                QuestionPair(found.kind, found.question, answer, found.start, found.end, number, section.heading)
            )
    return _unambiguous([pair for pair in pairs if not gives_away(pair.question, pair.answer)])


def gives_away(question: str, answer: str) -> bool:
    """Whether the question says the answer already."""
    asked, told = ({word.casefold() for word in _WORD.findall(text)} for text in (question, answer))
    return len(told - asked) < min(NEW_WORDS, max(len(told), 1))


def _unambiguous(pairs: Sequence[QuestionPair]) -> list[QuestionPair]:
    """One pair a question; none where the same question has several answers."""
    answers = defaultdict(set)
    for pair in pairs:
        answers[pair.question.casefold()].add(pair.answer.casefold())
    first = {pair.question.casefold(): pair for pair in reversed(pairs)}
    return [pair for pair in pairs if pair is first[key := pair.question.casefold()] and len(answers[key]) == 1]
