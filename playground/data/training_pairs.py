"""The question–answer pairs of a text to train on: given, made by rules, or written about it. Knows no tokens."""

from collections.abc import Sequence

from playground.data.qa import pairs
from playground.data.qa.patterns import ENGLISH, LANGUAGES
from playground.data.sections import section_at
from playground.data.split import SplitDocument
from playground.data.tokenize import TrainingPair
from playground.prompts import SYSTEM, Turn
from retrieval.chunks import Passage
from retrieval.document import Document, Pair
from retrieval.language import detect_language


def generated_pairs(texts: Sequence[SplitDocument], seed: int, gaps: bool) -> list[tuple[int, TrainingPair]]:
    """Per text, questions by rules, then those that were written about it, each with the text's number."""
    kinds = pairs.EXAM_KINDS if gaps else pairs.SENTENCE_KINDS
    found = []
    for text in texts:
        if text.document.pairs:
            continue
        for made in pairs.generate_pairs(text.document, seed, kinds):
            source = f"{text.document.name}:{made.start}-{made.end}"
            pair = TrainingPair(made.kind, made.question, made.answer, made.start, made.section, source)
            found.append((text.number, pair))
        for each in text.document.questions:
            section, source = section_at(text.sections, each.start), f"{text.document.name}:{each.start}-{each.end}"
            found.append(
                (text.number, TrainingPair("written", each.question, each.answer, each.start, section, source))
            )
    return found


def given_pair(document: Document, place: int) -> TrainingPair:
    """A pair of the file with all that stands before its question; a text to summarize stands below it instead."""
    pair = document.pairs[place]
    context, question = _own_context(document, pair), pair.question
    if context and document.table and document.table.shape == "summary":
        question, context = f"{question}\n\n{context.text}", None
    start = min(pair.start + len(pair.question) + 1, pair.end - 1)
    return TrainingPair(
        "given",
        question,
        pair.answer,
        start,
        place,
        f"{document.name}:{start}-{pair.end}",
        pair.system or SYSTEM,
        tuple(Turn(*turn) for turn in pair.turns),
        context,
    )


def _own_context(document: Document, pair: Pair) -> Passage | None:
    if pair.context is None:
        return None
    start, end = pair.context
    return Passage(document.text[start:end], document.name, "", "", start, end, tokens=0)


def refusal(question: str) -> str:
    """What is said where the passages hold no answer, in the question's language."""
    return LANGUAGES.get(detect_language(question), ENGLISH).not_in_passages
