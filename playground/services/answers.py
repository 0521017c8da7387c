"""Answers to visitors' questions: who can answer, what they look up, and the answers as they are written."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from playground.chat import answer as chat_answer
from playground.chat.answer import Answer, Arm, Decoding
from playground.chat.few_shot import Examples, ExampleSelector, located_pairs
from playground.chat.turns import (
    ARM_KINDS,
    BASE,
    BOTH,
    FEW_SHOT,
    RAG,
    RETRIEVING,
    TUNED,
    TUNING,
    arm_base,
    arm_id,
    split_arm_id,
)
from playground.counters import ANSWERS, TOKENS
from playground.device import gpu
from playground.errors import UserError
from playground.prompts import Turn
from playground.services.chat_models import ChatModels
from playground.services.embedders import Embedders
from playground.services.library import Library
from playground.services.runs import Runs
from playground.services.search_indexes import SearchIndexes
from playground.services.served_adapters import ServedAdapters
from playground.services.stop_signals import StopSignal, StopSignals
from playground.settings import Settings
from retrieval.search import SearchResult, search

GPU_SECONDS = 60  # for which a GPU is lent for one question
POLL_SECONDS = 0.05
CUT_SECONDS = 3.0  # for an answer that is stopped to be saved
ENDING = "The server is being stopped or started again, so it takes no more questions. Ask again in a minute."


class Answers:
    """Answers of all visitors' arms. Every method takes the visitor's id and sees nothing of another's."""

    def __init__(
        self,
        settings: Settings,
        library: Library,
        indexes: SearchIndexes,
        embedders: Embedders,
        runs: Runs,
        adapters: ServedAdapters,
        chats: ChatModels,
    ) -> None:
        self._settings = settings
        self._library = library
        self._indexes = indexes
        self._embedders = embedders
        self._runs = runs
        self._adapters = adapters
        self._chats = chats
        self._stops = StopSignals()
        self._ending = threading.Event()
        self._selector = ExampleSelector()
        self._pairs: dict[str, tuple[str, list[tuple[str, Turn]]]] = {}
        self._answer_on_gpu = gpu(GPU_SECONDS)(self._answer)

    def arm_ids(self, visitor: str) -> list[str]:
        """The ids of all arms of the visitor's chat model that can answer now."""
        text, name = self._library.has_text(visitor), self._chats.name(visitor)
        kinds = [BASE, *([RAG] if text else []), *([FEW_SHOT] if self.pairs(visitor) else [])]
        found = [self.untuned_id(kind, name) for kind in kinds]
        for run in self._runs.with_adapter(visitor):
            if self._adapters.base(visitor, run.id) == name:
                found += [arm_id(TUNED, run.id), *([arm_id(BOTH, run.id)] if text else [])]
        return found

    def untuned_id(self, kind: str, base: str) -> str:
        """The id of an arm without an adapter over a base."""
        return arm_id(kind, base=self.named_base(base))

    def named_base(self, base: str) -> str:
        """A base as ids name it: the host's own is not named."""
        return "" if base == self._chats.default else base

    def arm(self, visitor: str, id_: str) -> Arm:
        """The arm with this id, ready to answer.

        Raises:
            UserError: there is no such arm, or it lacks a text or an adapter of this visitor's.
        """
        kind, run = split_arm_id(id_)
        if kind not in ARM_KINDS:
            raise UserError(f"There is no way to answer called {id_!r}. Choose one from the list above the pane.")
        adapter = self._adapters.get(visitor, run) if kind in TUNING else None
        base = self._adapters.base(visitor, run) if kind in TUNING else arm_base(id_) or self._chats.default
        self._chats.source(base)  # which says it where that model is gone
        if kind in (*RETRIEVING, FEW_SHOT) and not self._library.has_text(visitor):
            raise UserError(
                "This pane reads your text when it is asked, but there is none yet. Add one in the first tab."
            )
        return Arm(id_, adapter, retrieval=kind in RETRIEVING, few_shot=kind == FEW_SHOT, base=base)

    def learnt_short_answers(self, visitor: str, id_: str) -> bool:
        """Whether this arm's adapter learnt pairs that mostly have short answers."""
        _, run = split_arm_id(id_)
        return bool(run) and self._runs.learnt_short_answers(visitor, run)

    def prepare(self, visitor: str, arm_ids: Sequence[str]) -> None:
        """Load on a thread the adapters of these arms, which are likely to be asked."""
        for run in filter(None, (split_arm_id(each)[1] for each in arm_ids)):
            self._adapters.prepare(visitor, run)

    def check_question(self, question: str, arm_ids: Sequence[str], decoding: Decoding) -> str:
        """The question without blanks around it.

        Raises:
            UserError: no arm, an empty or too long question, or more tokens than this host allows.
        """
        most, longest = self._settings.question_chars, self._settings.max_new_tokens
        if not arm_ids:
            raise UserError("No pane is open, so nobody would answer. Choose at least one pane.")
        if not question.strip():
            raise UserError("The question is empty. Type one and press “Ask”.")
        if len(question) > most:
            raise UserError(f"The question has {len(question)} characters; at most {most} are allowed. Shorten it.")
        if decoding.max_new_tokens > longest:
            raise UserError(
                f"An answer of {decoding.max_new_tokens} tokens was asked for; at most {longest} are allowed. Ask for "
                "less."
            )
        return question.strip()

    def stream(
        self,
        visitor: str,
        arms: Sequence[Arm],
        question: str,
        histories: Sequence[Sequence[Turn]],
        decoding: Decoding,
        ask_anyway: bool,
        left_out: Sequence[str] = (),
    ) -> Iterator[list[Answer]]:
        """Snapshots of all arms' answers, as `chat.answer.answer` makes them, until they end or `stop` is called.

        `left_out` are words of earlier questions that this one leaves out; what every arm looks up, is looked up with
        them.

        Raises:
            UserError: the server is ending.
        """
        latest: list[Answer] = []
        with self._stops.open(visitor) as stop:
            if self.is_ending:
                raise UserError(ENDING)
            given = visitor, arms, question, histories, decoding, ask_anyway, left_out, stop
            try:
                for latest in self._answer_on_gpu(*given):
                    yield latest
            finally:
                _count(latest)

    def is_full(self) -> bool:
        """Whether as many questions wait or are answered, of all visitors, as this host takes."""
        return len(self) >= self._settings.queue_size

    def is_answering(self) -> bool:
        """Whether any visitor's question waits or is answered."""
        return len(self) > 0

    def __len__(self) -> int:
        """How many questions of all visitors wait or are answered."""
        return len(self._stops)

    @property
    def is_ending(self) -> bool:
        """Whether no more questions are taken, as the server ends."""
        return self._ending.is_set()

    def finish(self, seconds: float) -> int:
        """Take no more questions, let those under way end, and stop what is left after `seconds`; returns how many."""
        self._ending.set()
        self._wait_for_answers(seconds)
        cut = len(self)
        self._stops.stop_all()
        self._wait_for_answers(CUT_SECONDS)
        return cut

    def _wait_for_answers(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while self.is_answering() and time.monotonic() < ends:
            time.sleep(POLL_SECONDS)

    def stop(self, visitor: str) -> None:
        """Stop the answers to this visitor that are being written; a later question is not stopped."""
        self._stops.stop(visitor)

    def searcher(self, visitor: str, left_out: Sequence[str] = ()) -> Callable[[str], SearchResult]:
        """A function that searches this visitor's text; while a new index is being built, it searches the old one."""
        index, embedder = self._indexes.usable(visitor), self._embedders.of(visitor)
        return lambda question: search(index, embedder, question, left_out=left_out)

    def examples(self, visitor: str, left_out: Sequence[str] = ()) -> Callable[[str], Examples]:
        """A function that selects, for a question, worked examples from this visitor's question–answer pairs."""
        pairs, embedder = self.pairs(visitor), self._embedders.of(visitor)
        return lambda question: self._selector.choose(embedder, question, pairs, left_out=left_out)

    def pairs(self, visitor: str) -> list[tuple[str, Turn]]:
        """The pairs of the text as it is now, each with its place; made once per text, which can take seconds."""
        text = self._library.text_hash(visitor)
        made_of, pairs = self._pairs.get(visitor, ("", []))
        if made_of != text:
            pairs = located_pairs(self._library.documents(visitor))
            self._pairs[visitor] = (text, pairs)
        return pairs

    def forget(self, visitor: str) -> None:
        """Stop this visitor's answers and drop what is in memory of their text."""
        self.stop(visitor)
        _, pairs = self._pairs.pop(visitor, ("", []))
        self._selector.forget([turn.question for _, turn in pairs])

    def _answer(
        self,
        visitor: str,
        arms: Sequence[Arm],
        question: str,
        histories: Sequence[Sequence[Turn]],
        decoding: Decoding,
        ask_anyway: bool,
        left_out: Sequence[str],
        stop: StopSignal,
    ) -> Iterator[list[Answer]]:
        """Every argument can be pickled: on ZeroGPU this runs in a process that was forked for the call."""
        search = cache(self.searcher(visitor, left_out)) if any(arm.retrieval for arm in arms) else None
        examples = cache(self.examples(visitor, left_out)) if any(arm.few_shot for arm in arms) else None
        places = _places_by_base(arms)
        streams = {
            base: chat_answer.answer(
                chat,
                [arms[place] for place in places[base]],
                question,
                [histories[place] for place in places[base]],
                search,
                decoding,
                stop.is_set,
                ask_anyway=ask_anyway,
                examples=examples,
                scope=visitor,
            )
            for base, chat in self._chats.together(list(places)).items()
        }
        yield from _side_by_side([(places[base], stream) for base, stream in streams.items()])


def _places_by_base(arms: Sequence[Arm]) -> dict[str, list[int]]:
    """The places of the arms of each base model, the base of the first arm first."""
    places: dict[str, list[int]] = {}
    for place, arm in enumerate(arms):
        places.setdefault(arm.base, []).append(place)
    return places


def _side_by_side(streams: Sequence[tuple[Sequence[int], Iterator[list[Answer]]]]) -> Iterator[list[Answer]]:
    """Snapshots of several streams in turns, each answer at its place; the models' batches step one after the other."""
    latest: dict[int, Answer] = {}
    live = list(streams)
    while live:
        for each in list(live):
            places, stream = each
            answers = next(stream, None)
            if answers is None:
                live.remove(each)
                continue
            latest.update(zip(places, answers, strict=True))
            if len(latest) == sum(len(those) for those, _ in streams):
                yield [latest[place] for place in sorted(latest)]


def _count(answers: Sequence[Answer]) -> None:
    """Count what became of one question; an answer whose page closed is cut."""
    for each in answers:
        ANSWERS.labels("finished" if each.done and not each.stopped else "cut").inc()
        TOKENS.inc(each.tokens)
