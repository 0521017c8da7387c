"""A process that trains loads no library of tables: pyarrow and pandas cost it memory and start-up time."""

import subprocess
import sys
from pathlib import Path

import adapters
from playground.storage.run_folder import EVENTS, LEASE, read_events, write_config, write_documents
from playground.training.config import RunConfig, TrainSettings
from tests.fakes.texts import house_rules

TRAIN_AND_LIST = """
import sys
from pathlib import Path
from playground.jobs.worker import work
from playground.settings import Settings
assert work(Path(sys.argv[1]), Settings(data=Path(sys.argv[1]), chat_model=sys.argv[2])) == "finished"
print(*sorted({"datasets", "pandas", "pyarrow"} & set(sys.modules)))
"""


def test_a_worker_trains_without_datasets_pandas_and_pyarrow(tmp_path: Path, tiny_model_folder: Path) -> None:
    settings = TrainSettings(steps=2, batch_tokens=64, window=64, evaluations=1)
    write_config(tmp_path, {"kind": "train", **RunConfig("lora", adapters.get("lora").Options(), settings).to_dict()})
    write_documents(tmp_path, [house_rules()])
    (tmp_path / LEASE).write_text("inf")
    (tmp_path / EVENTS).touch()
    command = [sys.executable, "-c", TRAIN_AND_LIST, str(tmp_path), str(tiny_model_folder)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read_events(tmp_path)[-1]["step"] == 2
    assert done.stdout.split() == []
