"""The best adapter so far in a run's folder, whole at any moment, with the record of its provenance."""

import resource
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import torch
import transformers

from playground import files
from playground.data.reading import Reading
from playground.storage.run_folder import ADAPTER, adapter_folder, read_record, write_record
from playground.training.config import RunConfig
from playground.training.state import RunState


@dataclass(frozen=True)
class Finished:
    """How a run ended: done, early (no longer improving), time (max_seconds reached) or stopped (asked to).

    The adapter is that of `best_step`, whose test was the best (`RunState.record_heldout`): held-out loss
    `heldout_after`, score of the answers `answers`, None where none were asked for. Before the first test it is that of
    the last step, and `heldout_after` is None.
    """

    adapter: Path
    reason: str
    step: int
    steps: int
    best_step: int
    heldout_before: float
    heldout_after: float | None
    trainable: int
    tokens: int
    seconds: float
    peak_bytes: int
    answers: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The event as the log and the command line write it."""
        return {"event": "finished", **self.__dict__, "adapter": str(self.adapter)}


class BestAdapter:
    """The adapter in a run's folder and its record: base model, hash of the training text, and how it was trained."""

    def __init__(
        self, config: RunConfig, base: Mapping[str, str], data_hash: str, folder: Path, reading: Reading, products: str
    ) -> None:
        """`products` are the numbers that frozen weights are multiplied in, see `product_form`."""
        self.folder = folder
        self._steps = config.settings.steps
        versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
        self._provenance = {
            **config.to_dict(),
            "base": base,
            "data_hash": data_hash,
            "reading": reading.counts(),
            "products": products,
            "versions": versions,
        }

    def save(self, run: RunState, reason: str = "running") -> Finished:
        """Replace the saved adapter by the current one; at any moment one of them is there, whole."""
        draft = self.folder / f".{ADAPTER}-draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        run.method.save(run.model, draft)
        end = self._summarize(run, reason)
        write_record(draft, self._record(end))
        for path in [*draft.iterdir(), draft]:
            files.sync(path)
        files.swap_in(draft, adapter_folder(self.folder))
        return end

    def finish(self, run: RunState, reason: str) -> Finished:
        """Write how the run ended into the record, and the adapter where none was saved yet."""
        if run.best_step == 0:
            return self.save(run, reason)
        end = self._summarize(run, reason)
        write_record(adapter_folder(self.folder), self._record(end))
        return end

    def restore_after_crash(self, run: RunState) -> None:
        """Write the best adapter if the process was killed between its checkpoint and its file."""
        files.recover(adapter_folder(self.folder))
        if run.best_step and run.best_step == run.step != self._saved_step():
            self.save(run)

    def _saved_step(self) -> int:
        record = read_record(adapter_folder(self.folder))
        return record["figures"]["best_step"] if record else 0

    def _record(self, end: Finished) -> dict[str, Any]:
        figures = {key: value for key, value in end.to_dict().items() if key not in ("event", "adapter")}
        return {**self._provenance, "figures": figures}

    def _summarize(self, run: RunState, reason: str) -> Finished:
        return Finished(
            adapter=adapter_folder(self.folder),
            reason=reason,
            step=run.step,
            steps=self._steps,
            best_step=run.best_step,
            heldout_before=run.heldout_before,
            heldout_after=run.best_loss if run.best_step else None,
            trainable=sum(p.numel() for p in run.model.parameters() if p.requires_grad),
            tokens=run.tokens,
            seconds=run.seconds,
            peak_bytes=peak_bytes(),
            answers=run.best_answers,
        )


def peak_bytes() -> int:
    """This process's largest resident size so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
