"""The arms of an exam and what each gets to read: passages found, the right passages, worked examples, or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from playground.chat.arms import Arm, PromptContext, choose_examples, retrieve_context
from playground.chat.arms import RetrievedContext as Found
from playground.chat.few_shot import Examples, ExampleSelector, located_pairs
from playground.chat.turns import ARM_KINDS, BASE, BOTH, FEW_SHOT, RAG, RETRIEVING, TUNED, TUNING
from playground.evaluation.metrics import contains_answer
from playground.evaluation.questions import GENERAL, Question
from playground.inference.served_adapter import ServedAdapter
from playground.models.chat_model import ChatModel
from playground.prompts import Turn
from retrieval.chunks import Passage, split
from retrieval.document import Document
from retrieval.index import Encoder, Index
from retrieval.search import Hit, SearchResult, search, within_budget

GOLD = "gold"  # reads the right passages; only an exam knows them
ARMS = (*ARM_KINDS, GOLD)
UNTUNED = {TUNED: BASE, BOTH: RAG}  # the same arm before it was tuned
DEPTH = 5  # passages that are looked at for each question
GOLD_TOKENS = 126


@dataclass
class Material:
    """What the arms of one exam have at hand: the text, its index, an adapter."""

    documents: Sequence[Document]
    index: Index | None = None
    embedder: Encoder | None = None
    adapter: ServedAdapter | None = None
    _chooser: ExampleSelector = field(default_factory=ExampleSelector, repr=False)

    def able(self) -> list[str]:
        """The arms that can be asked."""
        text, index, adapter = bool(self.documents), self.index is not None, self.adapter is not None
        has = {BASE: True, FEW_SHOT: text and self.embedder is not None, RAG: index, TUNED: adapter}
        has |= {BOTH: index and adapter, GOLD: text}
        return [arm for arm in ARMS if has[arm]]

    def arm(self, name: str) -> Arm:
        """The arm as it answers."""
        adapter = self.adapter if name in TUNING else None
        return Arm(name, adapter, retrieval=name in RETRIEVING or name == GOLD, few_shot=name == FEW_SHOT)

    @property
    def passages(self) -> Sequence[Passage]:
        """Those of the index, or without one the text cut alike."""
        if self.index is not None:
            return self.index.passages
        return _cut(tuple(self.documents))


@dataclass(frozen=True)
class ArmInput:
    """What one arm is given for one question; `ranks` are the places, from 1, of the right passages among the hits."""

    given: PromptContext
    ranks: tuple[int, ...] = ()


def is_asked(name: str, question: Question, material: Material) -> bool:
    """Whether an arm is put a question: the general ones only to those without passages, gold only where there are."""
    if question.kind == GENERAL:
        return name in (BASE, TUNED)
    if name == GOLD:
        return question.answerable and bool(right_passages(question, material))
    return True


def build_input(name: str, question: Question, material: Material, chat: ChatModel, tokens: int) -> ArmInput:
    """What the arm reads for the question, within so many of the encoder's tokens.

    The search's own threshold decides whether a retrieval arm answers, as it does on the page.
    """
    if name == GOLD:
        hits = [Hit(each, 1.0, 1.0, 1.0, 1.0) for each in right_passages(question, material)]
        return ArmInput(PromptContext(Found(True, within_budget(hits, tokens), True, ""), None), ())
    if name == FEW_SHOT:
        return ArmInput(
            PromptContext(None, choose_examples(chat, question.question, _examples(question, material), tokens))
        )
    if name not in RETRIEVING:
        return ArmInput(PromptContext(None, None))
    result = _search(question, material)
    right = right_passages(question, material)
    ranks = [place for place, hit in enumerate(result.hits, start=1) if any(hit.passage == each for each in right)]
    return ArmInput(
        PromptContext(retrieve_context(question.question, lambda _: result, tokens, ask_anyway=False), None),
        tuple(ranks),
    )


def right_passages(question: Question, material: Material) -> list[Passage]:
    """The passages that hold the answer where it stands; without a place, those that say it at all."""
    if question.places:
        return [
            passage
            for passage in material.passages
            if any(
                passage.source == place.source and passage.start < place.end and place.start < passage.end
                for place in question.places
            )
        ]
    if question.kind == GENERAL or not question.answerable:
        return []
    return [
        passage
        for passage in material.passages
        if any(contains_answer(passage.text, each) for each in question.answers)
    ]


def _search(question: Question, material: Material) -> SearchResult:
    assert material.index is not None
    assert material.embedder is not None
    index = material.index
    if question.withheld:
        gone = {(each.source, each.start) for each in _section_passages(question, material)}
        kept = [n for n, each in enumerate(index.passages) if (each.source, each.start) not in gone]
        index = Index(
            [index.passages[n] for n in kept], index.vectors[kept], index.embedder, index.embedder_hash, index.language
        )
    return search(index, material.embedder, question.question, DEPTH)


def _section_passages(question: Question, material: Material) -> list[Passage]:
    """All that says the answer, or stands within a passage's length of where it is said."""
    right = right_passages(question, material)
    spans = [(each.source, each.start - 600, each.end + 600) for each in right]
    return [
        passage
        for passage in material.passages
        if any(passage.source == source and passage.start < end and start < passage.end for source, start, end in spans)
        or any(contains_answer(passage.text, answer) for answer in question.answers)
    ]


def _examples(question: Question, material: Material) -> Callable[[str], Examples]:
    """Chooses among the pairs that the page has too, but none that stands where the answer does."""
    assert material.embedder is not None
    embedder, chooser = material.embedder, material._chooser
    pool = [
        (place, turn)
        for place, turn in _pairs(tuple(material.documents))
        if not any(_touches(place, each.source, each.start, each.end) for each in question.places)
    ]
    return lambda asked: chooser.choose(embedder, asked, pool)


@lru_cache(maxsize=2)
def _pairs(documents: tuple[Document, ...]) -> list[tuple[str, Turn]]:
    return located_pairs(documents)


def _touches(place: str, source: str, start: int, end: int) -> bool:
    name, _, span = place.rpartition(":")
    first, _, last = span.partition("-")
    return name == source and int(first) < end and start < int(last)


@lru_cache(maxsize=2)
def _cut(documents: tuple[Document, ...]) -> list[Passage]:
    """Without an encoder, words stand in for its tokens, three for four."""
    return [
        passage
        for document in documents
        for passage in split(document, lambda texts: [4 * len(each.split()) // 3 + 1 for each in texts], GOLD_TOKENS)
    ]
