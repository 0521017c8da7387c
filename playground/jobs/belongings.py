"""What an exam takes along to another machine beside its folder: its adapter, its index, what a drill trains again.

There they lie in a hidden folder of the run's, so nothing of them comes back. Knows no cluster.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground.jobs import mirror
from playground.storage.run_folder import CONFIG, DOCUMENTS, holds_run, read_config, write_config

BROUGHT = ".brought"
RUN, ADAPTER, INDEX = "run", "run/adapter", "index"
PLACES = {"adapter": ADAPTER, "index": INDEX}  # by the plan's names of these folders

Content = Mapping[str, Mapping[str, bytes]]  # files by name, by folder


def pack(folder: Path) -> dict[str, dict[str, bytes]]:
    """What the plan of an exam names and needs; nothing for another run."""
    plan = _exam_plan(folder)
    content = {place: mirror.read_folder(Path(plan[name])) for name, place in PLACES.items() if plan.get(name)}
    run = Path(plan["adapter"]).parent if plan.get("adapter") and plan["drill"] else None
    if run and holds_run(run):
        content[RUN] = {name: (run / name).read_bytes() for name in (CONFIG, DOCUMENTS)}
    return {name: held for name, held in content.items() if held}


def unpack(folder: Path, content: Content) -> None:
    """Write what was packed into the run's folder here, and let its plan name these folders."""
    mirror.write_folders(folder / BROUGHT, content)
    plan = _exam_plan(folder)
    here = {name: str(folder / BROUGHT / place) for name, place in PLACES.items() if plan.get(name)}
    if here:
        write_config(folder, {**plan, **here})


def embedder_needed(folder: Path) -> str | None:
    """The name of the embedder that an exam needs, empty for the host's own; None where it needs none."""
    plan = _exam_plan(folder)
    return str(plan["embedder"]) if plan.get("index") else None


def asks_two_models(folder: Path) -> bool:
    """Whether the arms of an exam answer with two chat models."""
    plan = _exam_plan(folder)
    return plan.get("untuned_base", "") not in ("", plan.get("base", ""))


def _exam_plan(folder: Path) -> dict[str, Any]:
    """An exam's plan as its folder has it; empty for another run."""
    config = read_config(folder)
    return config if config["kind"] == "exam" else {}
