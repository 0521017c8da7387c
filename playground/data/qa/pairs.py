"""Question–answer pairs from a document by rules, without a model: from headings, definitions, lists and statements.

It reads patterns, not meaning: a question is asked only where the wording shows what the sentence answers. English
and Vietnamese; of other languages, headings that are questions. The same document and seed give the same pairs.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from playground.data.qa.rules import Kind, QuestionRules
from playground.data.qa.sentences import spoken_text
from playground.data.section_languages import SectionLanguages
from playground.data.sections import cut_sections
from retrieval.document import Document

__all__ = [
    "EXAM_KINDS",
    "KINDS",
    "SENTENCE_KINDS",
    "Kind",
    "QuestionPair",
    "generate_pairs",
    "gives_away",
    "spoken_text",
]

KINDS: tuple[Kind, ...] = ("heading", "definition", "item", "statement", "topic", "cloze")
# Answered in whole sentences. A gap's answer is a word: a model that is taught many answers everything in one word.
SENTENCE_KINDS: tuple[Kind, ...] = ("heading", "definition", "item", "statement", "topic")
EXAM_KINDS: tuple[Kind, ...] = ("heading", "definition", "item", "cloze")
NEW_WORDS = 3  # that an answer must add to its question; a shorter answer, all its words
# A question about a subject holds most of the sentence; taught many that hold nearly all, a model repeats the question.
_NEW_WORDS = {kind: NEW_WORDS + 1 if kind == "statement" else NEW_WORDS for kind in KINDS}
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


def generate_pairs(document: Document, seed: int = 0, kinds: Collection[Kind] = EXAM_KINDS) -> list[QuestionPair]:
    """Every pair of these kinds that the rules find, in the order of the text, no question twice.

    A document that is pairs already has none to make.
    """
    if document.pairs:
        return []
    languages = SectionLanguages(document)
    rules = {each: QuestionRules(document.text, seed, each) for each in languages.all}
    pairs = []
    for number, section in enumerate(cut_sections(document)):
        for found in rules[languages.of(section)].questions(section):
            if found.kind not in kinds:
                continue
            answer = spoken_text(document.text, found.start, found.end)
            answer = answer[:1].upper() + answer[1:] if found.kind == "statement" else answer
            pairs.append(
                QuestionPair(found.kind, found.question, answer, found.start, found.end, number, section.heading)
            )
    return _unambiguous([pair for pair in pairs if not gives_away(pair.question, pair.answer, _NEW_WORDS[pair.kind])])


def gives_away(question: str, answer: str, new_words: int = NEW_WORDS) -> bool:
    """Whether the question says the answer already, but for fewer than `new_words`."""
    asked, told = ({word.casefold() for word in _WORD.findall(text)} for text in (question, answer))
    return len(told - asked) < min(new_words, max(len(told), 1))


def _unambiguous(pairs: Sequence[QuestionPair]) -> list[QuestionPair]:
    """One pair a question; none where the same question has several answers."""
    answers = defaultdict(set)
    for pair in pairs:
        answers[pair.question.casefold()].add(pair.answer.casefold())
    first = {pair.question.casefold(): pair for pair in reversed(pairs)}
    return [pair for pair in pairs if pair is first[key := pair.question.casefold()] and len(answers[key]) == 1]
