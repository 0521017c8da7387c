"""The arms of an exam and their input: retrieved passages, the right passages, worked examples, or nothing."""

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
UNTUNED = {TUNED: BASE, BOTH: RAG}  # the same arm without its adapter
DEPTH = 5  # passages retrieved per question
GOLD_TOKENS = 126


@dataclass
class Material:
    """What the arms of one exam work with: the text, its index, an adapter."""

    documents: Sequence[Document]
    index: Index | None = None
    embedder: Encoder | None = None
    adapter: ServedAdapter | None = None
    example_selector: ExampleSelector = field(default_factory=ExampleSelector, repr=False)

    def available_arms(self) -> list[str]:
        """The arms that have all they need."""
        text, index, adapter = bool(self.documents), self.index is not None, self.adapter is not None
        has = {BASE: True, FEW_SHOT: text and self.embedder is not None, RAG: index, TUNED: adapter}
        has |= {BOTH: index and adapter, GOLD: text}
        return [arm for arm in ARMS if has[arm]]

    def arm(self, name: str) -> Arm:
        """The arm of this name, with the adapter if it is a tuned one."""
        adapter = self.adapter if name in TUNING else None
        return Arm(name, adapter, retrieval=name in RETRIEVING or name == GOLD, few_shot=name == FEW_SHOT)

    @property
    def passages(self) -> Sequence[Passage]:
        """The index's passages, or without an index the text cut into passages of about the same size."""
        if self.index is not None:
            return self.index.passages
        return _cut_passages(tuple(self.documents))

    @property
    def pairs(self) -> Sequence[tuple[str, Turn]]:
        """The text's question–answer pairs with their places, from which few-shot chooses; not every text has any."""
        return _pairs(tuple(self.documents))


@dataclass(frozen=True)
class ArmInput:
    """One arm's input for one question; `ranks` are the places, from 1, of the right passages among the hits."""

    given: PromptContext
    ranks: tuple[int, ...] = ()


def is_asked(name: str, question: Question, material: Material) -> bool:
    """Whether an arm is asked a question.

    Only arms without passages get the general ones, and gold gets only those that have a right passage.
    """
    if question.kind == GENERAL:
        return name in (BASE, TUNED)
    if name == GOLD:
        return question.answerable and bool(right_passages(question, material))
    return True


def build_input(name: str, question: Question, material: Material, chat: ChatModel, tokens: int) -> ArmInput:
    """The arm's input for the question, with passages of at most `tokens` of the encoder's tokens.

    As on the page, the search's threshold decides whether a retrieval arm answers.

    Raises:
        ValueError: the arm needs an index or an embedder that the material lacks.
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
    """The passages that overlap the answer's places; without places, those that contain the answer."""
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
    if material.index is None or material.embedder is None:
        raise ValueError("an arm with retrieval needs an index and its embedder")
    index = material.index
    if question.withheld:
        withheld = {(each.source, each.start) for each in _section_passages(question, material)}
        kept = [n for n, each in enumerate(index.passages) if (each.source, each.start) not in withheld]
        if not kept:  # a short text is one passage: without it there is nothing to find
            return SearchResult(question.question, False, (), 0.0, index_hash=index.hash)
        index = Index(
            [index.passages[n] for n in kept], index.vectors[kept], index.embedder, index.embedder_hash, index.language
        )
    return search(index, material.embedder, question.question, DEPTH)


def _section_passages(question: Question, material: Material) -> list[Passage]:
    """All passages that contain the answer, or lie within 600 characters of one that does."""
    right = right_passages(question, material)
    spans = [(each.source, each.start - 600, each.end + 600) for each in right]
    return [
        passage
        for passage in material.passages
        if any(passage.source == source and passage.start < end and start < passage.end for source, start, end in spans)
        or any(contains_answer(passage.text, answer) for answer in question.answers)
    ]


def _examples(question: Question, material: Material) -> Callable[[str], Examples]:
    """A selector among the pairs that the page uses, without those that overlap the answer."""
    if material.embedder is None:
        raise ValueError("the few-shot arm needs an embedder")
    embedder, example_selector = material.embedder, material.example_selector
    pool = [
        (place, turn)
        for place, turn in material.pairs
        if not any(_overlaps(place, each.source, each.start, each.end) for each in question.places)
    ]
    return lambda asked: example_selector.choose(embedder, asked, pool)


@lru_cache(maxsize=2)
def _pairs(documents: tuple[Document, ...]) -> list[tuple[str, Turn]]:
    return located_pairs(documents)


def _overlaps(place: str, source: str, start: int, end: int) -> bool:
    name, _, span = place.rpartition(":")
    first, _, last = span.partition("-")
    return name == source and int(first) < end and start < int(last)


@lru_cache(maxsize=2)
def _cut_passages(documents: tuple[Document, ...]) -> list[Passage]:
    """Without an encoder, three words count as four tokens."""
    return [
        passage
        for document in documents
        for passage in split(document, lambda texts: [4 * len(each.split()) // 3 + 1 for each in texts], GOLD_TOKENS)
    ]
