"""Question–answer pairs that a model writes about sections, and which of them are kept; knows what it said, not it.

Kept is a question about its passage whose answer stands there word for word, as in SQuAD (arXiv 1606.05250).
The checks read words, not meaning: they find what is surely bad, and a capable model's share of it is small.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from playground.data.qa import paraphrase
from playground.data.qa.sentences import spoken_text
from playground.data.sections import Section, cut_sections
from playground.prompts import Messages, Turn, messages
from retrieval.document import Document, Pair
from retrieval.language import Terms, detect_language

Fault = Literal["form", "question", "span", "given_away", "elsewhere", "repeat"]
Write = Callable[[Sequence[Messages]], Sequence[str]]

FAULTS: tuple[Fault, ...] = ("form", "question", "span", "given_away", "elsewhere", "repeat")
AT_ONCE = 4  # sections whose questions are written in one batch
LEAST_CHARS = 200  # of a section that is worth a question
ANSWER_WORDS = 30
QUESTION_WORDS = (4, 40)
ABOUT = 0.5  # of a question's telling words, those that its passage must have
NEAR = 0.8  # of the telling words of two questions, shared: a repeat
ASK = (
    "Write one question about the passage, in its language, and the answer. The answer is a few words copied from the "
    "passage. Write two lines, one that begins with Question: and one that begins with Answer:\n\nPassage:\n{}"
)
# A turn before the request shows the form better than any description of it.
SHOWN = Turn(
    ASK.format(
        "The lighthouse at Cape Orrin was built in 1871 by Anna Sells. Its lamp burns whale oil and is seen for twenty "
        "miles."
    ),
    "Question: Who built the lighthouse at Cape Orrin?\nAnswer: Anna Sells",
)
_FORM = re.compile(r"Question:[ \t]*(?P<question>\S[^\n]*)\n+Answer:[ \t]*(?P<answer>\S[^\n]*)")


@dataclass(frozen=True)
class QuestionDraft:
    """What a model wrote about a section, by its place in `sections.cut`: a pair, or what is wrong with it.

    The pair's offsets are those of the answer in the document's text; `again` is its question in other words.
    """

    section: int
    said: str
    pair: Pair | None = None
    fault: Fault | None = None
    again: Pair | None = None

    @property
    def pairs(self) -> list[Pair]:
        """What of it is kept."""
        return [each for each in (self.pair, self.again) if each]


def worth_asking(document: Document, seed: int = 0) -> list[int]:
    """The places of sections with enough text for a question, in random order; none in a document of pairs."""
    places = [
        place
        for place, each in enumerate(cut_sections(document))
        if each.end - each.body >= LEAST_CHARS and not document.pairs
    ]
    random.Random(seed).shuffle(places)
    return places


def drafts(
    document: Document, places: Sequence[int], write: Write, kept: Sequence[Pair] = ()
) -> Iterator[list[QuestionDraft]]:
    """Some drafts at a time, one for each of these sections; none repeats another or one of the `kept` pairs.

    Whose pair is good is asked for once more, in other words.
    """
    reader, sections = _Reader(document, kept), cut_sections(document)
    for first in range(0, len(places), AT_ONCE):
        some = places[first : first + AT_ONCE]
        said = write([request(document, sections[place]) for place in some])
        read = [reader.read(place, sections[place], words) for place, words in zip(some, said, strict=True)]
        good = [each.pair for each in read if each.pair]
        again = iter(write([messages(paraphrase.ASK.format(each.question)) for each in good]) if good else ())
        yield [reader.reword(each, sections[each.section], next(again)) if each.pair else each for each in read]


def request(document: Document, section: Section) -> Messages:
    """What a model is asked for one section."""
    return messages(ASK.format(spoken_text(document.text, section.body, section.end)), examples=[SHOWN])


class _Reader:
    """Reads what was said about one document's sections."""

    def __init__(self, document: Document, kept: Sequence[Pair]) -> None:
        self._document = document
        self._terms = Terms(detect_language(document.text))
        self._asked = [self._telling(each.question) for each in kept]

    def read(self, place: int, section: Section, said: str) -> QuestionDraft:
        """The pair where nothing is wrong with it; its question is remembered."""
        found = _FORM.fullmatch(said.strip())
        if not found:
            return QuestionDraft(place, said, fault="form")
        question = " ".join(found["question"].split())
        span = _standing(self._document.text, section, found["answer"])
        answer = spoken_text(self._document.text, *span) if span else ""
        if fault := self._fault(section, question, answer, self._asked):
            return QuestionDraft(place, said, fault=fault)
        self._asked.append(self._telling(question))
        return (
            QuestionDraft(place, said, Pair(question, answer, *span))
            if span
            else QuestionDraft(place, said, fault="span")
        )

    def reword(self, draft: QuestionDraft, section: Section, said: str) -> QuestionDraft:
        """The draft with its question in other words too, where nothing is wrong with these."""
        question, pair = paraphrase.first_line(said), draft.pair
        if pair is None or not paraphrase.in_other_words(pair.question, question):
            return draft
        others = [each for each in self._asked if each != self._telling(pair.question)]
        fault = self._fault(section, question, pair.answer, others)
        return draft if fault else replace(draft, again=replace(pair, question=question))

    def _fault(self, section: Section, question: str, answer: str, others: Sequence[set[str]]) -> Fault | None:
        """The first thing that is wrong, beside the `others`; an answer not in the passage is empty."""
        told, asked = self._telling(answer), self._telling(question)
        passage = self._telling(self._document.text[section.start : section.end])
        wrong: tuple[tuple[Fault, bool], ...] = (
            ("question", not question.endswith("?") or not _between(len(question.split()), *QUESTION_WORDS)),
            ("span", not answer or len(answer.split()) > ANSWER_WORDS),
            ("given_away", bool(told) and told <= asked),
            ("elsewhere", len(asked & passage) < ABOUT * len(asked)),
            ("repeat", any(len(asked & each) >= NEAR * len(asked | each) for each in others)),
        )
        return next((fault for fault, is_wrong in wrong if is_wrong), None)

    def _telling(self, text: str) -> set[str]:
        return set(self._terms(text))


def _standing(text: str, section: Section, answer: str) -> tuple[int, int] | None:
    """Where the answer stands in the section's text as whole words, whatever its blanks, capitals and last mark."""
    words = answer.strip().strip("\"“”'").rstrip(".,;:").split()
    if not words:
        return None
    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)"
    found = re.compile(pattern, re.IGNORECASE).search(text, section.body, section.end)
    return found.span() if found else None


def _between(number: int, low: int, high: int) -> bool:
    return low <= number <= high
