"""A run's parts side by side, without a cluster: the same outcome as in one piece, stopped and resumed anywhere."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from playground.evaluation import exam as evaluation_exam
from playground.evaluation import question_set, report
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam_plan import Plan, write_exam
from playground.evaluation.results import read_results
from playground.jobs.parts import PARTS
from playground.jobs.side_by_side import PROBE, SideBySide, Work, parts_of
from playground.jobs.worker import work
from playground.settings import Settings
from playground.storage.run_folder import (
    ANSWERS,
    EVENTS,
    LEASE,
    STOP,
    read_events,
    read_hashes,
    write_config,
    write_documents,
    write_hashes,
)
from playground.training.config import RunConfig
from retrieval.persistence import save
from tests.fakes.embedders import WordEmbedder
from tests.fakes.exams import document, index
from tests.fakes.runs import TEXT, config

EXAM = ExamSettings(limit=6, answer_tokens=4, rows=4, facts=0, orders=2)
ARMS = ("base", "few_shot", "rag", "gold")


@pytest.fixture(autouse=True)
def word_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real encoder to wait for."""
    monkeypatch.setattr(evaluation_exam, "load_embedder", lambda plan, settings: WordEmbedder())


@dataclass(eq=False)
class FakeNode:
    """A node that is there at once, or never."""

    there: bool = True
    closed: bool = False

    def is_there(self) -> bool:
        """Whether it can begin."""
        return self.there

    def close(self) -> None:
        """Give the room back."""
        self.closed = True


class Machines:
    """Nodes that do a part in this process; `most` of them at once are there."""

    def __init__(self, settings: Settings, folder: Path, nodes: int = 2, there: int = 2) -> None:
        self._settings, self._there = settings, there
        self.nodes: list[FakeNode] = []
        self.begun: list[tuple[str, FakeNode]] = []
        self.before: Callable[[Path], None] = lambda part: None
        self.parts = parts_of(folder)
        assert self.parts
        self.beside = SideBySide(folder, self.parts, self.start, self.do, nodes)

    def start(self) -> FakeNode:
        """One more node."""
        open_ones = sum(not each.closed and each.there for each in self.nodes)
        self.nodes.append(FakeNode(open_ones < self._there))
        return self.nodes[-1]

    def do(self, part: Path, node: FakeNode) -> Work:
        """Do a part at the second step."""
        self.begun.append((part.name, node))
        yield
        self.before(part)
        return work(part, self._settings)


def run_folder(folder: Path) -> Path:
    (folder / EVENTS).write_text("")
    (folder / LEASE).write_text("inf")
    return folder


def exam(folder: Path, plan: Plan) -> Path:
    """An exam's folder as it is queued."""
    write_exam(folder, plan, question_set.from_text([document()], EXAM.limit, 0), [document()])
    return run_folder(folder)


@pytest.fixture
def settings(settings: Settings, long_window_folder: Path) -> Settings:
    """A host whose model reads passages."""
    return replace(settings, chat_model=str(long_window_folder))


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """An exam with an index and without an adapter."""
    save(index(), tmp_path / "index")
    return Plan(EXAM, ARMS, None, tmp_path / "index")


@pytest.fixture
def one(settings: Settings, plan: Plan, tmp_path: Path) -> Path:
    """The exam as one process does it."""
    folder = exam(tmp_path / "v" / "runs" / "one", plan)
    assert work(folder, settings) == "finished"
    return folder


@pytest.fixture
def folder(plan: Plan, tmp_path: Path) -> Path:
    """The same exam, queued."""
    return exam(tmp_path / "v" / "runs" / "parts", plan)


def recorded(folder: Path) -> Any:
    """The report of an exam without times and memory, which differ between two runs."""
    found = json.loads((folder / report.JSON).read_text())
    return _without(found, ("seconds", "memory_bytes", "costs", "text"))


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: _without(each, names) for name, each in value.items() if name not in names}
    return [_without(each, names) for each in value] if isinstance(value, list) else value


def test_the_arms_of_an_exam_side_by_side_give_the_report_of_one_process(
    settings: Settings, one: Path, folder: Path
) -> None:
    machines = Machines(settings, folder)
    assert machines.beside.run() == "finished"
    assert [name for name, _ in machines.begun] == list(ARMS)
    assert len(machines.nodes) == 2, "a node does one part after another"
    answered = {(each.arm, each.question) for each in read_results(folder / ANSWERS)}
    assert answered == {(each.arm, each.question) for each in read_results(one / ANSWERS)}
    assert read_hashes(folder) == read_hashes(one)
    assert not (folder / report.JSON).exists(), "the report is of the whole"
    assert work(folder, settings) == "finished"
    assert recorded(folder) == recorded(one)
    assert not (folder / PARTS).exists()
    here, there = ([each for each in read_events(at) if each["event"] == "progress"] for at in (folder, one))
    assert [each["step"] for each in here] == sorted({each["step"] for each in here}), "of all arms together"
    assert here[-1]["step"] == here[-1]["steps"] == there[-1]["steps"]
    assert {"seconds", "seconds_left", "arm", "model"} <= here[0].keys()


def stop_at(folder: Path, name: str) -> Callable[[Path], None]:
    """Ask the run to stop when the part of this name begins its work."""

    def before(part: Path) -> None:
        if part.name == name:
            (folder / STOP).write_text(str(time.time() + 10))

    return before


@pytest.mark.parametrize("in_parts", [True, False])
def test_an_exam_that_stops_keeps_its_answers_and_goes_on_in_parts_or_in_one_piece(
    settings: Settings, one: Path, folder: Path, in_parts: bool
) -> None:
    machines = Machines(settings, folder)
    machines.before = stop_at(folder, "few_shot")
    assert machines.beside.run() == "stopped"
    assert read_events(folder)[-1]["event"] == "stopped"
    had = read_results(folder / ANSWERS)
    assert 0 < len(had) < len(read_results(one / ANSWERS))
    (folder / STOP).unlink()
    if in_parts:
        again = Machines(settings, folder)
        assert again.beside.run() == "finished"
        assert "base" not in [name for name, _ in again.begun], "no part for an arm that has all its answers"
    assert work(folder, settings) == "finished"
    assert read_results(folder / ANSWERS)[: len(had)] == had
    assert recorded(folder) == recorded(one)


def test_a_part_of_which_only_half_a_line_came_back_is_whole_after_the_next_report(
    settings: Settings, folder: Path
) -> None:
    parts = parts_of(folder)
    assert parts
    part = parts.open()[0]
    assert work(part, settings) == "finished"
    whole = (part / ANSWERS).read_bytes()
    (part / ANSWERS).write_bytes(whole[: len(whole) // 2])
    parts.join(part)
    (part / ANSWERS).write_bytes(whole)
    parts.join(part)
    assert read_results(folder / ANSWERS) == read_results(part / ANSWERS)
    assert (folder / ANSWERS).read_bytes() == whole


def test_answers_with_other_weights_are_not_put_beside_each_other(settings: Settings, folder: Path) -> None:
    def before(part: Path) -> None:
        hashes = read_hashes(part)
        if part.name == "few_shot" and hashes is None:
            write_hashes(part, {})  # as an exam began there on other weights

    machines = Machines(settings, folder)
    machines.before = before
    with pytest.raises(Exception, match="different kinds of weights"):
        machines.beside.run()
    assert {each.arm for each in read_results(folder / ANSWERS)} == {"base"}


def test_a_part_that_fails_ends_the_run_with_its_sentence(settings: Settings, folder: Path) -> None:
    def before(part: Path) -> None:
        (part / "questions.jsonl").write_text("damaged")

    machines = Machines(settings, folder)
    machines.before = before
    assert machines.beside.run() == "failed"
    last = read_events(folder)[-1]
    assert (last["event"], last["error"][:12]) == ("failed", "The exam in ")


def test_a_node_gives_way_to_another_run_between_two_parts_and_is_asked_for_again(
    settings: Settings, folder: Path
) -> None:
    probe = folder.parent / "another" / f"{PROBE}1"
    probe.parent.mkdir()

    def before(part: Path) -> None:
        if part.name == "base":
            probe.write_text("")
        else:
            probe.unlink(missing_ok=True)

    machines = Machines(settings, folder, nodes=1, there=1)
    machines.before = before
    assert machines.beside.run() == "finished"
    assert [each.closed for each in machines.nodes] == [True, False]


def test_a_second_node_that_never_has_room_keeps_no_part(settings: Settings, folder: Path) -> None:
    machines = Machines(settings, folder, nodes=2, there=1)
    assert machines.beside.run() == "finished"
    assert {id(node) for _, node in machines.begun} == {id(machines.nodes[0])}
    assert machines.beside.take_node() is machines.nodes[0]
    assert all(each.closed for each in machines.nodes[1:])


def test_an_exam_of_one_arm_has_no_parts(settings: Settings, plan: Plan, tmp_path: Path) -> None:
    folder = exam(tmp_path / "v" / "runs" / "single", replace(plan, arms=("rag",)))
    parts = parts_of(folder)
    assert parts
    assert parts.open() == []


def sweep(folder: Path) -> Path:
    """A sweep's folder as it is queued."""
    folder.mkdir(parents=True)
    short = config(8)
    write_config(folder, {"kind": "sweep", **RunConfig(short.method, short.options, short.settings).to_dict()})
    write_documents(folder, TEXT)
    return run_folder(folder)


def judged(folder: Path) -> list[dict[str, Any]]:
    return [each for each in read_events(folder) if each["event"] in ("suggested", "judged")]


def outcome(folder: Path) -> dict[str, Any]:
    """How a sweep ended."""
    return read_events(folder)[-1]


def test_the_trials_of_a_sweep_side_by_side_have_the_losses_of_one_process(settings: Settings, tmp_path: Path) -> None:
    one, folder = (sweep(tmp_path / "v" / "runs" / name) for name in ("one", "parts"))
    assert work(one, settings) == "finished"
    machines = Machines(settings, folder)
    assert machines.beside.run() == "finished"
    names = [name for name, _ in machines.begun]
    assert names[:7] == ["range", *(f"arm-{arm}" for arm in range(6))]
    assert len(names) == 1 + 6 + 3 + 2
    assert work(folder, settings) == "finished"
    assert sorted(map(str, judged(folder))) == sorted(map(str, judged(one)))
    assert outcome(folder) == outcome(one)
    here, there = ([each for each in read_events(at) if each["event"] == "progress"] for at in (folder, one))
    assert [each["step"] for each in here] == sorted({each["step"] for each in here})
    assert (here[-1]["step"], here[-1]["steps"]) == (there[-1]["step"], there[-1]["steps"])


@pytest.mark.parametrize(("at", "in_parts"), [("range", True), ("arm-2", False)])
def test_a_sweep_that_stops_goes_on_in_parts_or_in_one_piece(
    settings: Settings, tmp_path: Path, at: str, in_parts: bool
) -> None:
    one, folder = (sweep(tmp_path / "v" / "runs" / name) for name in ("one", "parts"))
    assert work(one, settings) == "finished"
    machines = Machines(settings, folder)
    machines.before = stop_at(folder, at)
    assert machines.beside.run() == "stopped"
    (folder / STOP).unlink()
    if in_parts:
        assert Machines(settings, folder).beside.run() == "finished"
    assert work(folder, settings) == "finished"
    assert sorted(map(str, judged(folder))) == sorted(map(str, judged(one)))
    assert outcome(folder) == outcome(one)
    assert math.isfinite(outcome(folder)["loss"])
