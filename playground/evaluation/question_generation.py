"""Questions made from the text itself, by rules: of every kind that has to do with the text. Knows no model.

The same documents and seed give the same questions. Facts come from `playground.data.qa.pairs`; what is asked about
them here is drawn with a seed of its own, so that it is not what an adapter was trained to answer.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from playground.data import sections
from playground.data.qa import pairs
from playground.evaluation import paraphrase
from playground.evaluation.distractors import Candidate, DistractorPool
from playground.evaluation.metrics import LONG
from playground.evaluation.questions import (
    LITERAL,
    RECALL,
    REWORDED,
    TWO_PLACES,
    UNANSWERABLE,
    AnswerSpan,
    Question,
    question_id,
)
from retrieval.chunks import sentences
from retrieval.document import Document
from retrieval.language import Terms, detect_language

OWN_SEED = 7_919  # added to the exam's, so that gaps fall elsewhere than in training
SENTENCE_WORDS = (14, 45)
FIRST_WORDS = 8  # of a sentence to be continued, at least
FEW_SECTIONS = 10  # fewer say too little of how far questions stand or fall together
PER_SECTION = 4  # facts that one section may give, so that a long one does not fill the exam
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"recall": "Continue this sentence: “{first} …”", "two": "Answer both. First: {one} Second: {two}"},
    "vi": {"recall": "Viết tiếp câu này: “{first} …”", "two": "Trả lời cả hai. Câu một: {one} Câu hai: {two}"},
}
INVENTED = {
    "en": ("Velmora", "Torvald Quince", "Brindlemoor", "the Oskarine Council", "Harlan Dreft"),
    "vi": ("Lê Văn Trạc", "Hà Vĩnh Lộc", "Velmora", "Torvald Quince", "Đặng Thế Khoáng"),
}
_UPPER = "".join(filter(str.isupper, map(chr, range(0x1F00))))  # Latin, Greek and Cyrillic capitals
# Not at the beginning, where any word has a capital, and not numbered like a section.
_NAME = re.compile(
    rf"(?<=[\w,;)“\"]\s)[{_UPPER}][\w’'-]+(?:\s[{_UPPER}][\w’'-]+){{0,3}}(?!\s?[\d/]|\s[IVXLC]+\b|[\w’'-])"
)
_FIGURE = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w/])")
_PROSE = re.compile(r"[^\W\d_].*[.!?]", re.DOTALL)


@dataclass(frozen=True)
class Fact:
    """A question that the text answers, where it does, and in which language."""

    question: str
    answer: str
    place: AnswerSpan
    section: str
    language: str
    origin: str

    def asked(self, kind: str, question: str = "") -> Question:
        """It as a question of the exam, in these words or its own."""
        asked = question or self.question
        name = question_id(kind, asked, self.answer)
        return Question(name, kind, asked, (self.answer,), (), (), (self.place,), self.section, self.origin)


def generate_questions(documents: Sequence[Document], seed: int) -> dict[str, list[Question]]:
    """All questions of each kind that the rules find, in a random order that takes turns among the sections."""
    named = SectionNames(documents)
    facts = sample_facts([fact for document in documents for fact in _facts(document, named, seed)], seed)
    pool = DistractorPool([Candidate(fact.answer, fact.section) for fact in facts], seed)
    literal = [pool.give(fact.asked(LITERAL)) for fact in facts]
    changed = ((fact, paraphrase.paraphrase_by_rules(fact.question, fact.language)) for fact in facts)
    return {
        RECALL: _recall(documents, named, seed),
        LITERAL: literal,
        REWORDED: [pool.give(fact.asked(REWORDED, words)) for fact, words in changed if words],
        TWO_PLACES: list(_two_places(facts, literal)),
        UNANSWERABLE: _unanswerable(facts, documents, seed),
    }


class SectionNames:
    """What a place of the text stands or falls with: its section, or in a text of few sections its paragraph."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._cuts = {document.name: sections.cut_sections(document) for document in documents}
        self._texts = {document.name: document.text for document in documents}
        self._fine = sum(map(len, self._cuts.values())) < FEW_SECTIONS

    def __call__(self, place: AnswerSpan) -> str:
        """The name; the document's own where it has no section."""
        cuts = self._cuts.get(place.source, ())
        paragraph = self._texts.get(place.source, "").count("\n\n", 0, place.start)
        return f"{place.source}#{paragraph if self._fine else sections.section_at(cuts, place.start) if cuts else 0}"


def name_sections(questions: Sequence[Question], documents: Sequence[Document]) -> list[Question]:
    """The questions, each with the section that its answer stands in; one without a place there is its own section."""
    names, there = SectionNames(documents), {document.name for document in documents}

    def section(question: Question) -> str:
        placed = question.places and question.places[0].source in there
        return question.section or (names(question.places[0]) if placed else question.id)

    return [replace(each, section=section(each)) for each in questions]


def answer_candidates(documents: Sequence[Document]) -> list[Candidate]:
    """Every name and figure of the text, to draw wrong answers from."""
    named = SectionNames(documents)
    found = []
    for document in documents:
        for match in (*_NAME.finditer(document.text), *_FIGURE.finditer(document.text)):
            place = AnswerSpan(document.name, match.start(), match.end())
            found.append(Candidate(" ".join(match[0].split()), named(place)))
    return found


def sample_facts(facts: Sequence[Fact], seed: int) -> list[Fact]:
    """At random, one of every section before the second of any; at most PER_SECTION of each."""
    chance = random.Random(seed)
    by_section: dict[str, list[Fact]] = {}
    for fact in facts:
        by_section.setdefault(fact.section, []).append(fact)
    heaps = list(by_section.values())
    for heap in heaps:
        chance.shuffle(heap)
    chance.shuffle(heaps)
    return [heap[place] for place in range(PER_SECTION) for heap in heaps if place < len(heap)]


def _facts(document: Document, named: SectionNames, seed: int) -> Iterator[Fact]:
    language = _language(document)
    for pair in document.pairs:
        place = AnswerSpan(document.name, pair.end - len(pair.answer), pair.end)
        yield Fact(pair.question, pair.answer, place, named(place), language, "pairs")
    for made in pairs.make(document, seed + OWN_SEED):
        place = AnswerSpan(document.name, made.start, made.end)
        yield Fact(made.question, made.answer, place, named(place), language, "made")


def _recall(documents: Sequence[Document], named: SectionNames, seed: int) -> list[Question]:
    """Sentences to be continued; the wrong continuations are those of other sentences."""
    facts = sample_facts([fact for document in documents for fact in _begun(document, named)], seed)
    pool = DistractorPool([Candidate(fact.answer, fact.section) for fact in facts], seed)
    return [pool.give(fact.asked(RECALL)) for fact in facts]


def _begun(document: Document, named: SectionNames) -> Iterator[Fact]:
    """Every sentence of prose, asked by its first half."""
    language, text = _language(document), document.text
    for section in sections.cut_sections(document):
        for start, end in sentences(text[section.body : section.end]):
            words = list(re.finditer(r"\S+", text[section.body + start : section.body + end]))
            whole = text[section.body + start : section.body + end]
            if not SENTENCE_WORDS[0] <= len(words) <= SENTENCE_WORDS[1] or not _is_prose(whole):
                continue
            cut = max(FIRST_WORDS, len(words) // 2)
            begin = words[cut].start()
            first, rest = " ".join(whole[:begin].split()), " ".join(whole[begin:].split())
            place = AnswerSpan(document.name, section.body + start + begin, section.body + end)
            question = WORDS[language]["recall"].format(first=first)
            yield Fact(question, rest, place, named(place), language, "made")


def _two_places(facts: Sequence[Fact], literal: Sequence[Question]) -> Iterator[Question]:
    """Two facts of different sections at once, each with a wrong answer of its own among the choices."""
    short = [
        (fact, question)
        for fact, question in zip(facts, literal, strict=True)
        if question.distractors and len(fact.answer.split()) < LONG
    ]
    half = len(short) // 2
    for (fact, one), (_, two) in zip(short[:half], short[half : 2 * half], strict=True):
        if one.section == two.section:
            continue
        asked = WORDS[fact.language]["two"].format(one=one.question, two=two.question)
        rights, wrongs = (one.answers[0], two.answers[0]), (one.distractors[0], two.distractors[0])
        joined = ["; ".join(each) for each in ((rights[0], wrongs[1]), (wrongs[0], rights[1]), wrongs)]
        yield Question(
            id=question_id(TWO_PLACES, asked),
            kind=TWO_PLACES,
            question=asked,
            answers=("; ".join(rights),),
            distractors=tuple(joined),
            parts=rights,
            places=one.places + two.places,
            section=one.section,
        )


def _unanswerable(facts: Sequence[Fact], documents: Sequence[Document], seed: int) -> list[Question]:
    """By turns a question with a name exchanged, and one whose section is taken out of the index."""
    swapped = list(_swapped(facts[::2], _SentenceIndex(documents), seed))
    withheld = [replace(fact.asked(UNANSWERABLE), withheld=True) for fact in facts[1::2]]
    mixed = [each for pair in zip(swapped, withheld, strict=False) for each in pair]
    return mixed + swapped[len(withheld) :] + withheld[len(swapped) :]


def _swapped(facts: Sequence[Fact], said: "_SentenceIndex", seed: int) -> Iterator[Question]:
    """Questions about a name that the text never brings together with what is asked."""
    chance = random.Random(seed)
    for fact in facts:
        found = [each for each in _NAME.finditer(fact.question) if _stands_alone(fact.question, each.start())]
        if not found:
            continue
        name = chance.choice(found)
        others = chance.sample(said.names, min(len(said.names), 12)) + list(INVENTED[fact.language])
        for other in others:
            asked = fact.question[: name.start()] + other + fact.question[name.end() :]
            if other not in fact.question and other not in fact.answer and not said.answers(other, fact.question):
                changed = Question(question_id(UNANSWERABLE, asked), UNANSWERABLE, asked, (), section=fact.section)
                yield changed
                break


class _SentenceIndex:
    """All sentences of a text, to see whether a name and what is asked about it ever stand in one."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._terms = Terms(_language(documents[0]) if documents else "en")
        spans = [document.text[start:end] for document in documents for start, end in sentences(document.text)]
        self._sentences = [(each, set(self._terms(each))) for each in spans]
        self.names = sorted({match[0] for each in spans for match in _NAME.finditer(" ".join(each.split()))})

    def answers(self, name: str, question: str) -> bool:
        """Whether a sentence with this name has a third of the question's terms."""
        asked = set(self._terms(question)) - set(self._terms(name))
        return any(name in text and 3 * len(asked & terms) >= len(asked) for text, terms in self._sentences)


def _stands_alone(text: str, start: int) -> bool:
    """Whether no other capital stands before a name: half a name is none."""
    return not text[:start].split()[-1][:1].isupper()


def _language(document: Document) -> str:
    return "vi" if detect_language(document.text) == "vi" else "en"


def _is_prose(sentence: str) -> bool:
    letters = sum(each.isalpha() or each.isspace() for each in sentence)
    return bool(_PROSE.fullmatch(sentence)) and letters > 0.88 * len(sentence) and not sentence[0].islower()
