"""What lies in a run's folder, and whether it has an adapter; the only module that knows these files' names.

Knows no queue, no database, no model and no kind of run.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playground.files import write_text
from retrieval.document import Document

CONFIG, DOCUMENTS = "config.json", "documents.json"
EVENTS, LEASE, STOP, WORKER_LOG = "events.jsonl", "lease", "stop", "worker.log"
CHECKPOINT, ADAPTER = "checkpoint", "adapter"
BASE = "base"  # in a run's config, the name of its chat model; without it, or empty, the host's own
PART = "part"  # in the config of a part of a run, which is done beside others on a cluster
READING = "reading.json"  # what a run reads of its text
RECORD = "run.json"  # how an adapter came to be, beside its weights
RUN_FILES = (CONFIG, DOCUMENTS, EVENTS, CHECKPOINT, ADAPTER, READING, WORKER_LOG, LEASE, STOP)
ANSWERS, ORDERS = "answers.jsonl", "orders.jsonl"  # of an exam
HASHES = "hashes.json"  # of all that an exam's answers depend on
GROWING = (EVENTS, ANSWERS, ORDERS)  # are appended to and never changed
EXAM_FILES = (
    *(CONFIG, DOCUMENTS, HASHES, "questions.jsonl", ANSWERS, "report.html", "report.json", "answers.csv"),
    *("facts.json", ORDERS, "drill.json", EVENTS, LEASE, STOP, WORKER_LOG),
)
WEIGHTS = "*.safetensors"  # of an adapter, or of a whole model
ENDINGS = {"finished": "done", "stopped": "stopped", "failed": "failed"}  # a run's last event -> its state


def log_event(folder: Path, event: Mapping[str, Any]) -> None:
    """Append an event to the run's log."""
    with (folder / EVENTS).open("a", encoding="utf-8") as log:
        log.write(f"\n{json.dumps(event)}\n")  # the first break ends a line that a kill cut short


def read_events(folder: Path) -> list[dict[str, Any]]:
    """A run's events in order. A line cut short by a kill is skipped; repeated steps replace the earlier ones."""
    events: list[dict[str, Any]] = []
    reached = -1
    for line in (folder / EVENTS).read_text(encoding="utf-8", errors="replace").splitlines():
        event = _whole_event(line)
        if event is None:
            continue
        if event["event"] == "progress":
            if event["step"] <= reached:
                events = [each for each in events if each.get("step", -1) < event["step"]]
            reached = event["step"]
        events.append(event)
    return events


def has_stepped(folder: Path) -> bool:
    """Whether a run has done a step since it was started last."""
    names = [event["event"] for event in read_events(folder)]
    return "progress" in names[-(names[::-1].index("started") + 1) if "started" in names else 0 :]


def _whole_event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "event" in event else None


def asked_to_stop(folder: Path) -> bool:
    """True once a stop was requested or the lease has expired."""
    return (folder / STOP).exists() or time.time() >= float((folder / LEASE).read_text())


def time_to_end(folder: Path, grace: float) -> float:
    """When a worker must have ended, in Unix seconds: as the stop request says, or `grace` after its lease."""
    try:
        return float((folder / STOP).read_text())
    except FileNotFoundError:
        return float((folder / LEASE).read_text()) + grace


def holds_run(folder: Path) -> bool:
    """Whether a folder says how and on which text its run was trained; that of an imported adapter does not."""
    return (folder / CONFIG).is_file() and (folder / DOCUMENTS).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """A run's config; without a kind it is a training run's."""
    return {"kind": "train", **json.loads((folder / CONFIG).read_text(encoding="utf-8"))}


def read_base(folder: Path) -> str:
    """The name of a run's chat model; empty for the host's own."""
    return str(read_config(folder).get(BASE, ""))


def read_hashes(folder: Path) -> dict[str, str] | None:
    """What an exam's answers depended on when its first was asked for; None before."""
    file = folder / HASHES
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def write_hashes(folder: Path, hashes: Mapping[str, str]) -> None:
    """Write what `read_hashes` reads."""
    write_text(folder / HASHES, json.dumps(hashes))


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write a run's config, in place of an earlier one."""
    write_text(folder / CONFIG, json.dumps(config))


def read_reading(folder: Path) -> dict[str, Any]:
    """What a run reads of its text; empty where it has not begun, or was trained before this was recorded."""
    file = folder / READING
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def write_reading(folder: Path, reading: Mapping[str, Any]) -> None:
    """Write what a run reads of its text, in place of an earlier record."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / READING, json.dumps(reading))


def read_documents(folder: Path) -> list[Document]:
    """The documents in a folder, such as a run's, an exam's or an index's.

    Raises:
        OSError, ValueError, KeyError, TypeError: the file is missing or damaged.
    """
    stored = json.loads((folder / DOCUMENTS).read_text(encoding="utf-8"))
    return [Document.from_dict(each) for each in stored]


def write_documents(folder: Path, documents: Sequence[Document]) -> None:
    """Write the documents that `read_documents` reads, in place of earlier ones."""
    write_text(folder / DOCUMENTS, documents_text(documents))


def documents_text(documents: Sequence[Document]) -> str:
    """The content of the documents' file."""
    return json.dumps([each.to_dict() for each in documents])


def adapter_folder(folder: Path) -> Path:
    """Where a run's adapter lies once there is one; see `has_adapter`."""
    return folder / ADAPTER


def has_adapter(folder: Path) -> bool:
    """Whether a run has a complete adapter: weights, and the record of how they came to be.

    A run that is still training has its best adapter so far; it is replaced as a whole, so never incomplete.
    """
    adapter = adapter_folder(folder)
    return (adapter / RECORD).is_file() and adapter_weights(adapter) is not None


def adapter_weights(adapter: Path) -> Path | None:
    """The file with the weights in an adapter's own folder; None where there is none."""
    return next(iter(sorted(adapter.glob(WEIGHTS))), None)


def read_record(adapter: Path) -> dict[str, Any]:
    """How an adapter came to be, from its own folder; empty where it was made elsewhere."""
    record = adapter / RECORD
    return dict(json.loads(record.read_text(encoding="utf-8"))) if record.is_file() else {}


def write_record(adapter: Path, record: Mapping[str, Any]) -> None:
    """Write how an adapter came to be into its own folder, in place of an earlier record."""
    write_text(adapter / RECORD, json.dumps(record, indent=1))


def shared_folder(folder: Path) -> Path:
    """What all runs of one visitor may share, beside their folder."""
    return folder.parent.parent / "shared"
