"""Ways to answer about one text: the base model, retrieval, worked examples, an adapter, and two together."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from adapters.options import build
from playground.chat import answer as chat_answer
from playground.chat.answer import Answer, Arm, Decoding, load_adapter
from playground.chat.few_shot import Examples, ExampleSelector, located_pairs
from playground.chat.turns import BASE, BOTH, FEW_SHOT, RAG, TUNED
from playground.device import choose
from playground.errors import UserError
from playground.inference.served_adapter import ServedAdapter
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source, embedder_by_hash, embedder_source
from playground.prompts import Turn
from playground.settings import Settings
from playground.storage.run_folder import adapter_folder, adapter_weights, read_documents
from playground.surface.text import Text
from retrieval.build import build as build_index
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.index import Index
from retrieval.persistence import load, saved_encoder
from retrieval.search import SearchResult, search

PASSAGES = 5
OTHER, OTHER_BOTH = "other", "other_both"  # with a second adapter
ADAPTER_OF = {TUNED: "adapter", BOTH: "adapter", OTHER: "other", OTHER_BOTH: "other"}
WITH_INDEX = (RAG, BOTH, OTHER_BOTH, FEW_SHOT)
NAMES = (BASE, RAG, FEW_SHOT, TUNED, BOTH, OTHER, OTHER_BOTH)


class Arms:
    """The ways that a text and adapters give, over one resident model.

    `adapter` and `other` are folders of runs or of their adapters. In place of `text`, `index` names the folder that
    `python -m playground index` wrote. Without either nothing is looked up. `settings` are the environment's where
    none are given.

    Raises:
        UserError, MethodError, RetrievalError: the model, an adapter or the index cannot be used.
    """

    def __init__(
        self,
        text: Text | None = None,
        adapter: Path | str | None = None,
        other: Path | str | None = None,
        index: Path | str | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings.from_environment()
        self._text, self.folder = text, Path(index) if index else None
        self.chat: ChatModel = load_chat(chat_source(self.settings), choose(), self.settings.answer_bits)
        given = {"adapter": adapter, "other": other}
        self.adapter_folders = {name: find_adapter(Path(each)) for name, each in given.items() if each}
        self.adapters: Mapping[str, ServedAdapter] = {
            name: load_adapter(each, self.chat) for name, each in self.adapter_folders.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all that can answer; `few_shot` where the text has question–answer pairs."""
        return tuple(name for name in NAMES if self._lacks(name) is None)

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The documents of the text or of the index; none without either."""
        if self._text is not None:
            return self._text.documents
        return tuple(read_documents(self.folder)) if self.folder else ()

    @cached_property
    def embedder(self) -> Embedder:
        """What the index was built with."""
        if self.folder:
            name, digest = saved_encoder(self.folder)
            return Embedder(embedder_by_hash(self.settings, name, digest).folder, name=name)
        source = embedder_source(self.settings)
        return Embedder(source.folder, name=source.name)

    @cached_property
    def index(self) -> Index | None:
        """The search index; that of a text is built at the first use, and kept in memory alone."""
        if self.folder:
            return load(self.folder, self.embedder)
        return build_index(self.documents, self.embedder) if self.documents else None

    def arm(self, name: str) -> Arm:
        """The arm of this name. Raises UserError where it cannot answer."""
        if lacks := self._lacks(name):
            raise UserError(lacks)
        adapter = self.adapters.get(ADAPTER_OF.get(name, ""))
        return Arm(name, adapter, retrieval=name in WITH_INDEX and name != FEW_SHOT, few_shot=name == FEW_SHOT)

    def search(self, question: str) -> SearchResult:
        """The nearest passages of the text. Raises UserError where there is none."""
        if self.index is None:
            raise UserError("There is no text to search. Give one, or the folder of an index.")
        return search(self.index, self.embedder, question, PASSAGES)

    def examples(self, question: str) -> Examples:
        """Worked examples for a question, from the text's pairs."""
        return ExampleSelector().choose(self.embedder, question, located_pairs(self.documents))

    def _lacks(self, name: str) -> str | None:
        """Why an arm cannot answer, as a sentence; None where it can."""
        if name not in NAMES:
            return f"There is no way to answer called {name!r}. Choose from {', '.join(NAMES)}."
        needed = ADAPTER_OF.get(name)
        if needed and needed not in self.adapters:
            return f"The way {name} needs the folder of an adapter. Train one, and give it as {needed}."
        if name in WITH_INDEX and self._text is None and self.folder is None:
            return f"The way {name} needs a text. Give one, or the folder of an index."
        return None


def ask(
    arms: Arms,
    question: str,
    names: Sequence[str] = (),
    ask_anyway: bool = False,
    **decoding: object,
) -> dict[str, Answer]:
    """One answer by each of these arms, or by all but `few_shot` that can answer; all are computed as one batch.

    `decoding` holds knobs of `Decoding`, such as `max_new_tokens`, `temperature`, `thinking` and `seed`. Where the text
    does not seem to hold the answer, the arms with retrieval say nothing, unless `ask_anyway`.

    Raises:
        UserError: an arm cannot answer, or the question is empty or too long.
    """
    chosen = [arms.arm(each) for each in names or [each for each in arms.names if each != FEW_SHOT]]
    histories: list[list[Turn]] = [[] for _ in chosen]
    retrieves: Callable[[str], SearchResult] | None = arms.search if any(arm.retrieval for arm in chosen) else None
    shots: Callable[[str], Examples] | None = arms.examples if any(arm.few_shot for arm in chosen) else None
    *_, answers = chat_answer.answer(
        arms.chat,
        chosen,
        question,
        histories,
        retrieves,
        build(Decoding, decoding),
        ask_anyway=ask_anyway,
        examples=shots,
    )
    return {each.arm: each for each in answers}


def find_adapter(folder: Path) -> Path:
    """The adapter's own folder, given that folder or the run's. Raises UserError where it holds none."""
    for each in (folder, adapter_folder(folder)):
        if adapter_weights(each):
            return each
    raise UserError(f"{folder} holds no adapter. Train one, or name another folder.")
