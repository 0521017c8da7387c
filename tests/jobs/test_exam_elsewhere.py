"""An exam on another machine, without a cluster: what goes along, the same answers as here, and none is lost."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from playground.evaluation import exam as evaluation_exam
from playground.evaluation import question_set, report
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam_plan import Plan, write_exam
from playground.evaluation.results import ArmResult, read_results
from playground.jobs import belongings, mirror, worker
from playground.jobs.node_run import OWN, NodeRun
from playground.jobs.worker import work
from playground.models.weights import weights_digest
from playground.settings import Settings
from playground.storage.run_folder import ANSWERS, EVENTS, LEASE, write_config, write_documents
from retrieval.persistence import save
from tests.fakes.embedders import WordEmbedder
from tests.fakes.exams import document, index
from tests.fakes.runs import config

PLACE = "visitors/v/runs/exam"
SETTINGS = ExamSettings(limit=6, answer_tokens=4, rows=4, facts=0)


@pytest.fixture(autouse=True)
def word_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real encoder to wait for."""
    monkeypatch.setattr(evaluation_exam, "load_embedder", lambda plan, settings: WordEmbedder())


@pytest.fixture
def taught(settings: Settings) -> Path:
    """A run's folder with an adapter that is not looked into."""
    folder = settings.data / "visitors" / "v" / "runs" / "taught"
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "adapter.safetensors").write_bytes(b"weights")
    write_config(folder, config().to_dict())
    write_documents(folder, [document()])
    return folder


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """An exam with an index and without an adapter."""
    save(index(), tmp_path / "index")
    return Plan(SETTINGS, ("base", "rag"), None, tmp_path / "index")


def exam(folder: Path, plan: Plan) -> Path:
    """An exam's folder as it is queued."""
    drawn = question_set.from_text([document()], SETTINGS.limit, 0)
    write_exam(folder, plan, drawn, [document()])
    (folder / EVENTS).write_text("")
    (folder / LEASE).write_text("inf")
    return folder


def test_only_what_the_plan_names_goes_along(settings: Settings, plan: Plan, taught: Path) -> None:
    folder = settings.data / PLACE
    planned = replace(plan, adapter=taught / "adapter")
    exam(folder, planned)
    (taught / "events.jsonl").write_text("another file of that run")
    sent = belongings.pack(folder)
    assert {place: set(files) for place, files in sent.items()} == {
        "run/adapter": {"adapter.safetensors"},
        "index": {"manifest.json", "passages.json", "vectors.npy"},
    }
    write_config(folder, replace(planned, drill=True).to_dict())
    assert set(belongings.pack(folder)["run"]) == {"config.json", "documents.json"}, "a drill trains that run again"
    write_config(folder, replace(planned, index=None).to_dict())
    assert set(belongings.pack(folder)) == {"run/adapter"}
    assert belongings.embedder_needed(folder) is None


def test_a_training_run_takes_nothing_along(taught: Path) -> None:
    assert (belongings.pack(taught), belongings.embedder_needed(taught)) == ({}, None)


def test_an_adapter_that_is_gone_is_missed_there_as_it_would_be_here(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    folder = exam(settings.data / PLACE, replace(plan, adapter=tmp_path / "gone" / "adapter"))
    assert set(belongings.pack(folder)) == {"index"}
    there = tmp_path / "there"
    mirror.unpack(there, mirror.whole(folder))
    belongings.unpack(there, belongings.pack(folder))
    stored = json.loads((there / "config.json").read_text())
    assert stored["adapter"] == str(there / belongings.BROUGHT / "run" / "adapter")


class Node:
    """A machine with a folder of its own, reached by the calls that the cluster makes."""

    def __init__(self, settings: Settings, folder: Path, model: Path) -> None:
        self.run = NodeRun(settings, PLACE)
        self.run.move_in()
        assert self.run.lacks("chat", model.name, weights_digest(model), from_hub=False)
        for file in model.iterdir():
            self.run.receive(file.name, file.read_bytes())
        self.run.keep_model(weights_digest(model))
        self._folder = folder
        self._seen = self.run.unpack(mirror.whole(folder), belongings.pack(folder))

    def exchange(self) -> None:
        """Bring back what is new."""
        changes = self.run.collect(mirror.grown(self._folder), self._seen)
        mirror.apply(self._folder, changes)
        self._seen = changes.stamps


def facts(folder: Path) -> list[ArmResult]:
    """Answers without what differs between two machines."""
    return [replace(each, seconds=0.0, memory_bytes=0) for each in read_results(folder / ANSWERS)]


def test_an_exam_that_moves_to_another_node_keeps_its_answers_and_ends_as_here(
    settings: Settings, plan: Plan, tmp_path: Path, long_window_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(settings, chat_model=str(long_window_folder))
    here, folder = exam(tmp_path / "here", plan), exam(settings.data / PLACE, plan)
    assert work(here, settings) == "finished"
    queued = (folder / "config.json").read_text()

    monkeypatch.setenv(OWN, str(tmp_path / "one"))
    with monkeypatch.context() as patch:
        patch.setattr(worker, "asked_to_stop", lambda there: (there / ANSWERS).exists())
        first = Node(settings, folder, long_window_folder)
        assert first.run.work() == "stopped"
    first.exchange()
    answered = facts(folder)
    assert len(answered) == SETTINGS.rows

    monkeypatch.setenv(OWN, str(tmp_path / "two"))
    second = Node(settings, folder, long_window_folder)
    assert second.run.work() == "finished"
    second.exchange()
    assert facts(folder)[: len(answered)] == answered
    assert facts(folder) == facts(here)
    assert all((folder / name).is_file() for name in report.FILES)
    assert (folder / "config.json").read_text() == queued
    assert not (folder / belongings.BROUGHT).exists()
    second.run.move_out()
    assert not list((tmp_path / "two" / "data").rglob("*.json"))
