"""The parts of a sweep: the range test, then every arm up to a rung. Loads no model."""

from pathlib import Path
from typing import Any

from playground.jobs.parts import PARTS, close_folders, open_folder
from playground.jobs.tasks import sweep
from playground.storage.run_folder import (
    BASE,
    CHECKPOINT,
    DOCUMENTS,
    PART,
    log_event,
    read_base,
    read_config,
    read_events,
    write_config,
)
from playground.training import lr_sweep
from playground.training.config import RunConfig

RANGE_TEST = "range"


class SweepParts:
    """See `Parts`. An arm's folder is the one in which a sweep in one piece trains it, so either goes on from there."""

    rest_is_small = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = RunConfig.from_dict(read_config(folder))
        self._progress = sweep.SweepProgress(self._config)
        self._range_joined = 0
        self._steps: dict[int, int] = {}  # of every arm
        self._arm: int | None = None  # the one that was heard of last
        self._reached = max((each["step"] for each in self._logged() if "arm" in each and "step" in each), default=0)

    def open(self) -> list[Path]:
        """The range test alone, then the arms of a rung."""
        logged = self._logged()
        rate = sweep.suggested_rate(logged)
        if rate is None:
            self._range_joined = 0
            close_folders(self._folder)  # the test starts again
            return [self._write_part(self._folder / PARTS / RANGE_TEST, self._config, None)]
        arms, losses = lr_sweep.build_grid(self._config, rate), sweep.judged_losses(logged)
        for arm, rung in losses:
            self._steps[arm] = max(self._steps.get(arm, 0), arms[arm].settings.steps // rung)
        return [
            self._write_part(lr_sweep.arm_folder(self._folder / CHECKPOINT, arm), arms[arm], (arm, rung))
            for arm, rung in lr_sweep.open_trials(losses)
        ]

    def join(self, part: Path) -> None:
        """Log what the range test tells, and every loss."""
        told = read_events(part)
        if part.name == RANGE_TEST:
            new = [event for event in told if event["event"] in ("progress", "suggested")][self._range_joined :]
            self._range_joined += len(new)
        else:
            known = sweep.judged_losses(self._logged())
            new = [each for each in told if each["event"] == "judged" and (each["arm"], each["rung"]) not in known]
        for event in new:
            log_event(self._folder, event)
        if steps := [
            (event["step"], event["arm"]) for event in told if event["event"] == "progress" and "arm" in event
        ]:
            step, self._arm = max(steps)
            self._steps[self._arm] = max(step, self._steps.get(self._arm, 0))

    def is_done(self, part: Path) -> bool:
        """Whether the rate is suggested, or the arm has its loss at the rung."""
        logged, asked = self._logged(), read_config(part)[PART]
        return (
            sweep.suggested_rate(logged) is not None if asked is None else tuple(asked) in sweep.judged_losses(logged)
        )

    def progress(self) -> dict[str, Any] | None:
        """The steps of all arms together; None in the range test, whose own events are the progress."""
        if self._arm is None:
            return None
        done = lr_sweep.FINDER_STEPS + sum(self._steps.values())
        return self._progress.event(max(done, self._reached), arm=self._arm)

    def _logged(self) -> list[dict[str, Any]]:
        return read_events(self._folder)

    def _write_part(self, part: Path, config: RunConfig, trial: tuple[int, int] | None) -> Path:
        open_folder(self._folder, part)
        (part / DOCUMENTS).write_bytes((self._folder / DOCUMENTS).read_bytes())
        known = {BASE: read_base(self._folder), "kind": "sweep_part", PART: trial}
        write_config(part, {**known, **config.to_dict()})
        return part
