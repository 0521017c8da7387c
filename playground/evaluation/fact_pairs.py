"""Pairs of a true sentence of the text and the same with one name or number exchanged. Asks no model.

What stands in its place is of the same kind, from the same text and, as far as there is one, used in the same way
there, so that grammar and subject do not tell which sentence is true.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from playground.data.qa.sentences import is_prose, is_verse, sentences
from playground.data.section_languages import SectionLanguages
from playground.data.sections import cut_sections
from playground.evaluation.mentions import Mention, find_mentions
from playground.evaluation.question_generation import SectionNames
from playground.evaluation.questions import AnswerSpan
from retrieval.document import Document

SIMILAR = 4  # of the names or numbers used most alike, from which the other one is drawn
MOST_WORDS = 40  # of a sentence: among more, one name changes too little
_VOWELS = "aeiouAEIOU"
Uses = Mapping[str, Mapping[str, set[str]]]  # by kind and text: the section and the words before and after


@dataclass(frozen=True)
class FactPair:
    """A true sentence, and the same with `true_part` replaced by `false_part`; `section` is its cluster."""

    true: str
    false: str
    true_part: str
    false_part: str
    section: str
    language: str


@dataclass(frozen=True)
class _Sentence:
    """A sentence as one says it."""

    words: str
    section: str
    language: str


def make_fact_pairs(documents: Sequence[Document], limit: int, seed: int) -> list[FactPair]:
    """At most `limit` pairs, one per sentence, in turn from every section; the same seed gives the same pairs.

    A sentence without a name or number, or whose kind occurs only once in the text, gives none.
    """
    said = {each.words: each for each in _sentences_of(documents)}
    uses = _uses(list(said.values()))
    made: dict[str, list[FactPair]] = {}
    for words, sentence in said.items():
        draw = random.Random(f"{seed} {sentence.section} {words}")
        exchanged = ((words[: each.start] + other + words[each.end :], each.text, other)
                     for each, other in _exchanges(sentence, uses, draw))  # fmt: skip
        if parts := next((each for each in exchanged if each[0] not in said), None):
            pair = FactPair(words, *parts, sentence.section, sentence.language)
            made.setdefault(sentence.section, []).append(pair)
    return _in_turn(list(made.values()), seed)[:limit]


def _sentences_of(documents: Sequence[Document]) -> Iterator[_Sentence]:
    """Every sentence of prose that is short enough."""
    names = SectionNames(documents)
    for document in documents:
        languages = SectionLanguages(document)
        for section in cut_sections(document):
            language = "vi" if languages.of(section) == "vi" else "en"
            for each in sentences(document.text, section.body, section.end):
                short = len(each.words.split()) <= MOST_WORDS
                if short and is_prose(each) and not is_verse(document.text[each.start : each.end]):
                    place = AnswerSpan(document.name, each.start, each.end)
                    yield _Sentence(each.words, names(place), language)


def _uses(said: Sequence[_Sentence]) -> Uses:
    """How every name and number of the sentences is used.

    A name counts only if somewhere a mark ends it. Vietnamese writes but the first syllables of many names with a
    capital, and a part of a name put in the place of another gives itself away.
    """
    found: dict[str, dict[str, set[str]]] = {}
    whole = set()
    for sentence in said:
        for each in find_mentions(sentence.words):
            found.setdefault(each.kind, {}).setdefault(each.text, set()).update(_use(each, sentence))
            if not each.is_name or not sentence.words[each.end : each.end + 1].isspace():
                whole.add(each.text)
    return {kind: {text: use for text, use in texts.items() if text in whole} for kind, texts in found.items()}


def _use(mention: Mention, sentence: _Sentence) -> set[str]:
    before, after = sentence.words[: mention.start].split(), sentence.words[mention.end :].split()
    return {f"in {sentence.section}", *(f"after {each.lower()}" for each in before[-1:]),
            *(f"before {each.lower()}" for each in after[:1])}  # fmt: skip


def _exchanges(sentence: _Sentence, uses: Uses, draw: random.Random) -> Iterator[tuple[Mention, str]]:
    """Every name or number of the sentence, with others that can stand in its place; what is rare in the text first.

    What the whole text is about stands in many sentences, and is no fact of one.
    """
    mentions = [each for each in find_mentions(sentence.words) if each.text in uses[each.kind]]
    mentions.sort(key=lambda each: len(uses[each.kind][each.text]))
    for mention in mentions:
        use, others = _use(mention, sentence), uses[mention.kind]
        fitting = [each for each in others if _fits(each, mention, sentence.words)]
        draw.shuffle(fitting)
        alike = sorted(fitting, key=lambda each: -len(use & others[each]))[:SIMILAR]
        draw.shuffle(alike)
        yield from ((mention, other) for other in alike)


def _fits(other: str, mention: Mention, words: str) -> bool:
    """Whether the sentence lacks the other name or number, and stays grammatical with it behind “a” or “an”."""
    article = words[: mention.start].lower().endswith((" a ", " an "))
    alike = (other[0] in _VOWELS) == (mention.text[0] in _VOWELS)
    return other.casefold() not in words.casefold() and (alike or not article)


def _in_turn(sections: list[list[FactPair]], seed: int) -> list[FactPair]:
    """One pair of each section per round, in a random order."""
    draw = random.Random(seed)
    for each in sections:
        draw.shuffle(each)
    draw.shuffle(sections)
    rounds = max(map(len, sections), default=0)
    return [each[place] for place in range(rounds) for each in sections if place < len(each)]
