"""Experiments that need more than one run: a comparison of methods, a sweep over settings, a repeated run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import adapters
from playground.errors import UserError
from playground.jobs.queue import Job, JobQueue, training_job
from playground.services.chat_models import ChatModels
from playground.services.runs import Runs
from playground.services.training_text import TrainingText
from playground.storage.records import RunRow
from playground.storage.run_folder import holds_run, read_config, read_documents
from playground.storage.store import ACTIVE, Store
from playground.training import lr_sweep, method_comparison
from playground.training.config import RunConfig
from playground.training.estimate import START_SECONDS
from playground.training.throughput import time_again

SWEEP = "sweep"
LOADS = sum(lr_sweep.ARMS_PER_RUNG)  # an arm loads the model again at each rung


class Experiments:
    """What a visitor may start beside a single run. Every method refuses what is another's."""

    def __init__(
        self, store: Store, jobs: JobQueue, runs: Runs, training_text: TrainingText, chats: ChatModels
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._runs = runs
        self._training_text = training_text
        self._chats = chats

    def plan_bake_off(
        self, visitor: str, methods: Sequence[str], preset: str, run_values: Mapping[str, object]
    ) -> list[tuple[RunConfig, float]]:
        """Each method at its defaults, all with equal steps, tokens, seed and text, with its expected seconds.

        Raises:
            UserError, MethodError: fewer than two methods, no text, or more than the host allows.
        """
        if len(methods) < 2:
            raise UserError("Choose at least two methods to compare.")
        plans = [self._runs.plan(visitor, method, preset, {}, run_values)[0] for method in methods]
        leveled = [(plan.method, asdict(plan.settings)) for plan in method_comparison.equalize_steps(plans)]
        planned = [self._runs.plan(visitor, method, preset, {}, settings) for method, settings in leveled]
        return [(config, cost.seconds) for config, cost in planned]

    def start_bake_off(
        self, visitor: str, methods: Sequence[str], preset: str, run_values: Mapping[str, object], kept: bool
    ) -> list[str]:
        """Queue a run per method; returns the runs' ids, or those of what is active already."""
        time_again()
        planned = self.plan_bake_off(visitor, methods, preset, run_values)
        documents, base = self._training_text.documents(visitor), self._chats.name(visitor)
        jobs = [
            training_job(config, documents, adapters.get(config.method).label, seconds, kept, base)
            for config, seconds in planned
        ]
        return self._jobs.add(visitor, jobs)

    def last_bake_off(self, visitor: str) -> list[RunRow]:
        """The runs that were queued together last; none where there never were any."""
        runs = self._store.runs.all(visitor)
        bundles = [run.bundle for run in runs if run.bundle]
        return [run for run in runs if run.bundle == bundles[-1]] if bundles else []

    def start_sweep(
        self,
        visitor: str,
        method: str,
        preset: str,
        values: Mapping[str, object],
        run_values: Mapping[str, object],
        kept: bool,
    ) -> str:
        """Queue a sweep around a setting, in place of earlier ones; returns its id, or that of the active one."""
        config, cost = self._runs.plan_now(visitor, method, preset, values, run_values)
        tokens = config.settings.steps * config.settings.batch_tokens
        read = sum(arm.settings.batch_tokens * steps for arm, steps in _steps(config))
        read += lr_sweep.FINDER_STEPS * config.settings.batch_tokens
        seconds = START_SECONDS * (1 + LOADS) + (cost.seconds - START_SECONDS) * read / tokens
        job = training_job(config, self._training_text.documents(visitor), "", seconds, kept)
        label = adapters.get(method).label
        base = self._chats.name(visitor)
        run = self._jobs.add(visitor, [Job(SWEEP, job.config, job.files, method, label, seconds, kept, base)])[0]
        for each in self._store.runs.all(visitor, SWEEP):
            if each.id != run and each.state not in ACTIVE:
                self._jobs.delete(visitor, each.id)
        return run

    def last_sweep(self, visitor: str) -> RunRow | None:
        """The sweep that was queued last."""
        return max(self._store.runs.all(visitor, SWEEP), key=lambda run: run.queued, default=None)

    def rerun(self, visitor: str, run: str, kept: bool) -> str:
        """Queue a run with the settings and the text of an earlier one; returns its id."""
        row = self._store.runs.get(visitor, run)
        if not holds_run(row.folder):
            raise UserError(f"The run {row.name!r} was trained elsewhere, so its text is not here. Train a new run.")
        config = RunConfig.from_dict(read_config(row.folder))
        return self._jobs.submit(visitor, config, read_documents(row.folder), row.name, row.expected, kept, row.base)


def _steps(config: RunConfig) -> list[tuple[RunConfig, float]]:
    """For each arm of a sweep's grid, how many of its steps are made on average."""
    arms = lr_sweep.build_grid(config, config.options.learning_rate)
    return [(arm, lr_sweep.rung_steps(arms) / len(arms)) for arm in arms]
