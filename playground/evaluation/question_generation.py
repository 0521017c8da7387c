"""Generates questions from the text by rules, of every kind that is about the text. Knows no model.

The same documents and seed give the same questions. Facts come from `playground.data.qa.pairs`; they are
drawn with a seed of the exam's own, so that they are not the questions that an adapter was trained on.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from playground.data import sections
from playground.data.qa import pairs
from playground.data.section_languages import SectionLanguages
from playground.evaluation import paraphrase
from playground.evaluation.distractors import Candidate, DistractorPool
from playground.evaluation.mentions import FIGURE, NAME
from playground.evaluation.metrics import LONG
from playground.evaluation.questions import (
    LITERAL,
    OF_PAIRS,
    PARTS,
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
from retrieval.pairs import standalone_pairs

OWN_SEED = 7_919  # added to the exam's seed, so that gaps differ from those in training
SENTENCE_WORDS = (14, 45)
FIRST_WORDS = 8  # of a sentence to continue, at least
FEW_SECTIONS = 10  # with fewer, each paragraph counts as a section: resampling needs enough of them
PER_SECTION = 4  # facts per section, so that a long one does not fill the exam
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"recall": "Continue this sentence: “{first} …”", "two": "Answer both. First: {one} Second: {two}"},
    "vi": {"recall": "Viết tiếp câu này: “{first} …”", "two": "Trả lời cả hai. Câu một: {one} Câu hai: {two}"},
}
INVENTED = {
    "en": ("Velmora", "Torvald Quince", "Brindlemoor", "the Oskarine Council", "Harlan Dreft"),
    "vi": ("Lê Văn Trạc", "Hà Vĩnh Lộc", "Velmora", "Torvald Quince", "Đặng Thế Khoáng"),
}
_PROSE = re.compile(r"[^\W\d_].*[.!?]", re.DOTALL)


@dataclass(frozen=True)
class Fact:
    """A question, its answer, where the text gives that answer, and the language."""

    question: str
    answer: str
    place: AnswerSpan
    section: str
    language: str
    origin: str

    def as_question(self, kind: str, question: str = "") -> Question:
        """The fact as a question of the exam, in its own words or in these."""
        words = question or self.question
        name = question_id(kind, words, self.answer)
        return Question(name, kind, words, (self.answer,), (), (), (self.place,), self.section, self.origin)


def generate_questions(documents: Sequence[Document], seed: int) -> dict[str, list[Question]]:
    """All questions that the rules find, by kind, in a random order that alternates between sections."""
    section_of = SectionNames(documents)
    facts = sample_facts([fact for document in documents for fact in _facts(document, section_of, seed)], seed)
    pool = DistractorPool([Candidate(fact.answer, fact.section) for fact in facts], seed)
    literal = [pool.add_distractors(fact.as_question(LITERAL)) for fact in facts]
    paraphrases = ((fact, paraphrase.paraphrase_by_rules(fact.question, fact.language)) for fact in facts)
    return {
        RECALL: _recall(documents, section_of, seed),
        LITERAL: literal,
        REWORDED: [pool.add_distractors(fact.as_question(REWORDED, words)) for fact, words in paraphrases if words],
        TWO_PLACES: list(_two_places(facts, literal)),
        UNANSWERABLE: _unanswerable(facts, documents, seed),
    }


class SectionNames:
    """Names the section of a place in the text, or its paragraph where the text has few sections."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._cuts = {document.name: sections.cut_sections(document) for document in documents}
        self._texts = {document.name: document.text for document in documents}
        self._fine = sum(map(len, self._cuts.values())) < FEW_SECTIONS

    def __call__(self, place: AnswerSpan) -> str:
        """The name of the section; the document's own where it has none."""
        if self._fine:
            number = self._texts.get(place.source, "").count("\n\n", 0, place.start)
        else:
            number = sections.section_at(self._cuts.get(place.source, ()), place.start)
        return f"{place.source}#{number}"


def name_sections(questions: Sequence[Question], documents: Sequence[Document]) -> list[Question]:
    """The questions with the sections of their answers; one without a place in the text is its own section."""
    names, sources = SectionNames(documents), {document.name for document in documents}

    def section(question: Question) -> str:
        has_place = question.places and question.places[0].source in sources
        return question.section or (names(question.places[0]) if has_place else question.id)

    return [replace(each, section=section(each)) for each in questions]


def answer_candidates(documents: Sequence[Document]) -> list[Candidate]:
    """Every name and number of the text, as candidates for distractors."""
    section_of = SectionNames(documents)
    found = []
    for document in documents:
        for match in (*NAME.finditer(document.text), *FIGURE.finditer(document.text)):
            place = AnswerSpan(document.name, match.start(), match.end())
            found.append(Candidate(" ".join(match[0].split()), section_of(place)))
    return found


def sample_facts(facts: Sequence[Fact], seed: int) -> list[Fact]:
    """A random order that takes one fact of each section per round, for at most PER_SECTION rounds."""
    rng = random.Random(seed)
    by_section: dict[str, list[Fact]] = {}
    for fact in facts:
        by_section.setdefault(fact.section, []).append(fact)
    heaps = list(by_section.values())
    for heap in heaps:
        rng.shuffle(heap)
    rng.shuffle(heaps)
    return [heap[place] for place in range(PER_SECTION) for heap in heaps if place < len(heap)]


def _facts(document: Document, section_of: SectionNames, seed: int) -> Iterator[Fact]:
    languages, cut = SectionLanguages(document), sections.cut_sections(document)
    for pair in standalone_pairs(document.pairs):
        place = AnswerSpan(document.name, pair.end - len(pair.answer), pair.end)
        language = _language(languages.of(cut[sections.section_at(cut, pair.start)]))
        yield Fact(pair.question, pair.answer, place, section_of(place), language, OF_PAIRS)
    for made in pairs.generate_pairs(document, seed + OWN_SEED):
        place = AnswerSpan(document.name, made.start, made.end)
        language = _language(languages.of(cut[made.section]))
        yield Fact(made.question, made.answer, place, section_of(place), language, "made")


def _recall(documents: Sequence[Document], section_of: SectionNames, seed: int) -> list[Question]:
    """Sentences to continue; the wrong continuations are those of other sentences."""
    facts = sample_facts([fact for document in documents for fact in _split_sentences(document, section_of)], seed)
    pool = DistractorPool([Candidate(fact.answer, fact.section) for fact in facts], seed)
    return [pool.add_distractors(fact.as_question(RECALL)) for fact in facts]


def _split_sentences(document: Document, section_of: SectionNames) -> Iterator[Fact]:
    """Every sentence of prose: its first half is the question, the rest the answer."""
    languages, text = SectionLanguages(document), document.text
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
            language = _language(languages.of(section))
            question = WORDS[language]["recall"].format(first=first)
            yield Fact(question, rest, place, section_of(place), language, "made")


def _two_places(facts: Sequence[Fact], literal: Sequence[Question]) -> Iterator[Question]:
    """Questions about two facts of different sections; each choice pairs a right or wrong answer to both."""
    short = [
        (fact, question)
        for fact, question in zip(facts, literal, strict=True)
        if question.distractors and len(fact.answer.split()) < LONG
    ]
    half = len(short) // 2
    for (fact, one), (_, two) in zip(short[:half], short[half : 2 * half], strict=True):
        if one.section == two.section:
            continue
        words = WORDS[fact.language]["two"].format(one=one.question, two=two.question)
        rights, wrongs = (one.answers[0], two.answers[0]), (one.distractors[0], two.distractors[0])
        joined = [PARTS.join(each) for each in ((rights[0], wrongs[1]), (wrongs[0], rights[1]), wrongs)]
        yield Question(
            id=question_id(TWO_PLACES, words),
            kind=TWO_PLACES,
            question=words,
            answers=(PARTS.join(rights),),
            distractors=tuple(joined),
            parts=rights,
            places=one.places + two.places,
            section=one.section,
            origin=fact.origin,
        )


def _unanswerable(facts: Sequence[Fact], documents: Sequence[Document], seed: int) -> list[Question]:
    """Alternately a question with a replaced name, and one whose section is removed from the index."""
    replaced = list(_replace_names(facts[::2], _SentenceIndex(documents), seed))
    withheld = [replace(fact.as_question(UNANSWERABLE), withheld=True) for fact in facts[1::2]]
    mixed = [each for pair in zip(replaced, withheld, strict=False) for each in pair]
    return mixed + replaced[len(withheld) :] + withheld[len(replaced) :]


def _replace_names(facts: Sequence[Fact], index: "_SentenceIndex", seed: int) -> Iterator[Question]:
    """Questions with a name that the text never mentions together with the rest of the question."""
    rng = random.Random(seed)
    for fact in facts:
        found = [each for each in NAME.finditer(fact.question) if _is_whole_name(fact.question, each.start())]
        if not found:
            continue
        name = rng.choice(found)
        others = rng.sample(index.names, min(len(index.names), 12)) + list(INVENTED[fact.language])
        for other in others:
            words = fact.question[: name.start()] + other + fact.question[name.end() :]
            if other not in fact.question and other not in fact.answer and not index.answers(other, fact.question):
                changed = Question(question_id(UNANSWERABLE, words), UNANSWERABLE, words, (), section=fact.section)
                yield changed
                break


class _SentenceIndex:
    """All sentences of a text, to check whether a name and the terms of a question occur in one of them."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._terms = Terms(_language(detect_language(documents[0].text)) if documents else "en")
        spans = [document.text[start:end] for document in documents for start, end in sentences(document.text)]
        self._sentences = [(each, set(self._terms(each))) for each in spans]
        self.names = sorted({match[0] for each in spans for match in NAME.finditer(" ".join(each.split()))})

    def answers(self, name: str, question: str) -> bool:
        """Whether a sentence with this name has at least a third of the question's terms."""
        wanted = set(self._terms(question)) - set(self._terms(name))
        return any(name in text and 3 * len(wanted & terms) >= len(wanted) for text, terms in self._sentences)


def _is_whole_name(text: str, start: int) -> bool:
    """Whether no capitalised word precedes the name, of which it would be a part."""
    return not text[:start].split()[-1][:1].isupper()


def _language(code: str) -> str:
    """The language of a question about a text in this language."""
    return code if code in WORDS else "en"


def _is_prose(sentence: str) -> bool:
    letters = sum(each.isalpha() or each.isspace() for each in sentence)
    return bool(_PROSE.fullmatch(sentence)) and letters > 0.88 * len(sentence) and not sentence[0].islower()
