"""An index, a run and a data folder written by an earlier version are read by this one; see README.md beside this."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from playground.chat.answer import Decoding
from playground.cli.main import main
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.run_folder import has_adapter, read_config, read_documents, read_events

DATA = Path(__file__).parent / "data"
SECRET = "upgrade-" + "s" * 40
QUESTIONS = ["Who keeps the keys of every ship?", "When does the school begin?"]
Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(
    tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command beside the old index and the old run; returns the JSON lines that it wrote."""
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", str(tiny_model_folder))
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    for name in ("index", "run"):
        shutil.copytree(DATA / name, tmp_path / name)

    def run(*words: str) -> list[dict[str, Any]]:
        capfd.readouterr()
        code = main([*words, "--json"])
        out, err = capfd.readouterr()
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]

    return run


def test_an_old_index_is_searched(run: Run) -> None:
    first, second = run("search", "index", *QUESTIONS)
    assert "harbour master" in first["passages"][0]["text"]
    assert "begins at nine" in second["passages"][0]["text"]
    assert (first["found"], second["found"]) == (True, True)


@pytest.mark.parametrize("folder", ["run", "run/adapter"])
def test_an_old_adapter_answers(run: Run, folder: str) -> None:
    lines = run("ask", QUESTIONS[0], "--adapter", folder, "--index", "index", "--max-new-tokens", "4")
    assert [line["arm"] for line in lines] == ["base", "rag", "tuned", "both"]
    base, _, tuned, both = (line["stamp"] for line in lines)
    assert (base["adapter_hash"], tuned["method"]) == (None, "lora")
    assert both["adapter_hash"] == tuned["adapter_hash"]
    assert tuned["adapter_hash"]


def test_an_old_run_is_resumed_exported_and_examined(run: Run) -> None:
    *_, last = run("train", "--resume", "--out", "run")
    assert (last["step"], last["reason"]) == (4, "done")
    (exported,) = run("export", "run", "--form", "plain", "--out", "plain")
    assert "adapter_model.safetensors" in exported["files"]
    *arms, verdict = run(
        "exam", "--adapter", "run", "--index", "index", "--arms", "base,tuned", "--limit", "4", "--out", "exam"
    )
    assert [line["arm"] for line in arms] == ["base", "tuned"]
    assert Path(verdict["report"]).is_file()


@pytest.fixture
def services(tmp_path: Path, tiny_model_folder: Path) -> Services:
    """The services on a copy of the old data folder."""
    shutil.copytree(DATA / "data", tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / "playground.db")) as db:
        db.executescript((tmp_path / "data" / "playground.sql").read_text(encoding="utf-8"))
    return Services(Settings(data=tmp_path / "data", chat_model=str(tiny_model_folder)))


def test_an_old_visitor_finds_text_index_conversation_votes_run_and_exam_draft(services: Services) -> None:
    visitor = services.store.visitor(SECRET)
    (document,) = services.library.documents(visitor)
    assert (document.name, "1742" in document.text) == ("town.md", True)
    index = services.indexes.ready(visitor)
    assert index is not None
    assert len(index.passages) == 5
    (row,) = services.store.runs.all(visitor)
    assert (row.name, row.state, row.figures["step"]) == ("Town", "done", 4)
    assert has_adapter(row.folder)
    assert read_documents(row.folder) == [document]
    assert read_config(row.folder)["kind"] == "train"
    assert read_events(row.folder)[-1]["event"] == "finished"
    kept = services.conversations.load(visitor)
    assert list(kept) == ["base", "rag", f"tuned:{row.id}"]
    assert all([turn.question for turn in turns] == QUESTIONS for turns in kept.values())
    assert all(turn.answer and turn.done and turn.stamp["base_hash"] for turns in kept.values() for turn in turns)
    assert "harbour master" in kept["rag"][0].passages[0]["text"]
    assert [vote.choice for vote in services.store.votes(visitor)] == ["left", "tie"]
    draft = services.exams.draft(visitor)
    assert draft.run == row.id
    assert len(draft.own_questions) > 2


def test_an_old_visitor_goes_on_with_the_conversation_and_the_adapter(services: Services) -> None:
    visitor = services.store.visitor(SECRET)
    (row,) = services.store.runs.all(visitor)
    arm = f"tuned:{row.id}"
    for _ in services.conversations.ask(visitor, "Who sells bread?", ["rag", arm], Decoding(max_new_tokens=3), False):
        pass
    kept = services.conversations.load(visitor)
    assert [turn.question for turn in kept[arm]] == [*QUESTIONS, "Who sells bread?"]
    assert kept[arm][-1].stamp["adapter_hash"] == kept[arm][0].stamp["adapter_hash"]
    assert kept["rag"][-1].stamp["index_hash"] == kept["rag"][0].stamp["index_hash"]
