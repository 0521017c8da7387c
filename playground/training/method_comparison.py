"""Several methods on one text, equally long: their plan, and what came out side by side; knows no page and no queue."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from playground.storage.records import RunRow
from playground.storage.run_folder import adapter_folder, adapter_weights
from playground.training.config import RunConfig

AXES = ("seconds", "peak_bytes", "file_bytes", "trainable")  # what a method's loss is bought with


@dataclass(frozen=True)
class MethodResult:
    """What one method came to. Figures are None until they are known; losses in nats a token."""

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
    """The same plans with as many steps as the one that has fewest, so that all read the same examples."""
    steps = min(plan.settings.steps for plan in plans)
    return [replace(plan, settings=replace(plan.settings, steps=steps)) for plan in plans]


def collect_results(runs: Sequence[RunRow]) -> list[MethodResult]:
    """A row a run, in their order."""
    return [_result(run) for run in runs]


def pareto_front(found: Sequence[MethodResult], axis: str) -> set[str]:
    """The runs that no other beats: none has both a lower loss and a lower figure on this axis (Pareto's front)."""
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
