"""A visitor's training runs: planning, starting, importing, exporting and deleting them."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from transformers import PretrainedConfig

from playground.device import choose
from playground.errors import UserError
from playground.evaluation.answer_warnings import mostly_short
from playground.export import export, import_adapter
from playground.jobs.queue import JobQueue
from playground.machine_memory import available_memory, total_memory
from playground.services.chat_models import ChatModels
from playground.services.prepared import Prepared
from playground.services.served_adapters import ServedAdapters
from playground.services.training_text import TrainingText
from playground.settings import Settings
from playground.storage.run_folder import DOCUMENTS, EVENTS, adapter_folder, has_adapter, read_config, read_documents
from playground.storage.store import RunRow, Store, clean_name
from playground.training import config as training_config
from playground.training import estimate, throughput
from playground.training.config import PRESETS, RunConfig
from playground.training.estimate import Estimate
from playground.training.memory_advice import describe_shortage

WHOLE_MODEL_COPIES = 3  # that merging writes and holds at its peak
FLOAT32_BYTES = 4


class Runs:
    """Runs of all visitors. Every method takes the visitor's id and refuses what is another's.

    A run belongs to the chat model that its visitor had chosen.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        jobs: JobQueue,
        training_text: TrainingText,
        adapters: ServedAdapters,
        chats: ChatModels,
        prepared: Prepared,
    ) -> None:
        self._settings = settings
        self._store = store
        self._jobs = jobs
        self._training_text = training_text
        self._adapters = adapters
        self._chats = chats
        self._prepared = prepared

    def get(self, visitor: str, run: str) -> RunRow:
        """One run. Raises UserError where it is neither this visitor's nor one that the host prepared."""
        return self._store.runs.usable(visitor, run)

    def all(self, visitor: str) -> list[RunRow]:
        """This visitor's training runs, oldest first."""
        return self._store.runs.all(visitor)

    def latest(self, visitor: str) -> RunRow | None:
        """The visitor's run that was queued last; to resume one queues it again."""
        return max(self.all(visitor), key=lambda run: run.queued, default=None)

    def listed(self, visitor: str) -> list[RunRow]:
        """Those of them, with the prepared ones of their text, which are the latest where they trained none on it."""
        return [*self.all(visitor), *self._prepared.runs(visitor)]

    def with_adapter(self, visitor: str) -> list[RunRow]:
        """Those that are listed and have an adapter to answer with."""
        return runs_with_adapter(self.listed(visitor))

    def plan(
        self, visitor: str, method: str, preset: str, values: Mapping[str, object], run_values: Mapping[str, object]
    ) -> tuple[RunConfig, Estimate]:
        """The run that a visitor asks for, inside this host's limits, and what it will take.

        Raises:
            UserError, MethodError: nothing to train on, a value out of range, or more than the host allows.
        """
        load = self._training_text.workload(visitor, training_config.preset_settings(PRESETS[preset], run_values))
        model = self._chats.of(visitor).model
        speed = throughput.training_speed(model, choose())
        allowed = replace(PRESETS[preset], seconds=min(PRESETS[preset].seconds, self._settings.max_seconds))
        planned = estimate.plan_run(method, allowed, values, run_values, load, model.config, speed)
        config = self._within_limits(planned, "steps" in training_config.given_values(run_values))
        cost = estimate.estimate_run(config, load, model.config, speed)
        free = shutil.disk_usage(self._settings.data).free
        estimate.check_capacity(cost, total_memory(), free)
        return config, cost

    def plan_now(
        self, visitor: str, method: str, preset: str, values: Mapping[str, object], run_values: Mapping[str, object]
    ) -> tuple[RunConfig, Estimate]:
        """`plan` for a run that starts now, by the machine's speed at this moment."""
        throughput.time_again()
        return self.plan(visitor, method, preset, values, run_values)

    def start(self, visitor: str, config: RunConfig, name: str, expected: float = 0.0, kept: bool = False) -> str:
        """Queue a run on this visitor's text as it is now, without what is left out; returns the run's id.

        `expected` is the estimate in seconds; a `kept` run goes on when its page is closed.
        """
        documents, base = self._training_text.documents(visitor), self._chats.name(visitor)
        return self._jobs.submit(visitor, config, documents, name, expected, kept, base)

    def import_adapter(self, visitor: str, files: Sequence[tuple[str, Path]], name: str) -> str:
        """Keep an adapter that a visitor brings, given as names and paths of its files or a zip; returns the run's id.

        Raises:
            UserError, MethodError: too many runs, or nothing that can be read and fits the chosen chat model.
        """
        kept = len(self.all(visitor))
        if kept >= self._settings.visitor_runs:
            raise UserError(
                f"You keep {kept} runs, the most allowed. Delete one you no longer need, then bring this one."
            )
        brought = import_adapter.read_adapter(files, self._settings.adapter_bytes, self._settings.max_rank)

        def fill(folder: Path) -> None:
            import_adapter.write_adapter(brought, adapter_folder(folder), self._chats.get(base))
            (folder / EVENTS).write_text("")

        base = self._chats.name(visitor)
        return self._store.runs.add_imported(visitor, "train", name, brought.method, brought.figures, fill, base).id

    def export(self, visitor: str, run: str, form: str, out: Path) -> None:
        """Fill a folder with what one of this visitor's runs learnt, in one of the forms of `export`.

        Raises:
            UserError, MethodError: no adapter, no such form of it, or no room.
        """
        row = self.get(visitor, run)
        if not has_adapter(row.folder):
            raise UserError(f"The run {row.name!r} has left no adapter yet. Let it make a step first, then export it.")
        parameters = self._chats.get(row.base).model.num_parameters() if form in export.WHOLE else 0
        needed = WHOLE_MODEL_COPIES * FLOAT32_BYTES * parameters
        if shutil.disk_usage(self._settings.data).free < needed:
            raise UserError(f"The disk has no room for a whole model ({needed / 1e9:.1f} GB). Take the adapter alone.")
        export.write_export(form, adapter_folder(row.folder), out, self._settings, row.name, row.base)

    def zip_export(self, visitor: str, run: str, form: str, folder: Path) -> Path:
        """The same as a zip in a folder, named after the run; raises as `export` does."""
        archive = folder / f"{_file_name(self.get(visitor, run).name)}-{form}.zip"
        with self._store.scratch_folder() as content:
            self.export(visitor, run, form, content)
            export.zip_folder(content, archive)
        return archive

    def learnt_short_answers(self, visitor: str, run: str) -> bool:
        """Whether a run learnt nothing but pairs, most of them with short answers."""
        return _has_short_pairs(self.get(visitor, run).folder)

    def rename(self, visitor: str, run: str, name: str) -> None:
        """Give a run another name; a blank one is its method's."""
        self._check_own(visitor, run)
        self._store.runs.update(visitor, run, name=name)

    def delete(self, visitor: str, run: str) -> None:
        """Delete a run and its adapter, in memory too; a waiting run leaves the queue, one at work is refused."""
        self._check_own(visitor, run)
        self._jobs.delete(visitor, run)
        self._adapters.drop(visitor, run)

    def _within_limits(self, config: RunConfig, steps_given: bool) -> RunConfig:
        """The run with the host's time limit and, unless the visitor gave their number, no more steps than allowed.

        Raises:
            UserError: naming every limit that the visitor's own values exceed.
        """
        most, steps = self._settings, config.settings.steps
        steps = steps if steps_given else min(steps, most.max_steps)
        limited = replace(config.settings, steps=steps, max_seconds=float(most.max_seconds))
        config = replace(config, settings=limited)
        training_config.check_limits(config, most)
        return config

    def _check_own(self, visitor: str, run: str) -> None:
        row = self.get(visitor, run)
        if row.prepared and row.visitor != visitor:
            raise UserError(
                f"{row.name!r} was prepared by this host for all visitors, so it cannot be renamed or deleted. Train "
                "your own: it takes this one's place."
            )


def runs_with_adapter(runs: Sequence[RunRow]) -> list[RunRow]:
    """Those with a complete adapter on disk; a run that is still training has its best so far."""
    return [run for run in runs if has_adapter(run.folder)]


def _file_name(name: str) -> str:
    """The letters, digits and dashes of a run's name, for a file on the visitor's machine."""
    printable = clean_name(name, "adapter")
    return "-".join("".join(letter if letter.isalnum() else " " for letter in printable).split()) or "adapter"


@lru_cache(maxsize=256)
def _has_short_pairs(folder: Path) -> bool:
    """Read once per run, whose text never changes; an imported adapter has none."""
    documents = read_documents(folder) if (folder / DOCUMENTS).exists() else []
    if not all(document.pairs for document in documents):
        return False
    return mostly_short([pair.answer for document in documents for pair in document.pairs])


def memory_advice(row: RunRow, model: PretrainedConfig) -> str:
    """For a training run that lacked memory, now that its worker is gone: what would have fitted."""
    if row.kind != "train":
        return ""
    config = RunConfig.from_dict(read_config(row.folder))
    return describe_shortage(config, model, available_memory())
