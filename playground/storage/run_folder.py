"""What lies in a run's folder: config, documents, event log, lease, stop flag. Knows no queue, no model and no kind."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG, DOCUMENTS, EVENTS, LEASE, STOP = "config.json", "documents.json", "events.jsonl", "lease", "stop"
CHECKPOINT, ADAPTER, RECORD = "checkpoint", "adapter", "run.json"  # the record lies beside the adapter
ENDINGS = {"finished": "done", "stopped": "stopped", "failed": "failed"}  # a run's last event -> its state


def log_event(folder: Path, event: Mapping[str, Any]) -> None:
    """Append an event to the run's log."""
    with (folder / EVENTS).open("a", encoding="utf-8") as log:
        log.write(f"\n{json.dumps(event)}\n")  # the first break ends a line that a kill cut short


def read_events(folder: Path) -> list[dict[str, Any]]:
    """A run's events in order. A line cut by a kill is passed over; steps done again replace the earlier ones."""
    events: list[dict[str, Any]] = []
    reached = -1
    for line in (folder / EVENTS).read_text(encoding="utf-8").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["event"] == "progress":
            if event["step"] <= reached:
                events = [each for each in events if each.get("step", -1) < event["step"]]
            reached = event["step"]
        events.append(event)
    return events


def asked_to_stop(folder: Path) -> bool:
    """True once a stop was asked or the lease is over."""
    return (folder / STOP).exists() or time.time() >= float((folder / LEASE).read_text())


def time_to_end(folder: Path, grace: float) -> float:
    """When a worker must have ended, in unix seconds: as the stop asked for, or `grace` after its lease."""
    try:
        return float((folder / STOP).read_text())
    except FileNotFoundError:
        return float((folder / LEASE).read_text()) + grace


def read_config(folder: Path) -> dict[str, Any]:
    """A run's config; a folder that says no kind is a training run's."""
    return {"kind": "train", **json.loads((folder / CONFIG).read_text(encoding="utf-8"))}


def read_record(folder: Path) -> dict[str, Any]:
    """What is recorded beside a run's adapter; empty where there is none yet."""
    record = folder / ADAPTER / RECORD
    found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    return found


def shared_folder(folder: Path) -> Path:
    """What all runs of one visitor may share, beside their folder."""
    return folder.parent.parent / "shared"
