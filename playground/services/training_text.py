"""The part of a visitor's text that is used for training: findings, what is left out, and what the model will see."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, TypeVar

from transformers import PreTrainedTokenizerBase

from playground.data import quality
from playground.data.preview import ExampleText, KindPreview, decode_example, first_examples, preview_examples
from playground.data.quality import Finding
from playground.data.replay import shipped_turns
from playground.data.short_answers import short_answer_files
from playground.errors import UserError
from playground.prompts import Turn
from playground.services.chat_models import ChatModels
from playground.services.keyed_locks import KeyedLocks
from playground.services.library import Library, read_document
from playground.storage.store import DocumentRow, Store
from playground.training.config import TrainSettings, fitting_mix
from playground.training.workload import Workload, measure_workload, split_for
from retrieval.document import Document, Pair

KEPT = 32  # results in memory, of all visitors
KEPT_COUNTS = 1_000  # numbers of tokens in memory
Made = TypeVar("Made")


class TrainingText:
    """All visitors' choices. Every method takes the visitor's id and sees nothing of another's."""

    def __init__(self, library: Library, store: Store, chats: ChatModels) -> None:
        self._library = library
        self._store = store
        self._chats = chats
        self._making = KeyedLocks()
        self._lock = threading.Lock()  # of the two below
        self._made: dict[tuple[str, Hashable], Any] = {}
        self._tokens: dict[tuple[str, str], int] = {}  # by model and hash of the content, for all visitors

    def findings(self, visitor: str) -> list[Finding]:
        """What may harm training on the visitor's text as it is now."""
        key = ("findings", self._library.text_hash(visitor))
        return self._once(visitor, key, lambda: quality.find_problems(self._library.documents(visitor)))

    def excluded_kinds(self, visitor: str) -> set[str]:
        """The kinds of findings that are left out."""
        return set(self._store.excluded_kinds(visitor))

    def exclude_kind(self, visitor: str, kind: str, exclude: bool) -> None:
        """Leave a kind of findings out of training, or include it again.

        Raises:
            UserError: nothing of that kind can be left out.
        """
        kinds = self.excluded_kinds(visitor)
        if exclude and not any(finding.kind == kind and finding.parts for finding in self.findings(visitor)):
            raise UserError(f"Nothing of the kind {kind!r} is in your text any more. Reload the page.")
        self._store.exclude_kinds(visitor, kinds | {kind} if exclude else kinds - {kind})

    def documents(self, visitor: str) -> list[Document]:
        """The visitor's documents with the questions written about them, without what is left out."""
        read = zip(self._library.documents(visitor), self._questions(visitor), strict=True)
        documents = [replace(document, questions=questions) for document, questions in read]
        kinds = self.excluded_kinds(visitor)
        if not kinds:
            return documents
        return quality.remove_spans(documents, [each for each in self.findings(visitor) if each.kind in kinds])

    def preview(self, visitor: str, settings: TrainSettings) -> list[KindPreview]:
        """What the model will see with these settings, kind by kind.

        Raises:
            UserError: there is no text.
        """
        key = self._key("preview", visitor, settings)
        return self._once(visitor, key, lambda: self._make_preview(visitor, settings))

    def first_examples(self, visitor: str, document: str, settings: TrainSettings) -> list[ExampleText]:
        """The first examples of one document as the model will see them."""
        tokenizer = self._chats.of(visitor).tokenizer
        found = first_examples(self._library.document(visitor, document), tokenizer, settings.mix)
        return [decode_example(each, tokenizer) for each in found]

    def fitting_mix(self, visitor: str) -> str:
        """The mix to teach that fits the visitor's text as it is now."""
        key = ("mix", self._library.text_hash(visitor))
        return self._once(visitor, key, lambda: fitting_mix(self._library.documents(visitor)))

    def short_answer_files(self, visitor: str) -> list[str]:
        """The visitor's files of pairs most of whose answers are very short."""
        key = ("short", self._library.text_hash(visitor))
        return self._once(visitor, key, lambda: short_answer_files(self._library.documents(visitor)))

    def workload(self, visitor: str, settings: TrainSettings) -> Workload:
        """What a run with these settings reads of the visitor's text.

        Raises:
            UserError: there is no text, or too little.
        """
        key = (self._key("workload", visitor, settings), settings.batch_tokens)
        return self._once(visitor, key, lambda: self._measure_workload(visitor, settings))

    def _key(self, what: str, visitor: str, settings: TrainSettings) -> Hashable:
        """For what is made of the text as it is now, cut as these settings say, as the visitor's model reads it."""
        text = (self._library.text_hash(visitor), *self._questions(visitor))
        return (what, text, self._chats.name(visitor), *sorted(self.excluded_kinds(visitor)), settings.mix)

    def _make_preview(self, visitor: str, settings: TrainSettings) -> list[KindPreview]:
        documents, (tokenizer, replay) = self._some_documents(visitor), self._reader(visitor)
        return preview_examples(split_for(documents, tokenizer, settings, replay).train, tokenizer)

    def _measure_workload(self, visitor: str, settings: TrainSettings) -> Workload:
        documents, (tokenizer, replay) = self._some_documents(visitor), self._reader(visitor)
        return measure_workload(documents, tokenizer, settings, replay)

    def _reader(self, visitor: str) -> tuple[PreTrainedTokenizerBase, list[Turn]]:
        """The tokenizer of the visitor's model, and that model's own answers to general prompts."""
        chat = self._chats.of(visitor)
        return chat.tokenizer, shipped_turns(chat.hash)

    def _some_documents(self, visitor: str) -> list[Document]:
        documents = self.documents(visitor)
        if not documents:
            raise UserError("There is no text to learn from yet. Add a file, paste a text or take an example first.")
        return documents

    def _questions(self, visitor: str) -> list[tuple[Pair, ...]]:
        """The questions written about each document."""
        records = [self._store.synthetic_questions(visitor, row.id) for row in self._library.rows(visitor)]
        return [tuple(Pair(*each) for each in record.get("pairs", ())) for record in records]

    def token_counts(self, visitor: str) -> dict[str, int]:
        """How many of the model's tokens each document of this visitor has, by its id; counted once per content."""
        base = self._chats.name(visitor)
        return {row.id: self._token_count(visitor, base, row) for row in self._library.rows(visitor)}

    def forget(self, visitor: str) -> None:
        """Drop what is in memory of a visitor's text."""
        with self._lock:
            for key in [key for key in self._made if key[0] == visitor]:
                del self._made[key]

    def _token_count(self, visitor: str, base: str, row: DocumentRow) -> int:
        with self._lock:
            known = self._tokens.get((base, row.digest))
        if known is not None:
            return known
        read = self._chats.of(visitor).tokenizer(read_document(row).text, add_special_tokens=False)
        with self._lock:
            count = self._tokens[base, row.digest] = len(read["input_ids"])
            for old in list(self._tokens)[:-KEPT_COUNTS]:
                del self._tokens[old]
        return count

    def _once(self, visitor: str, key: Hashable, make: Callable[[], Made]) -> Made:
        """What was made for this key before, else made now, one at a time per visitor; the oldest result is dropped."""
        with self._making.hold(visitor):
            with self._lock:
                if (visitor, key) in self._made:
                    found: Made = self._made[visitor, key]
                    return found
            made = make()
            with self._lock:
                self._made[visitor, key] = made
                for old in list(self._made)[:-KEPT]:
                    del self._made[old]
        return made
