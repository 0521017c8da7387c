"""Logs the losses of runs in a local trackio project, if the host wants it: no text, no visitor's name, no network."""

import logging
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.settings import Settings

PACKAGE, PROJECT, FOLDER = "trackio", "playground", "trackio"
# With one of these, each after TRACKIO_, in the environment, trackio would send its log away.
REMOTE_VARIABLES = ("SPACE_ID", "SERVER_URL", "DATASET_ID", "BUCKET_ID", "WEBHOOK_URL")
LOGGED = ("loss", "heldout_loss", "tokens_per_second")

logger = logging.getLogger(__name__)
Event = dict[str, Any]


def check(settings: Settings) -> None:
    """Refuse to start if runs are to be logged and the package is missing.

    Raises:
        UserError: the package is not installed.
    """
    if settings.trackio and find_spec(PACKAGE) is None:
        raise UserError(
            "PLAYGROUND_TRACKIO is on, but the package trackio is not installed: `pip install trackio`, or turn it off."
        )


def track(events: Iterator[Event], folder: Path, config: Mapping[str, Any], settings: Settings) -> Iterator[Event]:
    """Yield the events unchanged, and log the losses among them if the host wants it; `folder` is the run's."""
    if not settings.trackio:
        yield from events
        return
    run = _TrackioRun(folder.name, config, settings.data / FOLDER)
    try:
        for event in events:
            run.log(event)
            yield event
    finally:
        run.finish()


class _TrackioRun:
    """One run in the project. Any fault of trackio's is logged for the host and ends the tracking, never the run."""

    def __init__(self, name: str, config: Mapping[str, Any], data: Path) -> None:
        os.environ["TRACKIO_DIR"] = str(data)
        for each in REMOTE_VARIABLES:
            os.environ.pop(f"TRACKIO_{each}", None)
        self._trackio: Any = None
        try:
            trackio = import_module(PACKAGE)
            more = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
            trackio.init(project=PROJECT, name=name, config=dict(config), resume="allow", **more)
            self._trackio = trackio
        except Exception:
            logger.exception("trackio did not start; this run is not tracked")

    def log(self, event: Event) -> None:
        """Log what a step measured."""
        found = {key: event[key] for key in LOGGED if event.get(key) is not None}
        if self._trackio and event["event"] == "progress" and found:
            self._try(lambda: self._trackio.log(found, step=event["step"]))

    def finish(self) -> None:
        """Wait until everything is written."""
        if self._trackio:
            self._try(self._trackio.finish)

    def _try(self, act: Any) -> None:
        try:
            act()
        except Exception:
            logger.exception("trackio failed; the rest of this run is not tracked")
            self._trackio = None
