"""What a free answer is judged against: the true answer in full sentences, and the text around it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from playground.evaluation.arms import Material, right_passages
from playground.evaluation.metrics import contains_answer
from playground.evaluation.questions import GENERAL, OF_PAIRS, PARTS, AnswerSpan, Question
from retrieval.chunks import sentences
from retrieval.document import Document

AROUND = 600  # characters of the text on either side of the true answer that count as its evidence


@dataclass(frozen=True)
class Gold:
    """The true answer, and the text that should support an answer; empty where no text does."""

    truth: str
    evidence: str


def gold_answer(question: Question, material: Material) -> Gold:
    """What is true of the question, as far as the text tells.

    Where the text gives a short answer inside a sentence, that sentence is the truth: one word is not all of it.
    """
    answer = PARTS.join(question.parts or question.answers[:1])
    if question.kind == GENERAL:
        return Gold(answer, "")
    spans = list(_spans(question, material))
    around = "\n".join(document.text[max(0, place.start - AROUND) : place.end + AROUND] for document, place in spans)
    evidence = around or "\n".join(each.text for each in right_passages(question, material)) or answer
    whole = " ".join(_full_sentences(document.text, place.start, place.end) for document, place in spans)
    held = all(contains_answer(whole, each) for each in question.parts or question.answers[:1])
    return Gold(whole if whole and held and question.origin != OF_PAIRS else answer, evidence)


def _spans(question: Question, material: Material) -> Iterator[tuple[Document, AnswerSpan]]:
    """The question's places with their documents."""
    for place in question.places:
        yield from ((document, place) for document in material.documents if document.name == place.source)


def _full_sentences(text: str, start: int, end: int) -> str:
    """The sentences that overlap [start, end), without line breaks."""
    return " ".join(" ".join(text[a:b].split()) for a, b in _sentence_spans(text) if a < end and start < b)


@lru_cache(maxsize=8)
def _sentence_spans(text: str) -> list[tuple[int, int]]:
    return sentences(text)
