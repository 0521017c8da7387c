"""How far a visitor's work is, as JSON for programs: a text and its index, a training run, an exam and its verdict."""

from collections.abc import Mapping
from typing import Any

from playground.evaluation.arm_models import ONE_MODEL, ModelNames
from playground.evaluation.statements import Statement, render_statement
from playground.jobs.queue import Snapshot
from playground.services.chat_changes import ChatChange, ChatChanges
from playground.services.search_indexes import SearchIndexes
from playground.services.summary import Summary
from playground.storage.run_folder import has_adapter


def text_record(read: Summary) -> dict[str, Any]:
    """What was read from one document."""
    return {
        "id": read.id,
        "name": read.name,
        "characters": read.chars,
        "pages": read.pages,
        "headings": read.headings,
        "pairs": read.pairs,
        "language": read.language,
    }


def index_record(indexes: SearchIndexes, visitor: str) -> dict[str, Any]:
    """The search index of a visitor's text: `ready`, `building` (passages done of all), or `missing`."""
    building, index = indexes.building(visitor), indexes.ready(visitor)
    if index:
        return {"state": "ready", "passages": len(index.passages)}
    if building:
        return {"state": "building", "done": building.done, "total": building.total}
    return {"state": "missing"}


def model_record(name: str, change: ChatChange | None, changes: ChatChanges) -> dict[str, Any]:
    """The chat model in use, the one that is being made ready, if any, and why one could not be."""
    done, total = changes.fetched(change.name) if change else (0, 0)
    coming = change.name if change and change.under_way else None
    error = change.error if change else ""
    return {"model": name, "coming": coming, "error": error, "fetched_bytes": done, "bytes": total}


def run_record(run: Snapshot) -> dict[str, Any]:
    """Where a training run stands; its losses are the last that were measured."""
    losses = [event["loss"] for event in run.events if event.get("loss") is not None]
    heldout = [event["heldout_loss"] for event in run.events if event.get("heldout_loss") is not None]
    return {
        "run": run.id,
        **_job_record(run),
        "method": run.method,
        "loss": losses[-1] if losses else None,
        "heldout_loss": heldout[-1] if heldout else None,
        "has_adapter": has_adapter(run.folder),
    }


def exam_record(exam: Snapshot, outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    """Where an exam stands; a finished one has its verdict in sentences and the figures of every arm."""
    done = outcome or {}
    said = [Statement(each["topic"], each["key"], each["values"]) for each in done.get("verdict", [])]
    models: ModelNames = done.get("models", ONE_MODEL)
    return {
        "exam": exam.id,
        **_job_record(exam),
        "verdict": [render_statement(each, models=models) for each in said],
        "figures": done.get("figures"),
        "costs": done.get("costs"),
    }


def _job_record(job: Snapshot) -> dict[str, Any]:
    """What all jobs have; `ahead` jobs end first, which takes `starts_in` seconds where that is known."""
    steps = [event for event in job.events if event["event"] == "progress"]
    last = steps[-1] if steps else {}
    return {
        "name": job.name,
        "state": job.state,
        "ahead": job.position,
        "starts_in": job.starts_in,
        "step": last.get("step", 0),
        "steps": last.get("steps", 0),
        "seconds": last.get("seconds"),
        "seconds_left": last.get("seconds_left") if job.state == "running" else None,
        "error": job.error,
    }
