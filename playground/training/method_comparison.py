"""Comparison of methods on one text, trained for the same number of steps; knows no page and no queue."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from playground.storage.records import RunRow
from playground.storage.run_folder import adapter_folder, adapter_weights
from playground.training.config import RunConfig

AXES = ("seconds", "peak_bytes", "file_bytes", "trainable")  # the costs that a method's loss is set against


@dataclass(frozen=True)
class MethodResult:
    """The result of one method. Figures are None until they are known; losses in nats per token."""

    run: str
    method: str
    state: str
    heldout_before: float | None
    heldout_after: float | None
    seconds: float | None
    peak_bytes: int | None
    file_bytes: int | None
    trainable: int | None


def equalize_steps(plans: Sequence[RunConfig]) -> list[RunConfig]:
    """The plans with as many steps as the shortest of them, so that all read the same examples."""
    steps = min(plan.settings.steps for plan in plans)
    return [replace(plan, settings=replace(plan.settings, steps=steps)) for plan in plans]


def collect_results(runs: Sequence[RunRow]) -> list[MethodResult]:
    """One result per run, in their order."""
    return [_result(run) for run in runs]


def pareto_front(found: Sequence[MethodResult], axis: str) -> set[str]:
    """The Pareto front: runs for which no other has both a lower loss and a lower cost on this axis."""
    known = [(each, vars(each)[axis]) for each in found if each.heldout_after is not None]
    points = {each.run: (_loss(each), figure) for each, figure in known if figure is not None}
    return {
        run
        for run, point in points.items()
        if not any(other != point and other[0] <= point[0] and other[1] <= point[1] for other in points.values())
    }


def _loss(result: MethodResult) -> float:
    return math.inf if result.heldout_after is None else result.heldout_after


def _result(run: RunRow) -> MethodResult:
    file = adapter_weights(adapter_folder(run.folder))
    figures = run.figures
    return MethodResult(
        run=run.id,
        method=run.method,
        state=run.state,
        heldout_before=figures.get("heldout_before"),
        heldout_after=figures.get("heldout_after"),
        seconds=figures.get("seconds"),
        peak_bytes=figures.get("peak_bytes"),
        file_bytes=file.stat().st_size if file and figures else None,
        trainable=figures.get("trainable"),
    )
