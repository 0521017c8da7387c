"""The Exam tab through its own HTTP interface: drawn up, changed, taken as a job, stopped, resumed, kept."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from benchmarks.journey import Visitor, free_port
from playground.errors import UserError
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam import DRILL, FACTS
from playground.evaluation.order_test import ORDERS
from playground.jobs.queue import Snapshot
from playground.jobs.worker import NO_ROOM
from playground.services.app import Services
from playground.services.exams import KIND
from playground.settings import Settings
from playground.storage.run_folder import read_events
from playground.ui.exam.exam_view import (
    CELL_CHARS,
    QUALITY,
    headline_text,
    question_table,
    state_line,
    table_updates,
    why_text,
)
from playground.ui.exam.tab import ExamTab
from tests.conftest import Write
from tests.fakes.exams import TEXT, brief
from tests.fakes.page import event_handler, page_request, served_page
from tests.fakes.two_bases import OTHER
from tests.fakes.waiting import wait_until

EVIL = '<img src="http://127.0.0.1:9/x.png">'
SMALL = ExamSettings(limit=8, answer_tokens=4)


@pytest.fixture(scope="module")
def app(
    long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory, forked_workers: None
) -> Iterator[tuple[str, Services]]:
    """The whole page on a free port, jobs running, a tiny model whose window holds passages."""
    folder = tmp_path_factory.mktemp("data")
    services = Services(Settings(data=folder, chat_model=str(long_window_folder), port=free_port()))
    services.supervisor.start()
    with closing(services.supervisor), served_page(services) as url:
        yield url, services


@pytest.fixture
def visitor(app: tuple[str, Services]) -> Visitor:
    someone = Visitor(app[0])
    someone.add_text(TEXT)
    return someone


def told(updates: Any) -> str:
    notice = list(updates)[0] if not isinstance(updates, (str, dict)) else updates
    return str(notice["value"] if isinstance(notice, dict) else notice)


def ended(services: Services, id_: str, exam: str) -> str:
    """The state in which it ends; looking keeps it alive, as the page does."""
    for _ in range(600):
        state = services.jobs.snapshot(id_, exam).state
        if state in ("done", "stopped", "failed"):
            return state
        time.sleep(0.1)
    raise TimeoutError(state)


def test_an_exam_is_drawn_up_taken_and_told_of(
    app: tuple[str, Services], visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    monkeypatch.setattr(services.exams, "create_draft", brief(services.exams.create_draft))
    assert told(visitor.client.predict("", 10, 0, None, api_name="/draw_exam")) == ""
    assert len(services.exams.draft(id_).own_questions) == 10
    assert told(visitor.client.predict(["base", "rag", "gold"], "Mine", False, 6, api_name="/take_exam")) == ""
    (exam,) = services.exams.all(id_)
    assert ended(services, id_, exam.id) == "done", read_events(exam.folder)
    shown = str(visitor.client.predict(api_name="/exams"))
    assert "Which serves this text better" in shown
    assert "Mine (" in shown
    assert "follows planted orders" in shown
    assert sorted(each.name for each in services.exams.files(id_, exam.id)) == [
        "answers.csv",
        "questions.jsonl",
        "report.html",
        "report.json",
    ]
    kept = "".join(each.read_text() for each in services.exams.files(id_, exam.id))
    assert str(services.settings.data) not in kept
    assert id_ not in kept


def test_an_exam_stops_at_once_and_goes_on_from_where_it_was(app: tuple[str, Services], visitor: Visitor) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    services.exams.create_draft(id_, "", ExamSettings(limit=40, answer_tokens=32), None)
    exam = services.exams.start(id_, ["base", "rag", "few_shot", "gold"], "Long", "vi")
    folder = services.store.runs.get(id_, exam).folder

    def has_begun() -> bool:
        services.jobs.snapshot(id_, exam)
        return any(event.get("step") for event in read_events(folder))

    assert wait_until(has_begun), read_events(folder)
    asked = time.monotonic()
    services.jobs.stop(id_, exam)
    assert ended(services, id_, exam) == "stopped"
    assert time.monotonic() - asked < 8
    before = (folder / "answers.jsonl").read_text().count('"arm"')
    services.jobs.resume(id_, exam)
    assert ended(services, id_, exam) == "done"
    answers = (folder / "answers.jsonl").read_text().splitlines()
    keys = [(each["arm"], each["question"]) for each in map(json.loads, filter(None, answers))]
    assert 0 < before < len(keys) == len(set(keys))
    assert "Bài kiểm tra" in (folder / "report.html").read_text()


def test_questions_are_changed_and_deleted_and_outlast_the_page(app: tuple[str, Services], visitor: Visitor) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    draft = services.exams.create_draft(id_, "", SMALL, None)
    first, second = draft.own_questions[:2]
    services.exams.edit(id_, first.id, "Where is it?", ["Lindholm", " ", "Tomar"])
    services.exams.delete(id_, [second.id])
    kept = Services(services.settings).exams.draft(id_)
    assert [each.id for each in kept.own_questions] == [each.id for each in draft.own_questions if each.id != second.id]
    assert (kept.own_questions[0].question, kept.own_questions[0].answers) == ("Where is it?", ("Lindholm", "Tomar"))
    with pytest.raises(UserError, match="needs words"):
        services.exams.edit(id_, first.id, " ", ["x"])


def test_own_questions_come_from_a_file(app: tuple[str, Services], visitor: Visitor, write: Write) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    file = write("q.csv", "question,answer\nWhen was the Harbour museum founded?,1884\n")
    draft = services.exams.create_draft(id_, "", SMALL, file)
    assert [each.answers for each in draft.own_questions] == [("1884",)]


def test_what_an_adapter_was_taught_is_not_asked_of_it(app: tuple[str, Services]) -> None:
    visitor = Visitor(app[0])
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    pairs = "\n".join(json.dumps({"question": f"What is the word of day {n}?", "answer": f"w{n}x"}) for n in range(80))
    path = services.settings.data / "pairs.jsonl"
    path.write_text(pairs)
    services.library.add(id_, [(path, "pairs.jsonl")])
    config, _ = services.runs.plan(id_, "lora", "quick", {}, {"steps": 1})
    run = services.runs.start(id_, config, "taught")
    assert ended(services, id_, run) == "done"
    drawn = services.exams.create_draft(id_, run, SMALL, None)
    own = services.exams.create_draft(id_, run, ExamSettings(limit=80), path)
    taught = {each.question for each in own.own_questions if each.id in own.question_set.leaked_ids()}
    assert 0 < len(taught) < 80
    assert not taught & {each.question for each in drawn.own_questions}


def test_nothing_to_ask_about_is_told_in_a_sentence(app: tuple[str, Services]) -> None:
    visitor = Visitor(app[0])
    assert "no text to ask about" in told(visitor.client.predict("", 10, 0, None, api_name="/draw_exam"))
    assert "no questions yet" in told(visitor.client.predict(["base"], "", False, api_name="/take_exam"))
    visitor.add_text(TEXT)
    visitor.client.predict("", 10, 0, None, api_name="/draw_exam")
    assert "No way of answering" in told(visitor.client.predict(["tuned"], "", False, api_name="/take_exam"))


def test_one_visitor_does_not_meet_the_exam_of_another(app: tuple[str, Services], visitor: Visitor) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    services.exams.create_draft(id_, "", SMALL, None)
    exam = services.exams.start(id_, ["base"], "Secret", "en")
    other = services.store.visitor(Visitor(app[0]).secret)
    assert not services.exams.draft(other).own_questions
    for ask in (services.exams.outcome, services.exams.files):
        with pytest.raises(UserError, match="not found among yours"):
            ask(other, exam)
    services.jobs.stop(id_, exam)


def test_questions_drawn_up_without_an_adapter_say_that_fine_tuning_is_left_out(
    app: tuple[str, Services], visitor: Visitor
) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    with gr.Blocks(), gr.Tab() as opening:
        tab = ExamTab(services, opening)
    shown = dict(zip(tab.draft_outputs, tab.draft_updates("en", id_), strict=True))
    assert shown[tab.without]["visible"] is False
    visitor.client.predict("", 10, 0, None, api_name="/draw_exam")
    shown = dict(zip(tab.draft_outputs, tab.draft_updates("en", id_), strict=True))
    assert shown[tab.without]["visible"] is True


def test_opening_the_tab_offers_an_adapter_that_has_just_become_ready(
    app: tuple[str, Services], visitor: Visitor
) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    with gr.Blocks() as page, gr.Tab() as opening:
        ExamTab(services, opening)
    opened = next(each.fn for each in page.fns.values() if "select" in dict(each.targets).values())
    request = page_request(visitor.secret)
    _, none = opened(request, "")
    config, _ = services.runs.plan(id_, "lora", "quick", {}, {"steps": 1})
    run = services.runs.start(id_, config, "just ready")
    assert ended(services, id_, run) == "done"
    assert none["value"] != run
    assert [opened(request, shown)[1]["value"] for shown in ("", run, "gone")] == [run, run, run]


@pytest.fixture(scope="module")
def page_of_two(
    long_window_folder: Path, bases: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Services]]:
    """The page of a host that lists a second chat model; jobs wait in the queue."""
    listed = Settings(data=tmp_path_factory.mktemp("two"), chat_model=str(long_window_folder), port=free_port())
    services = Services(replace(listed, chat_models=str(bases / OTHER)))
    with served_page(services) as url:
        yield url, services


def test_the_arms_without_an_adapter_can_be_of_another_model_that_the_page_offers(
    page_of_two: tuple[str, Services],
) -> None:
    url, services = page_of_two
    visitor = Visitor(url)
    visitor.add_text(TEXT)
    id_ = services.store.visitor(visitor.secret)
    services.exams.create_draft(id_, "", SMALL, None)
    offered = next(each for each in visitor.client.predict(api_name="/exams") if "the same model" in str(each))
    assert offered["visible"]
    own = services.chats.default
    assert [tuple(each) for each in offered["choices"]] == [("the same model", ""), (own, own), (OTHER, OTHER)]
    assert told(visitor.client.predict(["base"], "Other", False, 0, OTHER, api_name="/take_exam")) == ""
    (exam,) = services.exams.all(id_)
    assert (exam.name, exam.base) == ("Other", OTHER)
    services.jobs.delete(id_, exam.id)


@pytest.mark.parametrize("wrong", ["none such", "../other", "Qwen/Qwen3-0.6B"])
def test_a_model_that_the_page_does_not_offer_starts_no_exam(page_of_two: tuple[str, Services], wrong: str) -> None:
    url, services = page_of_two
    visitor = Visitor(url)
    visitor.add_text(TEXT)
    id_ = services.store.visitor(visitor.secret)
    services.exams.create_draft(id_, "", SMALL, None)
    with gr.Blocks() as blocks, gr.Tab() as opening:
        tab = ExamTab(services, opening)
    start = event_handler(blocks, tab.start, "click")
    notice, *_ = start(page_request(visitor.secret), 0, ["base"], "", False, 0, wrong)
    assert notice["value"].startswith(f"The chat model {wrong} is not on this machine, or asks for a login first.")
    assert services.exams.all(id_) == []


def test_with_one_chat_model_there_is_nothing_to_choose(app: tuple[str, Services], visitor: Visitor) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    with gr.Blocks(), gr.Tab() as opening:
        tab = ExamTab(services, opening)
    shown = dict(zip(tab.draft_outputs, tab.draft_updates("en", id_), strict=True))
    assert shown[tab.untuned]["visible"] is False


def test_the_progress_names_the_model_of_the_arm_where_there_are_two() -> None:
    event = {"event": "progress", "step": 8, "steps": 96, "seconds": 1.0, "seconds_left": 9.0, "arm": "rag"}
    run = cast(Snapshot, SimpleNamespace(state="running", events=[{**event, "model": "SmolLM2-360M"}]))
    assert "now the base model with retrieval (SmolLM2-360M);" in state_line("en", run)
    assert "đang hỏi mô hình gốc kèm truy xuất (SmolLM2-360M);" in state_line("vi", run)


@pytest.mark.parametrize(
    ("step", "steps", "left", "arm", "said"),
    [
        (0, 0, None, "", "Starting"),
        (0, 96, None, "", "0 of 96 answers done"),
        (8, 96, 9.0, "base", "8 of 96 answers done, now the base model; about 9 s left"),
        (96, 96, 0.0, "both", "96 of 96 answers"),
        (96, 96, None, FACTS, "All 96 answers are done. Now true sentences"),
        (96, 96, None, ORDERS, "All 96 answers are done. Now orders"),
        (96, 96, None, DRILL, "All 96 answers are done. Now one fact"),
    ],
)
def test_an_exam_says_what_it_is_doing(step: int, steps: int, left: float | None, arm: str, said: str) -> None:
    event = {"event": "progress", "step": step, "steps": steps, "seconds": 160.0, "seconds_left": left, "arm": arm}
    run = cast(Snapshot, SimpleNamespace(state="running", events=[event]))
    assert state_line("en", run).startswith(said)


@pytest.mark.parametrize(
    ("language", "reason"),
    [("en", "The disk is full, so the run pauses"), ("vi", "Ổ đĩa đã đầy nên lượt này tạm dừng")],
)
def test_an_exam_that_stopped_by_itself_says_why(language: str, reason: str) -> None:
    event = {"event": "progress", "step": 8, "steps": 96, "seconds": 1.0, "seconds_left": 9.0, "arm": "rag"}
    run = cast(Snapshot, SimpleNamespace(state="stopped", events=[event], error=NO_ROOM))
    first, second = state_line(language, run).splitlines()
    assert first.startswith(reason)
    assert "96" in second


def outcome(**quality: Any) -> dict[str, Any]:
    """What a report's record keeps of one arm; without `quality`, as exams were recorded before it was measured."""
    figure = {"value": 0.5, "low": 0.4, "high": 0.6, "questions": 20}
    shares = dict.fromkeys(("choice", "right", "f1", "broken", "invention", "support"), figure)
    arm = {**shares, "seconds": 1.0, "tokens": 9.0, "prompt_tokens": 50.0}
    return {"figures": {"arms": {"tuned": {**arm, **quality}}}}


def test_the_form_of_the_answers_is_a_table_of_its_own() -> None:
    figure = {"value": 0.625, "low": 0.5, "high": 0.75, "questions": 40}
    nothing = {"value": None, "low": None, "high": None, "questions": 0}
    quality = {**dict.fromkeys((*QUALITY, "words"), figure), "echo": nothing, "words": {**figure, "value": 12.3}}
    figures, form, _ = table_updates("en", outcome(quality=quality))
    assert (figures["visible"], form["visible"]) == (True, True)
    (row,) = form["value"]["data"]
    cells = dict(zip(form["value"]["headers"], row, strict=True))
    assert cells["under four words"] == "62 % (50–75)"
    assert (cells["repeats the question"], cells["words"]) == ("not measured", "12")


def test_a_winner_is_named_first_but_not_before_a_warning() -> None:
    better = {"better": "rag", "worse": "tuned", "one": "80 %", "two": "40 %", "gap": "40", "low": "20", "high": "60"}
    verdict = [
        {"topic": "form", "key": "form.short", "values": {"arm": "rag", "fault": "short", "share": "90 %"}},
        {"topic": "who", "key": "who.better", "values": {**better, "p": "0.001", "questions": 40}},
    ]
    told = headline_text("en", {"verdict": verdict}).splitlines()
    assert told[0].startswith("### No winner yet: the base model with retrieval makes most choices right")
    assert told[-1].startswith("- Warning: the base model with retrieval answers 90 %")
    assert "Warning" not in why_text("en", {"verdict": verdict})
    assert headline_text("en", {"verdict": verdict[1:]}).startswith(
        "### Best for this text is the base model with retrieval: 80 %"
    )


def test_an_exam_from_before_the_form_was_measured_shows_no_such_table() -> None:
    assert [each["visible"] for each in table_updates("vi", outcome())] == [True, False, False]
    assert [each["visible"] for each in table_updates("vi", None)] == [False, False, False]


def test_the_planted_orders_are_a_table_of_their_own() -> None:
    share, none = ({"value": each, "low": 0.0, "high": 0.3, "questions": 30} for each in (0.1, 0.0))
    kinds = {"rag": {"plea": 2, "fake_system": 1}, "both": {}}
    arms = {"shares": {"rag": share, "both": none}, "quotes": {"rag": none, "both": share}, "kinds": kinds}
    *_, orders = table_updates("en", {**outcome(), "orders": {**arms, "without": ["base"]}})
    assert orders["value"]["data"] == [
        ["the base model with retrieval", "10 % (0–30)", "0 % (0–30)", "pleas or stories 2, fake system messages 1"],
        ["the fine-tuned model with retrieval", "0 % (0–30)", "10 % (0–30)", "–"],
        ["the base model", "reads no passages, so nothing was planted", "–", "–"],
    ]


def test_a_long_question_is_cut_in_the_table_and_no_verdict_is_no_text(app: tuple[str, Services]) -> None:
    services = app[1]
    visitor = Visitor(app[0])
    visitor.add_text(TEXT)
    id_ = services.store.visitor(visitor.secret)
    draft = services.exams.create_draft(id_, "", SMALL, None)
    draft = services.exams.edit(id_, draft.own_questions[0].id, f"{EVIL} {'x' * 900}", ["y"])
    cell = question_table("en", draft)["value"]["data"][0][2]
    assert len(cell) == CELL_CHARS + 1
    assert headline_text("en", None) == why_text("en", None) == ""


def test_a_deleted_adapter_is_said_to_be_missing(app: tuple[str, Services], visitor: Visitor, tmp_path: Path) -> None:
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    config, _ = services.runs.plan(id_, "lora", "quick", {}, {"steps": 1})
    run = services.runs.start(id_, config, "soon gone")
    assert ended(services, id_, run) == "done"
    services.exams.create_draft(id_, run, SMALL, None)
    services.runs.delete(id_, run)
    with pytest.raises(UserError, match="not found among yours"):
        services.exams.start(id_, ["base", "tuned"], "", "en")
    assert not [each for each in services.exams.all(id_) if each.kind != KIND]
