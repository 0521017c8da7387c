"""The examples of docs/api.md do what they say: each runs as it stands, against a playground with the tiny model."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.journey import free_port
from playground.services.app import Services
from playground.settings import Settings
from playground.ui.api.endpoints import Endpoints
from tests.fakes.exams import brief
from tests.fakes.page import served_page

DOCUMENT = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:7860"
SECONDS = 300  # a busy machine is slow; only a hanging example shall end this way


@pytest.fixture(scope="module")
def url(long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory, forked_workers: None) -> Iterator[str]:
    """A playground whose jobs run."""
    data = tmp_path_factory.mktemp("data")
    services = Services(Settings(data=data, chat_model=str(long_window_folder), port=free_port()))
    services.exams.create_draft = brief(services.exams.create_draft)  # type: ignore[method-assign]
    services.supervisor.start()
    with closing(services.supervisor), served_page(services) as address:
        yield address


def run_example(language: str, command: list[str], url: str, folder: Path) -> str:
    """What the document's example in this language prints."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert ADDRESS in code
    ran = subprocess.run(
        [*command, code.replace(ADDRESS, url)], cwd=folder, capture_output=True, text=True, timeout=SECONDS
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_example_in_python(url: str, tmp_path: Path) -> None:
    told = run_example("python", [sys.executable, "-c"], url, tmp_path)
    assert "Ann keeps the key of the hall." in told
    assert "step 0 of" in told
    assert "'both': " in told
    assert "questions" in told
    assert "LoRA-plain.zip" in told


def test_the_example_with_curl(url: str, tmp_path: Path) -> None:
    *added, found, asked, forgotten = run_example("bash", ["bash", "-euc"], url, tmp_path).splitlines()
    assert [name in each for name, each in zip(("hall.txt", "mill.txt"), added, strict=True)] == [True, True]
    assert "Ann keeps the key of the hall." in found
    assert '"arm": "rag"' in asked
    assert forgotten == "[true]"


def test_the_table_has_every_endpoint() -> None:
    told = set(re.findall(r"`(\w+)\(", DOCUMENT.partition("## In Python")[0]))
    assert told == {name for name in vars(Endpoints) if not name.startswith("_")}
