"""A new method is one new file: its form, its command-line row, its benchmark row and its contract follow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TENTH = '''"""LoRA that only ever trains B, as a tenth method."""

from dataclasses import dataclass, replace

from adapters.base import Paper
from adapters.peft_method import AdapterOptions
from adapters.lora import LoraFamily
from adapters.options import knob


@dataclass(frozen=True)
class TenthOptions(AdapterOptions):
    """A knob of its own."""

    zest: float = knob(1.0, label="Zest", help="Multiplies alpha.", low=0.5, high=2)


class Tenth(LoraFamily[TenthOptions]):
    """Nothing but a test."""

    label = "Tenth"
    summary = "A method that was dropped in."
    good_for = "Showing that one file is enough."
    rule = "h = W·x + zest·(α/r)·B·A·x"
    paper = Paper("None", "2501.00001")
    Options = TenthOptions

    def config(self, layers, options, seed, steps):
        return super().config(layers, replace(options, alpha=options.alpha * options.zest), seed, steps)


METHOD = Tenth()
'''
TELL = """
import json
from benchmarks.methods import entries
from playground.cli.main import main
from playground.services.app import Services
from playground.settings import Settings
from playground.ui.page import build
page = build(Services(Settings.from_environment())).get_config_file()["components"]
print(json.dumps({"page": page, "rows": [each.name for each in entries()]}, default=str))
main(["methods", "--json"])
"""


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without its environment, and one file more."""
    folder = tmp_path_factory.mktemp("copied") / "project"
    left_out = shutil.ignore_patterns("__pycache__", ".*", "docs")
    shutil.copytree(ROOT, folder, ignore=left_out)
    (folder / "adapters" / "tenth.py").write_text(TENTH)
    return folder


def run(folder: Path, *words: str) -> str:
    """Output of a Python command in the copy, on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PLAYGROUND_DATA": str(folder / ".data")}
    ran = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def told(copied: Path) -> list[dict[str, Any]]:
    """The parts of the page with the benchmark's rows, then the lines of the command `methods`."""
    return [json.loads(line) for line in run(copied, "-c", TELL).splitlines() if line.startswith("{")]


def test_its_form_and_its_card_are_on_the_page(told: list[dict[str, Any]]) -> None:
    page = told[0]["page"]
    labels = [each["props"].get("label") for each in page]
    assert any("knob.tenth.zest.label" in str(label) for label in labels)
    assert "method.tenth.summary" in json.dumps(page)
    assert '["Tenth", "tenth"]' in json.dumps(page)


def test_the_command_line_and_the_benchmark_list_it(told: list[dict[str, Any]]) -> None:
    (mine,) = [each for each in told[1:] if each.get("id") == "tenth"]
    assert [option["name"] for option in mine["options"]][-1] == "zest"
    assert "Tenth" in told[0]["rows"]


def test_its_contract_is_checked(copied: Path) -> None:
    tests = run(copied, "-m", "pytest", "-v", "-p", "no:cacheprovider", "tests/adapters/test_methods.py", "-k", "tenth")
    assert "test_the_plain_form_equals_the_adapter[tenth] PASSED" in tests
    assert "test_what_is_trained_is_known_beforehand[tenth] PASSED" in tests
    assert tests.count("[tenth] PASSED") >= 12
