"""A run's folder: when it has an adapter, what of it can be read, and that a worker needs no database for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from playground.storage.run_folder import (
    adapter_folder,
    adapter_weights,
    has_adapter,
    holds_run,
    read_config,
    read_documents,
    read_record,
    write_config,
    write_documents,
    write_record,
)
from retrieval.document import Document

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("weights", ["adapter_model.safetensors", "model.safetensors"])
def test_an_adapter_is_there_once_its_weights_and_its_record_are(tmp_path: Path, weights: str) -> None:
    adapter = adapter_folder(tmp_path)
    assert not has_adapter(tmp_path)
    adapter.mkdir()
    assert not has_adapter(tmp_path), "an empty folder"
    (adapter / weights).write_bytes(b"")
    assert not has_adapter(tmp_path), "no record"
    write_record(adapter, {"method": "lora"})
    assert has_adapter(tmp_path)
    assert adapter_weights(adapter) == adapter / weights
    (adapter / weights).unlink()
    assert not has_adapter(tmp_path), "a record without weights"
    assert adapter_weights(adapter) is None


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    documents = [Document("straße.txt", "Straße \U0001f600\n"), Document("empty.txt", "")]
    assert (holds_run(tmp_path), read_record(tmp_path)) == (False, {})
    write_config(tmp_path, {"method": "lora"})
    assert not holds_run(tmp_path), "no text"
    write_documents(tmp_path, documents)
    assert holds_run(tmp_path)
    assert read_documents(tmp_path) == documents
    assert read_config(tmp_path) == {"kind": "train", "method": "lora"}
    write_config(tmp_path, {"kind": "exam"})
    assert read_config(tmp_path) == {"kind": "exam"}
    write_record(tmp_path, {"figures": {"step": 3}})
    assert read_record(tmp_path) == {"figures": {"step": 3}}


def test_a_folder_without_documents_is_told_apart_from_an_empty_text(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_documents(tmp_path)
    write_documents(tmp_path, [])
    assert read_documents(tmp_path) == []


def test_a_worker_and_its_tasks_load_no_database() -> None:
    code = """if True:
        import sys
        from importlib import import_module
        from pkgutil import iter_modules
        import playground.jobs.worker
        from playground.jobs import tasks
        names = [each.name for each in iter_modules(tasks.__path__)]
        for name in names:
            import_module(f"playground.jobs.tasks.{name}")
        sys.exit(not {"exam", "sweep", "train"} <= set(names) or "sqlite3" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
