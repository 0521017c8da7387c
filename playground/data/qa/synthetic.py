"""Question–answer pairs written by a model about sections, and the checks that accept them; knows no model.

A pair is accepted if the question is about its passage and the answer occurs there word for word, as in SQuAD
(arXiv 1606.05250). The checks read words, not meaning: they reject what is certainly bad.
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
BATCH = 4  # sections whose questions are written in one batch
MIN_CHARS = 200  # of a section that is worth a question
ANSWER_WORDS = 30
QUESTION_WORDS = (4, 40)
OVERLAP = 0.5  # share of a question's content words that its passage must contain
NEAR = 0.8  # share of common content words that makes two questions repeats
ASK = (
    "Write one question about the passage, in its language, and the answer. The answer is a few words copied from the "
    "passage. Write two lines, one that begins with Question: and one that begins with Answer:\n\nPassage:\n{}"
)
# An example turn shows the format better than any description of it.
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
    """A model's output about a section, given by its place in `cut_sections`: a pair, or what is wrong with it.

    The pair's offsets are those of the answer in the document's text; `paraphrase` has the question in other words.
    """

    section: int
    output: str
    pair: Pair | None = None
    fault: Fault | None = None
    paraphrase: Pair | None = None

    @property
    def pairs(self) -> list[Pair]:
        """The accepted pairs."""
        return [each for each in (self.pair, self.paraphrase) if each]


def sections_worth_asking(document: Document, seed: int = 0) -> list[int]:
    """The places of sections with enough text for a question, in random order; none for a document of pairs."""
    places = [
        place
        for place, each in enumerate(cut_sections(document))
        if each.end - each.body >= MIN_CHARS and not document.pairs
    ]
    random.Random(seed).shuffle(places)
    return places


def write_drafts(
    document: Document, places: Sequence[int], write: Write, kept: Sequence[Pair] = ()
) -> Iterator[list[QuestionDraft]]:
    """Batches of drafts, one for each of these sections; none repeats another or one of the `kept` pairs.

    Where a pair is accepted, the model is asked to paraphrase its question.
    """
    reader, sections = DraftReader(document, kept), cut_sections(document)
    for first in range(0, len(places), BATCH):
        some = places[first : first + BATCH]
        outputs = write([build_request(document, sections[place]) for place in some])
        read = [reader.read(place, sections[place], words) for place, words in zip(some, outputs, strict=True)]
        accepted = [each.pair for each in read if each.pair]
        rewordings = iter(
            write([messages(paraphrase.ASK.format(each.question)) for each in accepted]) if accepted else ()
        )
        yield [reader.reword(each, sections[each.section], next(rewordings)) if each.pair else each for each in read]


def build_request(document: Document, section: Section) -> Messages:
    """The messages that ask a model for a question about one section."""
    return messages(ASK.format(spoken_text(document.text, section.body, section.end)), examples=[SHOWN])


class DraftReader:
    """Reads a model's outputs about the sections of one document."""

    def __init__(self, document: Document, kept: Sequence[Pair]) -> None:
        self._document = document
        self._terms = Terms(detect_language(document.text))
        self._questions = [self._content_words(each.question) for each in kept]

    def read(self, place: int, section: Section, output: str) -> QuestionDraft:
        """The draft of an output; the question of an accepted pair is remembered."""
        found = _FORM.fullmatch(output.strip())
        if not found:
            return QuestionDraft(place, output, fault="form")
        question = " ".join(found["question"].split())
        span = _find_answer(self._document.text, section, found["answer"])
        answer = spoken_text(self._document.text, *span) if span else ""
        if fault := self._fault(section, question, answer, self._questions):
            return QuestionDraft(place, output, fault=fault)
        self._questions.append(self._content_words(question))
        return (
            QuestionDraft(place, output, Pair(question, answer, *span))
            if span
            else QuestionDraft(place, output, fault="span")
        )

    def reword(self, draft: QuestionDraft, section: Section, output: str) -> QuestionDraft:
        """The draft with a paraphrase of its question, if the paraphrase passes the checks."""
        question, pair = paraphrase.first_line(output), draft.pair
        if pair is None or not paraphrase.in_other_words(pair.question, question):
            return draft
        others = [each for each in self._questions if each != self._content_words(pair.question)]
        fault = self._fault(section, question, pair.answer, others)
        return draft if fault else replace(draft, paraphrase=replace(pair, question=question))

    def _fault(self, section: Section, question: str, answer: str, others: Sequence[set[str]]) -> Fault | None:
        """The first failed check; `others` are other questions' words. An answer not in the passage is empty."""
        answer_words, words = self._content_words(answer), self._content_words(question)
        passage = self._content_words(self._document.text[section.start : section.end])
        checks: tuple[tuple[Fault, bool], ...] = (
            ("question", not question.endswith("?") or not _within(len(question.split()), *QUESTION_WORDS)),
            ("span", not answer or len(answer.split()) > ANSWER_WORDS),
            ("given_away", bool(answer_words) and answer_words <= words),
            ("elsewhere", len(words & passage) < OVERLAP * len(words)),
            ("repeat", any(len(words & each) >= NEAR * len(words | each) for each in others)),
        )
        return next((fault for fault, failed in checks if failed), None)

    def _content_words(self, text: str) -> set[str]:
        return set(self._terms(text))


def _find_answer(text: str, section: Section, answer: str) -> tuple[int, int] | None:
    """The span of the answer in the section as whole words, ignoring blanks, case and the last punctuation mark."""
    words = answer.strip().strip("\"“”'").rstrip(".,;:").split()
    if not words:
        return None
    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)"
    found = re.compile(pattern, re.IGNORECASE).search(text, section.body, section.end)
    return found.span() if found else None


def _within(number: int, low: int, high: int) -> bool:
    return low <= number <= high
