"""Costs of fine-tuning and retrieval: time to prepare, time per answer, and where they break even."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playground.evaluation.arms import Material
from playground.storage.run_folder import read_record
from retrieval.index import Encoder

SAMPLE = 16  # passages embedded to time the index
DAYS = 30  # per month
EDITS = (0, 1, 2, 5, 10, 20, 50, 100, 200)  # per month, of the plot


@dataclass(frozen=True)
class Costs:
    """Measured seconds to prepare each approach for a text; None where it is absent or unknown."""

    training: float | None
    indexing: float | None


@dataclass(frozen=True)
class BreakEven:
    """Where both approaches cost the same.

    `saved` is the seconds that a fine-tuned answer saves; at or below 0 retrieval costs less at any number. `extra` is
    the seconds that training takes longer than indexing. `points` pairs edits per month with the questions per day
    from which fine-tuning costs less.
    """

    saved: float
    extra: float
    points: tuple[tuple[int, float], ...]

    def questions_per_day(self, edits: float) -> float:
        """Questions per day from which fine-tuning costs less; infinite where it never does."""
        return questions_per_day(self.saved, self.extra, edits)


def measure_costs(material: Material, adapter: Path | None) -> Costs:
    """Training time from the run's record, and indexing time extrapolated from embedding a sample."""
    indexing = None
    if material.index is not None and material.embedder is not None:
        indexing = _indexing_seconds([each.text for each in material.passages], material.embedder)
    return Costs(_training_seconds(adapter), indexing)


def break_even(costs: Costs, tuned_seconds: float, rag_seconds: float) -> BreakEven | None:
    """Where fine-tuning and retrieval break even; None where a figure is missing.

    Each edit of the text means training again, or indexing all of it again.
    """
    if costs.training is None or costs.indexing is None or math.isnan(tuned_seconds) or math.isnan(rag_seconds):
        return None
    saved, extra = rag_seconds - tuned_seconds, costs.training - costs.indexing
    points = tuple((edits, questions_per_day(saved, extra, edits)) for edits in EDITS)
    return BreakEven(saved, extra, points)


def questions_per_day(saved: float, extra: float, edits: float) -> float:
    """Questions per day whose saved seconds pay for `edits` trainings per month, each `extra` seconds longer."""
    if extra <= 0 and saved >= 0:
        return 0.0
    if saved <= 0:
        return math.inf
    return max(0.0, edits * extra / (DAYS * saved))


def _training_seconds(adapter: Path | None) -> float | None:
    record = read_record(adapter) if adapter else {}
    seconds = record.get("figures", {}).get("seconds")
    return float(seconds) if isinstance(seconds, (int, float)) else None


def _indexing_seconds(texts: Sequence[str], embedder: Encoder) -> float:
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]
    embedder.encode(["warm"])
    start = time.perf_counter()
    embedder.encode(sample)
    return (time.perf_counter() - start) * len(texts) / len(sample)
