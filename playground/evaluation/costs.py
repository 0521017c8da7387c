"""What each way costs: time to make it ready, time an answer, and from when on which one is the cheaper."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playground.evaluation.arms import Material
from playground.storage.run_folder import read_record
from retrieval.index import Encoder

SAMPLE = 16  # passages that are embedded to see how long an index takes
DAYS = 30  # of a month
EDITS = (0, 1, 2, 5, 10, 20, 50, 100, 200)  # a month, of the plot


@dataclass(frozen=True)
class Costs:
    """Seconds of making each way ready for a text, as measured; None where that way is not there or not known."""

    training: float | None
    indexing: float | None


@dataclass(frozen=True)
class BreakEven:
    """Where two ways cost the same: per edit count a month, the questions a day from which on tuning is the cheaper.

    `saved` is what a tuned answer saves, in seconds; at or below 0 retrieval is the cheaper at any number.
    """

    saved: float
    extra: float
    points: tuple[tuple[int, float], ...]

    def questions_per_day(self, edits: float) -> float:
        """Questions a day from which on fine-tuning costs less; infinite where it never does."""
        return questions_per_day(self.saved, self.extra, edits)


def measure_costs(material: Material, adapter: Path | None) -> Costs:
    """What the run's record says of training, and what embedding a sample says of indexing."""
    indexing = None
    if material.index is not None and material.embedder is not None:
        indexing = _indexing([each.text for each in material.passages], material.embedder)
    return Costs(_training(adapter), indexing)


def break_even(costs: Costs, tuned_seconds: float, rag_seconds: float) -> BreakEven | None:
    """Fine-tuning against retrieval from what was measured; None where a figure is missing.

    Every edit of the text means one more training, or one more indexing of all of it.
    """
    if costs.training is None or costs.indexing is None or math.isnan(tuned_seconds) or math.isnan(rag_seconds):
        return None
    saved, extra = rag_seconds - tuned_seconds, costs.training - costs.indexing
    points = tuple((edits, questions_per_day(saved, extra, edits)) for edits in EDITS)
    return BreakEven(saved, extra, points)


def questions_per_day(saved: float, extra: float, edits: float) -> float:
    """Questions a day at which `edits` trainings a month, each `extra` seconds longer, are made good by answers."""
    if extra <= 0 and saved >= 0:
        return 0.0
    if saved <= 0:
        return math.inf
    return max(0.0, edits * extra / (DAYS * saved))


def _training(adapter: Path | None) -> float | None:
    record = read_record(adapter) if adapter else {}
    seconds = record.get("figures", {}).get("seconds")
    return float(seconds) if isinstance(seconds, (int, float)) else None


def _indexing(texts: Sequence[str], embedder: Encoder) -> float:
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]
    embedder.encode(["warm"])
    began = time.perf_counter()
    embedder.encode(sample)
    return (time.perf_counter() - began) * len(texts) / len(sample)
