"""The container: builds every service once, each from the ones it needs, and starts them; holds no logic of its own."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial

import adapters
from adapters.cost import YARDSTICK
from playground.device import choose, on_zero_gpu
from playground.inference.forward import forward_of
from playground.jobs.queue import JobQueue
from playground.jobs.supervisor import Supervisor
from playground.models.chat_model import ChatModel
from playground.services.answers import Answers
from playground.services.chat_changes import ChatChanges
from playground.services.chat_models import ChatModels
from playground.services.conversations import Conversations
from playground.services.embedders import Embedders
from playground.services.exams import Exams
from playground.services.experiments import Experiments
from playground.services.library import Library
from playground.services.method_costs import MethodCostTable
from playground.services.monitoring import Monitoring
from playground.services.prepared import Prepared
from playground.services.preparing import Preparing
from playground.services.question_writer import QuestionWriter
from playground.services.runs import Runs, memory_advice
from playground.services.search_indexes import SearchIndexes
from playground.services.self_tests import SelfTests
from playground.services.served_adapters import ServedAdapters
from playground.services.training_text import TrainingText
from playground.services.visitors import Visitors
from playground.services.votes import Votes
from playground.settings import Settings
from playground.storage.exchange import Exchange
from playground.storage.store import Store
from playground.training.throughput import footprint_of, training_speed
from retrieval.language import detect_language

SWEEP_SECONDS = 60
FIRST_SECONDS = 30.0  # after the models are loaded: time to open an example and ask
log = logging.getLogger(__name__)


class Services:
    """Every service of the playground, by name. The page and the tests take what they need from here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings)
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self.chats = ChatModels(settings, self.store)
        self.jobs = JobQueue(self.store, settings)
        self.exchange = Exchange(settings.data)
        self.supervisor = Supervisor(
            self.store,
            settings,
            lambda row: memory_advice(row, self.chats.config(row.base)),
            resume=self.jobs.resume,
            is_answering=lambda: self.answers.is_answering(),
        )
        self.embedders = Embedders(self.store, settings)
        self.library = Library(self.store, settings)
        self.indexes = SearchIndexes(self.store, self.library, self.embedders)
        self.training_text = TrainingText(self.library, self.store, self.chats)
        self.self_tests = SelfTests(self.chats)
        self.chat_changes = ChatChanges(self.store, self.chats, self.self_tests)
        self.adapters = ServedAdapters(self.store, self.self_tests, self.chats)
        self.prepared = Prepared(self.store, self.library)
        self.runs = Runs(settings, self.store, self.jobs, self.training_text, self.adapters, self.chats, self.prepared)
        self.answers = Answers(
            settings, self.library, self.indexes, self.embedders, self.runs, self.adapters, self.chats
        )
        self.conversations = Conversations(self.store, self.answers, self.self_tests)
        self.votes = Votes(self.store, self.answers, self.library, self.runs)
        self.experiments = Experiments(self.store, self.jobs, self.runs, self.training_text, self.chats)
        self.exams = Exams(self.store, self.library, self.embedders, self.jobs, self.chats, self.prepared)
        self.preparing = Preparing(
            settings,
            self.store,
            self.library,
            self.indexes,
            self.runs,
            self.exams,
            self.answers,
            self.adapters,
            self.jobs,
            self.prepared,
        )
        self.monitoring = Monitoring(settings, self.store, self.answers, self.chats)
        self.method_costs = MethodCostTable(self.chats)
        self.question_writer = QuestionWriter(self.library, self.store, self.chats.complete)
        self.visitors = Visitors(
            self.store,
            [
                self.question_writer.forget,
                self.conversations.forget,
                self.votes.forget,
                self.answers.forget,
                self.adapters.forget,
                self.embedders.forget,
                self.indexes.forget,
                self.training_text.forget,
                self.chats.forget,
                self.chat_changes.cancel,
                self.exchange.forget,
            ],
        )

    @property
    def chat(self) -> ChatModel:
        """The host's own chat model; loaded at the first use, which takes seconds."""
        return self.chats.get()

    def start(self) -> None:
        """Resume the queue; on threads, load the models, time the device, ask the Hub, prepare examples, sweep.

        On ZeroGPU the host's chat model is loaded first: only the main thread can place it on a GPU to borrow.
        """
        if on_zero_gpu():
            self.chats.get()
        self.supervisor.start()
        sweep = partial(self.visitors.sweep_daily, self._closing)
        tasks: dict[str, Callable[[], object]] = {
            "device": choose,
            "warm-up": self._warm_up_and_prepare,
            "sweep": sweep,
            "leftovers": partial(self._sweep_leftovers, self._closing),
            "hub": self._ask_hub,
        }
        self._threads = [threading.Thread(target=task, daemon=True, name=name) for name, task in tasks.items()]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Begin no more work, and let the answers that stream end within the time that the settings give."""
        self._closing.set()
        self.supervisor.leave()
        cut = self.answers.finish(self.settings.end_seconds)
        log.info("ending: %d questions were cut, runs at work go on", cut)

    def close(self, seconds: float = threading.TIMEOUT_MAX) -> bool:
        """Stop what `start` began, and wait for its threads as long; whether all have ended.

        A thread that is inside torch when the interpreter ends would abort the process. A running worker goes on until
        its lease ends.
        """
        self._closing.set()
        self.supervisor.close()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _sweep_leftovers(self, closing: threading.Event) -> None:
        """Every minute delete uploads that nobody used, and what a killed server or a deleted visitor left."""
        while not closing.is_set():
            try:
                self.exchange.sweep()
                self.store.sweep_leftovers()
                self._warn_of_full_disk()
            except Exception:  # such as a full disk or a busy database: the next minute tries again
                log.exception("leftovers could not be swept")
            closing.wait(SWEEP_SECONDS)

    def _warn_of_full_disk(self) -> None:
        free, reserve = shutil.disk_usage(self.settings.data).free, self.settings.reserve_bytes
        if free < reserve:
            log.warning("disk_free_bytes=%d is below the reserve of %d: make room or runs will pause", free, reserve)

    def _ask_hub(self) -> None:
        self.embedders.ask_hub()
        self.chats.ask_hub()

    def _warm_up_and_prepare(self) -> None:
        """One after the other: two models that are loaded at once spoil each other."""
        self.preparing.offer_known()
        self._warm_up()
        self._wait_until_quiet()
        if not self._closing.is_set():
            self._measure()
        self.preparing.work(self._closing)

    def _warm_up(self) -> None:
        """So that the first question does not wait for the models."""
        detect_language("warm")
        self.embedders.default().encode(["warm"])
        forward_of(self.chat.model, self.chat.bits)

    def _wait_until_quiet(self) -> None:
        """Whoever comes right after the start asks first: what follows takes seconds, in which answers are slow."""
        self._closing.wait(FIRST_SECONDS)
        while self.answers.is_answering() and not self._closing.is_set():
            self._closing.wait(1.0)

    def _measure(self) -> None:
        """Before most visitors plan a run, as one that begins meanwhile would be planned for a busy machine."""
        self.self_tests.run_after_load([])
        options = adapters.get(YARDSTICK).Options()
        footprint_of(YARDSTICK, options, self.chat.model.config)
        training_speed(self.chat.model, choose())(YARDSTICK, options)
        self.method_costs.measure()
