"""Prepares the example texts while nobody trains: index, adapters and an exam, one piece after the other."""

import hashlib
import logging
import threading

import adapters
from playground.chat.turns import BASE, BOTH, RAG, TUNED
from playground.data.examples import Example, examples
from playground.device import on_zero_gpu
from playground.errors import UserError
from playground.evaluation.config import ExamSettings
from playground.jobs.queue import GIVE_WAY_SECONDS, JobQueue
from playground.jobs.worker import NO_ROOM
from playground.models.chat_model import base_hash
from playground.models.registry import chat_source
from playground.services.answers import Answers
from playground.services.exams import Exams
from playground.services.library import Library
from playground.services.prepared import EXAM, Prepared
from playground.services.runs import Runs
from playground.services.search_indexes import SearchIndexes
from playground.services.served_adapters import ServedAdapters
from playground.settings import NOTHING, Settings
from playground.storage.store import RunRow, Store
from retrieval.errors import IndexingStopped

VERSION = 6  # of what is prepared: another number prepares all anew
PRESET = "quick"
STEPS = 50  # about what this preset plans on two free cores; the pace of a busy moment must not decide
ARMS = (BASE, RAG, TUNED, BOTH)
QUESTIONS = 40
LOOK_SECONDS = 1.0  # between two looks at the piece that is under way

log = logging.getLogger(__name__)


def pieces_of(settings: Settings) -> list[str]:
    """What the settings ask to prepare of each example: ids of methods, and EXAM.

    Raises:
        UserError: a word is neither.
    """
    words = [] if settings.prepare == NOTHING or on_zero_gpu() else settings.prepare.split()
    allowed = [*adapters.methods(), EXAM]
    if unknown := [word for word in words if word not in allowed]:
        raise UserError(
            f"PLAYGROUND_PREPARE names {unknown[0]!r}; it takes {NOTHING}, or some of {', '.join(allowed)}. "
            "Correct the environment and start again."
        )
    return words


class Preparing:
    """The host's own runs, at the lowest priority: the queue pauses them as soon as a visitor's run is added."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        library: Library,
        indexes: SearchIndexes,
        runs: Runs,
        exams: Exams,
        answers: Answers,
        adapters: ServedAdapters,
        jobs: JobQueue,
        prepared: Prepared,
    ) -> None:
        self._settings = settings
        self._pieces = pieces_of(settings)
        self._store = store
        self._library = library
        self._indexes = indexes
        self._runs = runs
        self._exams = exams
        self._answers = answers
        self._adapters = adapters
        self._jobs = jobs
        self._prepared = prepared

    def state(self, example: str) -> str:
        """What a visitor meets who takes an example: "ready" to try, still "preparing", or only the "text"."""
        methods = [each for each in self._pieces if each != EXAM]
        done = self._prepared.done(example)
        if any(each != EXAM for each in done):
            return "ready"
        return "preparing" if methods else "text"

    def offer_known(self) -> dict[str, str]:
        """Let visitors use what was prepared before, without loading a model; the owner of each example."""
        owners = self._owners()
        self._prepared.use(owners)
        return owners

    def work(self, closing: threading.Event) -> None:
        """Prepare what is missing, until all is done or `closing` is set; a piece that fails is logged and left."""
        owners = self.offer_known()
        for piece in ["", *self._pieces]:
            for name, owner in owners.items():
                if closing.is_set():
                    return
                try:
                    self._prepare(examples()[name], owner, piece, closing)
                except Exception:
                    log.exception("%s of the example %s could not be prepared", piece or "the index", name)

    def _owners(self) -> dict[str, str]:
        """Each example's owner for this text, base model and version; those of others are deleted.

        Where nothing is to be prepared, only owners of what was prepared before.
        """
        base = base_hash(chat_source(self._settings))
        keys = {each.name: _key(each, base) for each in examples().values()}
        self._store.prepared.remove_others(keys.values())
        known = self._store.prepared.owners()
        wanted = {name: key for name, key in keys.items() if self._pieces or key in known}
        return {name: self._store.prepared.owner(key) for name, key in wanted.items()}

    def _prepare(self, example: Example, owner: str, piece: str, closing: threading.Event) -> None:
        if not piece:
            self._index(example, owner, closing)
        elif piece == EXAM:
            self._examine(example, owner, closing)
        else:
            self._train(owner, piece, closing)

    def _index(self, example: Example, owner: str, closing: threading.Event) -> None:
        if not self._library.has_text(owner):
            self._library.add_example(owner, example.name)
        while not closing.is_set():
            try:
                self._indexes.index(owner, should_stop=lambda: closing.is_set() or self._in_use())
                return
            except IndexingStopped:  # what was embedded is kept for the next time
                self._wait(closing)

    def _train(self, owner: str, method: str, closing: threading.Event) -> None:
        row = self._begun(owner, "train", method)
        if row is None:
            self._wait(closing)
            config, cost = self._runs.plan(owner, method, PRESET, {}, {"steps": STEPS})
            run = self._runs.start(owner, config, adapters.get(method).label, cost.seconds)
        self._finish(owner, row.id if row else run, closing)
        if method == self._pieces[0]:
            self._adapters.prepare(owner, row.id if row else run)  # the first question need not wait for it

    def _examine(self, example: Example, owner: str, closing: threading.Event) -> None:
        row = self._begun(owner, EXAM, EXAM)
        run = next((each.id for each in self._runs.with_adapter(owner)), "")
        if row is None and run:
            self._wait(closing)
            self._exams.create_draft(owner, run, ExamSettings(limit=QUESTIONS), None)
            started = self._exams.start(owner, ARMS, "", example.language)
        if row or run:
            self._finish(owner, row.id if row else started, closing)

    def _begun(self, owner: str, kind: str, method: str) -> RunRow | None:
        """The piece that was begun before; one that failed is deleted, to be begun anew."""
        rows = [row for row in self._store.runs.all(owner, kind) if row.method == method]
        for row in rows:
            if row.state == "failed":
                self._jobs.delete(owner, row.id)
        return next((row for row in rows if row.state != "failed"), None)

    def _finish(self, owner: str, run: str, closing: threading.Event) -> None:
        """See a run to its end: it is resumed when no visitor's run waits or works, and paused when the host closes."""
        while not closing.is_set():
            row = self._jobs.snapshot(owner, run)  # which renews its lease
            if row.state == "failed":
                log.error("A run for an example failed: %s", row.error)
            if row.state in ("done", "failed"):
                return
            waits_for_room = row.error == NO_ROOM  # the supervisor knows when there is some
            if row.state == "stopped" and not waits_for_room and not self._jobs.visitors_wait_or_work():
                self._jobs.resume(owner, run)
            closing.wait(LOOK_SECONDS)
        self._jobs.stop(owner, run, GIVE_WAY_SECONDS)

    def _in_use(self) -> bool:
        return self._answers.is_answering() or self._jobs.visitors_wait_or_work()

    def _wait(self, closing: threading.Event) -> None:
        """Wait while anybody asks, trains or examines."""
        while self._in_use() and not closing.is_set():
            closing.wait(LOOK_SECONDS)


def _key(example: Example, base: str) -> str:
    """What was prepared of an example depends on: its text, the base model, and how it is done."""
    text = hashlib.sha256(example.path.read_bytes()).hexdigest()[:16]
    return f"{example.name} {text} {base[:16]} {VERSION}"
