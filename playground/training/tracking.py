"""Runs' losses in a local trackio project, where the host asks for it; no text, no name of a visitor's, no network."""

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
ELSEWHERE = ("SPACE_ID", "SERVER_URL", "DATASET_ID", "BUCKET_ID", "WEBHOOK_URL")  # by which it would send what it logs
LOGGED = ("loss", "heldout_loss", "tokens_per_second")

logger = logging.getLogger(__name__)
Event = dict[str, Any]


def check(settings: Settings) -> None:
    """Refuse to start where runs shall be logged and cannot be.

    Raises:
        UserError: the package is not installed.
    """
    if settings.trackio and find_spec(PACKAGE) is None:
        raise UserError(
            "PLAYGROUND_TRACKIO is on, but the package trackio is not installed: `pip install trackio`, or turn it off."
        )


def track(events: Iterator[Event], folder: Path, config: Mapping[str, Any], settings: Settings) -> Iterator[Event]:
    """The same events; the losses of the run in `folder` are logged as they pass, if the host wants it."""
    if not settings.trackio:
        yield from events
        return
    log = _Log(folder.name, config, settings.data / FOLDER)
    try:
        for event in events:
            log.add(event)
            yield event
    finally:
        log.close()


class _Log:
    """One run in the project. What goes wrong here is told to the host and ends the logging, never the run."""

    def __init__(self, name: str, config: Mapping[str, Any], data: Path) -> None:
        os.environ["TRACKIO_DIR"] = str(data)
        for each in ELSEWHERE:
            os.environ.pop(f"TRACKIO_{each}", None)
        self._trackio: Any = None
        try:
            trackio = import_module(PACKAGE)
            more = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
            trackio.init(project=PROJECT, name=name, config=dict(config), resume="allow", **more)
            self._trackio = trackio
        except Exception:
            logger.exception("trackio does not begin")

    def add(self, event: Event) -> None:
        """What a step measured."""
        found = {key: event[key] for key in LOGGED if event.get(key) is not None}
        if self._trackio and event["event"] == "progress" and found:
            self._try(lambda: self._trackio.log(found, step=event["step"]))

    def close(self) -> None:
        """Wait until all is written."""
        if self._trackio:
            self._try(self._trackio.finish)

    def _try(self, act: Any) -> None:
        try:
            act()
        except Exception:
            logger.exception("trackio stops")
            self._trackio = None
