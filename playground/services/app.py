"""What the page and the command line work with, put together once; knows no page and no command line."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import psutil

import adapters
from adapters.cost import YARDSTICK, MethodCost, measure_costs
from playground.chat import answer as chat_answer
from playground.chat.answer import Answer, Arm, Decoding, ServedAdapter, load_adapter
from playground.chat.few_shot import Examples, ExampleSelector, located_pairs
from playground.device import choose, gpu
from playground.errors import UserError
from playground.export import export, import_adapter
from playground.inference.adapter_cache import AdapterCache
from playground.inference.engine import complete, scheduler_of
from playground.inference.forward import forward_of
from playground.inference.self_test import SelfTestReport
from playground.inference.served_adapter import weights_modified_ns
from playground.jobs.queue import EVENTS, JobQueue
from playground.jobs.supervisor import Supervisor
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.prompts import Turn
from playground.services.embedders import Embedders
from playground.services.exams import Exams
from playground.services.library import Library
from playground.services.question_writer import Messages, QuestionWriter
from playground.services.self_tests import Proofs
from playground.services.training_text import TrainingText
from playground.settings import Settings
from playground.storage.records import Ballot
from playground.storage.run_folder import adapter_folder, has_adapter, read_config
from playground.storage.store import DAY, RunRow, Store
from playground.training import config as training_config
from playground.training import estimate
from playground.training.config import PRESETS, RunConfig
from playground.training.estimate import Estimate
from playground.training.memory_advice import describe_shortage
from playground.training.throughput import footprint_of, training_speed
from retrieval.search import SearchResult, search

ANSWER_SECONDS = 60  # of a lent GPU for one question


class Services:
    """Settings, storage, jobs, the visitors' texts, and one resident copy of each model, loaded when first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings)
        self.jobs = JobQueue(self.store, settings)
        self.supervisor = Supervisor(self.store, settings, self._advise)
        self.embedders = Embedders(self.store, settings)
        self.library = Library(self.store, settings, self.embedders.of)
        self.training_text = TrainingText(self.library, self.store, lambda: self.chat.tokenizer)
        self.writing = QuestionWriter(self.library, self.store, gpu(ANSWER_SECONDS)(self._said))
        self.exams = Exams(self.store, self.library, self.jobs)
        self.stops: set[str] = set()
        self.ballots: dict[str, Ballot] = {}
        self._chooser = ExampleSelector()
        self._pairs: dict[str, tuple[str, list[tuple[str, Turn]]]] = {}
        self._adapters = AdapterCache()
        self.proofs = Proofs(lambda: self.chat, lambda: chat_source(self.settings).folder)
        self.saving = threading.Lock()
        self.answer = gpu(ANSWER_SECONDS)(self._answer)
        self._tokens: dict[str, int] = {}
        self._lock = threading.RLock()
        self._measuring = threading.Lock()

    @property
    def chat(self) -> ChatModel:
        """The resident base model; never modified after loading."""
        with self._lock:
            return self._chat

    def adapter(self, visitor: str, run_id: str) -> ServedAdapter:
        """The adapter of one of this visitor's runs, from memory or disk.

        A run that went on since has written its weights anew, and is read anew. What was read is tested at once.
        """
        return self._adapters.get(*self._wanted(visitor, run_id))

    def prepare_adapter(self, visitor: str, run_id: str) -> None:
        """Fetch an adapter that is likely to be asked for soon, without anybody waiting."""
        self._adapters.prepare(*self._wanted(visitor, run_id))

    def resident(self, visitor: str) -> dict[str, ServedAdapter]:
        """This visitor's adapters in memory, by their runs' ids, the latest asked for last."""
        mine = {run.id for run in self.store.runs.all(visitor)}
        return {run: each for (run, _), each in self._adapters.items() if run in mine}

    def self_test(self, visitor: str) -> SelfTestReport:
        """Prove that the base and this visitor's latest adapters in memory are served as what they are."""
        return self.proofs.make(list(self.resident(visitor).values()))

    def tokens(self, visitor: str) -> dict[str, int]:
        """How many of the model's tokens each document of this visitor has, by its id; counted once a content."""
        counts = {}
        for row in self.store.documents(visitor):
            if row.digest not in self._tokens:
                text = self.library.document(visitor, row.id).text
                self._tokens[row.digest] = len(self.chat.tokenizer(text, add_special_tokens=False)["input_ids"])
            counts[row.id] = self._tokens[row.digest]
        return counts

    def plan(
        self, visitor: str, method: str, preset: str, values: Mapping[str, object], run_values: Mapping[str, object]
    ) -> tuple[RunConfig, Estimate]:
        """The run that a visitor asks for, inside this host's limits, and what it will take.

        Raises:
            UserError, MethodError: nothing to train on, a value out of range, or more than the host allows.
        """
        load = self.training_text.workload(visitor, training_config.preset_settings(PRESETS[preset], run_values))
        model, speed = self.chat.model, training_speed(self.chat.model, choose())
        config = estimate.plan_run(method, PRESETS[preset], values, run_values, load, model.config, speed)
        config = replace(config, settings=replace(config.settings, max_seconds=float(self.settings.max_seconds)))
        training_config.check_limits(config, self.settings)
        cost = estimate.estimate_run(config, load, model.config, speed)
        free = shutil.disk_usage(self.settings.data).free
        estimate.check_capacity(cost, psutil.virtual_memory().total, free)
        return config, cost

    def start_run(self, visitor: str, config: RunConfig, name: str, expected: float = 0.0, kept: bool = False) -> str:
        """Queue a run on this visitor's text as it is now, without what is left out; returns the run's id.

        `expected` is the estimate in seconds; a `kept` run goes on when its page is closed.
        """
        return self.jobs.submit(visitor, config, self.training_text.documents(visitor), name, expected, kept)

    def bring_adapter(self, visitor: str, files: Sequence[tuple[str, Path]], name: str) -> str:
        """Keep an adapter that a visitor brings, given as names and paths of its files or a zip; returns the run's id.

        Raises:
            UserError, MethodError: too many runs, or nothing that can be read and fits the base model.
        """
        kept = len(self.store.runs.all(visitor))
        if kept >= self.settings.visitor_runs:
            raise UserError(
                f"You keep {kept} runs, the most allowed. Delete one you no longer need, then bring this one."
            )
        came = import_adapter.read_adapter(files, self.settings.adapter_bytes, self.settings.max_rank)

        def fill(folder: Path) -> None:
            import_adapter.write_adapter(came, adapter_folder(folder), self.chat)
            (folder / EVENTS).write_text("")

        return self.store.runs.add_imported(visitor, "train", name, came.method, came.figures, fill).id

    def export(self, visitor: str, run_id: str, form: str, out: Path) -> None:
        """Fill a folder with what one of this visitor's runs learnt, in one of the forms of `export`.

        Raises:
            UserError, MethodError: no adapter, no such form of it, or no room.
        """
        run = self.store.runs.get(visitor, run_id)
        if not has_adapter(run.folder):
            raise UserError(f"The run {run.name!r} has left no adapter yet. Let it make a step first, then export it.")
        needed = 3 * 4 * self.chat.model.num_parameters() if form in export.WHOLE else 0
        if shutil.disk_usage(self.settings.data).free < needed:
            raise UserError(f"The disk has no room for a whole model ({needed / 1e9:.1f} GB). Take the adapter alone.")
        export.write_export(form, adapter_folder(run.folder), out, self.settings, run.name)

    def forget(self, visitor: str) -> None:
        """Start over: everything of this visitor is deleted, in memory too."""
        for run in self.store.runs.all(visitor):
            self.forget_adapter(run.id)
        self.ballots.pop(visitor, None)
        _, placed = self._pairs.pop(visitor, ("", []))
        self._chooser.forget([turn.question for _, turn in placed])
        self.embedders.forget(visitor)
        self.library.forget(visitor)
        self.training_text.forget(visitor)
        if "_chat" in vars(self):
            scheduler_of(self._chat.model).forget(visitor)

    def forget_adapter(self, run_id: str) -> None:
        """Drop a deleted adapter from memory."""
        self._adapters.drop(lambda key: isinstance(key, tuple) and key[0] == run_id)

    def searcher(self, visitor: str) -> Callable[[str], SearchResult]:
        """A function that searches this visitor's text; while it is indexed anew, as it was before."""
        index = self.library.usable_index(visitor)
        embedder = self.embedders.of(visitor)
        return lambda question: search(index, embedder, question)

    def choose_embedder(self, visitor: str, name: str) -> None:
        """Embed this visitor's text with another embedder once that is here; refused where it is not on offer."""

        def index_anew() -> None:
            self.library.cancel_index(visitor)
            self.library.index(visitor)

        self.embedders.choose(visitor, name, index_anew)

    def examples(self, visitor: str) -> Callable[[str], Examples]:
        """A function that chooses, for a question, worked examples from this visitor's question–answer pairs."""
        pairs, embedder = self.pairs(visitor), self.embedders.of(visitor)
        return lambda question: self._chooser.choose(embedder, question, pairs)

    def pairs(self, visitor: str) -> list[tuple[str, Turn]]:
        """The pairs of the text as it is now, made once: a long text takes seconds."""
        text = self.library.text_hash(visitor)
        made_of, placed = self._pairs.get(visitor, ("", []))
        if made_of != text:
            placed = located_pairs(self.library.documents(visitor))
            self._pairs[visitor] = (text, placed)
        return placed

    def cancel_index(self, visitor: str) -> None:
        """Stop indexing this visitor's text; the index before stays in use."""
        self.library.cancel_index(visitor)

    def start(self) -> None:
        """Go on with the queued runs; on threads, load the models, ask the Hub, delete what was left alone too long."""
        self.supervisor.start()
        for task in (choose, self._warm_up, self._sweep_daily, self.embedders.ask_hub):
            threading.Thread(target=task, daemon=True, name=task.__name__).start()

    def _wanted(self, visitor: str, run_id: str) -> tuple[tuple[str, int], Callable[[], ServedAdapter]]:
        folder = adapter_folder(self.store.runs.get(visitor, run_id).folder)

        def load() -> ServedAdapter:
            served = load_adapter(folder, self.chat)
            self.proofs.make_quietly([*self.resident(visitor).values(), served])
            return served

        return (run_id, weights_modified_ns(folder)), load

    def _answer(
        self,
        visitor: str,
        arms: Sequence[Arm],
        question: str,
        histories: Sequence[Sequence[Turn]],
        decoding: Decoding,
        ask_anyway: bool,
    ) -> Iterator[list[Answer]]:
        """See `chat.answer`. Every argument can be pickled: on ZeroGPU this runs in a process forked for the call."""
        search = self.searcher(visitor) if any(arm.retrieval for arm in arms) else None
        examples = self.examples(visitor) if any(arm.few_shot for arm in arms) else None
        yield from chat_answer.answer(
            self.chat,
            arms,
            question,
            histories,
            search,
            decoding,
            lambda: visitor in self.stops,
            ask_anyway=ask_anyway,
            examples=examples,
            scope=visitor,
        )

    def _said(self, visitor: str, asked: Sequence[Messages]) -> list[str]:
        """What the base answers to requests of `Writing`."""
        return complete(self.chat, asked, lambda: self.writing.stopping(visitor))

    def _advise(self, row: RunRow) -> str:
        """For a training run that lacked memory, now that its worker is gone: what would have fitted."""
        if row.kind != "train":
            return ""
        free = psutil.virtual_memory().available
        return describe_shortage(RunConfig.from_dict(read_config(row.folder)), self.chat.model.config, free)

    def _warm_up(self) -> None:
        """So that the first question does not wait for the models, nor the first estimate for the machine's pace."""
        self.embedders.own().encode(["warm"])
        forward_of(self.chat.model, self.chat.bits)
        self.proofs.make_quietly([])
        options = adapters.get(YARDSTICK).Options()
        footprint_of(YARDSTICK, options, self.chat.model.config)
        training_speed(self.chat.model, choose())(YARDSTICK, options)

    def _sweep_daily(self) -> None:
        while True:
            self.store.sweep(time.time())
            time.sleep(DAY)

    @property
    def costs(self) -> dict[str, MethodCost]:
        """What each method that can run here costs on the chat model at its defaults; measured once, in seconds."""
        with self._measuring:
            return self._costs

    @cached_property
    def _costs(self) -> dict[str, MethodCost]:
        here = {id_: method.Options() for id_, method in adapters.methods().items() if not method.unavailable()}
        return dict(zip(here, measure_costs(list(here.items()), self.chat.model.config), strict=True))

    @cached_property
    def _chat(self) -> ChatModel:
        return load_chat(chat_source(self.settings), choose(), self.settings.answer_bits)
