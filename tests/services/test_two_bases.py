"""Two base models in one visit: runs belong to theirs, panes over both are answered together as each would be alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground import device
from playground.chat.answer import Answer, Decoding
from playground.chat.turns import arm_id
from playground.errors import UserError
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam_plan import read_exam
from playground.jobs.worker import work
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.run_folder import adapter_folder, read_base, read_events, read_record
from playground.storage.store import RunRow, new_secret
from tests.fakes.prepared import train
from tests.fakes.texts import CLUB_RULES
from tests.fakes.two_bases import OTHER, THIRD

QUESTION = "What does rule 3 say?"
SHORT = Decoding(max_new_tokens=8)


@pytest.fixture
def settings(settings: Settings, bases: Path) -> Settings:
    """A host that lists two chat models beside its own."""
    return replace(settings, chat_models=f"{bases / OTHER},{bases / THIRD}")


@pytest.fixture
def visitor(services: Services) -> str:
    visitor = services.store.visitor(new_secret())
    services.library.add_text(visitor, CLUB_RULES)
    return visitor


@pytest.fixture
def runs(services: Services, visitor: str) -> tuple[RunRow, RunRow]:
    """A run on the host's own model and one on OTHER, which is chosen now."""
    first = train(services, visitor)
    services.store.choose_base(visitor, OTHER)
    return first, train(services, visitor)


def ask(services: Services, visitor: str, ids: list[str]) -> list[Answer]:
    arms = [services.answers.arm(visitor, each) for each in ids]
    *_, last = services.answers.stream(visitor, arms, QUESTION, [[] for _ in ids], SHORT, ask_anyway=False)
    return last


def test_a_run_belongs_to_the_model_that_was_chosen_when_it_began(
    services: Services, runs: tuple[RunRow, RunRow]
) -> None:
    chats = services.chats
    assert [run.base for run in runs] == [read_base(run.folder) for run in runs] == [chats.default, OTHER]
    recorded = [read_record(adapter_folder(run.folder))["base"] for run in runs]
    wanted = [chats.get(run.base) for run in runs]
    assert recorded == [{"name": each.name, "hash": each.hash} for each in wanted]


def test_panes_over_two_models_are_answered_together_as_each_would_be_alone(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow]
) -> None:
    ids = ["base", arm_id("tuned", runs[1].id), arm_id("base", base=OTHER), arm_id("tuned", runs[0].id)]
    together = ask(services, visitor, ids)
    alone = [ask(services, visitor, [each])[0] for each in ids]
    assert [each.text for each in together] == [each.text for each in alone]
    assert [each.arm for each in together] == ids
    own, other = (services.chats.get(name).hash for name in (services.chats.default, OTHER))
    assert [each.stamp.base_hash for each in together] == [own, other, other, own]
    assert [each.stamp for each in together] == [each.stamp for each in alone]
    assert len({each.stamp.adapter_hash for each in together}) == 3


def test_each_pane_keeps_its_own_conversation_and_its_models_self_test(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow]
) -> None:
    ids = ["base", arm_id("base", base=OTHER), arm_id("tuned", runs[1].id)]
    *_, last = services.conversations.ask(visitor, QUESTION, ids, SHORT, ask_anyway=False)
    assert list(last) == ids
    tested = last[ids[2]][0].tested
    assert tested
    assert tested["passed"]
    assert list(services.conversations.load(visitor)) == ids


def test_a_stopped_question_ends_over_both_models(services: Services, visitor: str) -> None:
    arms = [services.answers.arm(visitor, each) for each in ("base", arm_id("base", base=OTHER))]
    long = Decoding(max_new_tokens=500)
    stream = services.answers.stream(visitor, arms, QUESTION, [[], []], long, ask_anyway=False)
    next(stream)
    services.answers.stop(visitor)
    *_, last = stream
    assert [each.stopped for each in last] == [True, True]


def test_an_exam_is_of_the_model_of_its_run_else_of_the_chosen_one(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow]
) -> None:
    for run, base in ((runs[0].id, services.chats.default), (runs[1].id, OTHER), ("", OTHER)):
        services.exams.create_draft(visitor, run, ExamSettings(limit=10), None)
        exam = services.exams.start(visitor, ["base", "tuned"], "", "en")
        row = services.store.runs.get(visitor, exam)
        assert row.base == read_exam(row.folder)[0].base == base
        services.jobs.delete(visitor, exam)


def begin(services: Services, visitor: str, run: str, arms: list[str], other: str, drill: bool = False) -> RunRow:
    """A queued exam of a few short answers, in which the arms without an adapter answer with another model."""
    services.exams.create_draft(visitor, run, ExamSettings(limit=4, answer_tokens=4, facts=0), None)
    exam = services.exams.start(visitor, arms, "", "vi", drill, untuned_base=other)
    return services.store.runs.get(visitor, exam)


def work_through(services: Services, exam: RunRow) -> list[dict[str, Any]]:
    """The exam's events; it is worked through in this process."""
    claimed = services.store.runs.claim_next()
    assert claimed
    work(claimed.folder, services.settings)
    services.supervisor.record_ending(claimed, 0)
    return read_events(exam.folder)


def test_the_arms_of_an_exam_without_an_adapter_answer_with_another_model(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow]
) -> None:
    exam = begin(services, visitor, runs[0].id, ["base", "tuned"], OTHER)
    assert (exam.base, read_exam(exam.folder)[0].untuned_base) == (services.chats.default, OTHER)
    events = work_through(services, exam)
    assert events[-1]["reason"] == "done", events
    named = {(each["arm"], each["model"]) for each in events if each["event"] == "progress" and each["arm"]}
    own = services.chats.default
    assert named == {("base", OTHER), ("tuned", own)}
    stored = services.exams.outcome(visitor, exam.id)
    assert stored
    assert stored["stamp"]["base"] == services.chats.get(own).hash
    assert stored["stamp"]["untuned_base"] == services.chats.get(OTHER).hash
    assert f"--model={own} --untuned-model={OTHER}" in stored["command"]
    assert "Có hai mô hình trò chuyện trả lời" in (exam.folder / "report.html").read_text()


def test_an_exam_loads_no_model_that_none_of_its_arms_asks(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow]
) -> None:
    default = services.chats.default
    for run, arms, other, models in (
        ("", ["base"], THIRD, (THIRD, THIRD)),
        (runs[0].id, ["base"], THIRD, (THIRD, THIRD)),
        (runs[0].id, ["tuned"], THIRD, (default, default)),
        (runs[0].id, ["base", "tuned"], default, (default, default)),
        (runs[1].id, ["base", "tuned"], default, (OTHER, default)),
    ):
        exam = begin(services, visitor, run, arms, other)
        assert (read_exam(exam.folder)[0].models, exam.base) == (models, models[0])
        services.jobs.delete(visitor, exam.id)


def test_a_model_that_is_not_here_cannot_be_asked_in_an_exam(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow]
) -> None:
    assert services.exams.untuned_bases(visitor) == [services.chats.default, OTHER, THIRD]
    for name in ("nowhere", "Qwen/Qwen3-0.6B", "../other"):
        with pytest.raises(UserError, match=f"The chat model {name} is not on this machine, or asks for a login"):
            begin(services, visitor, runs[0].id, ["base", "tuned"], name)
    assert services.exams.all(visitor) == []


def test_a_model_that_came_by_a_login_is_for_those_who_use_it(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.chats, "came_by_login", lambda name: name in (OTHER, THIRD))
    assert services.exams.untuned_bases(visitor) == [services.chats.default, OTHER]  # which they trained on
    stranger = services.store.visitor(new_secret())
    assert services.exams.untuned_bases(stranger) == [services.chats.default]
    with pytest.raises(UserError, match="asks for a login first"):
        begin(services, visitor, runs[0].id, ["base", "tuned"], THIRD)
    services.store.choose_base(visitor, THIRD)
    assert services.exams.untuned_bases(visitor) == [services.chats.default, OTHER, THIRD]


def test_a_drill_is_of_one_model(services: Services, visitor: str, runs: tuple[RunRow, RunRow]) -> None:
    with pytest.raises(UserError, match="The edit-a-fact drill trains and asks one chat model"):
        begin(services, visitor, runs[0].id, ["base", "both"], OTHER, drill=True)
    assert services.exams.all(visitor) == []
    assert begin(services, visitor, runs[1].id, ["base", "both"], OTHER, drill=True)


def test_two_models_without_room_for_both_are_refused_before_they_are_loaded(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = begin(services, visitor, runs[0].id, ["base", "tuned"], OTHER)
    monkeypatch.setattr(device, "free_memory", lambda _: 1000)
    (failed,) = [each for each in work_through(services, exam) if each["event"] == "failed"]
    both = f"{services.chats.default} and {OTHER}"
    assert failed["error"].startswith(f"The memory has no room for {both} at once (0.0 GB)")


def test_the_arms_of_a_blind_vote_are_all_of_the_chosen_model(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow]
) -> None:
    able = services.answers.arm_ids(visitor)
    assert arm_id("base", base=OTHER) in able
    assert arm_id("tuned", runs[1].id) in able
    assert not [each for each in able if runs[0].id in each or each == "base"]


def test_what_the_text_costs_is_counted_by_the_chosen_models_tokenizer(services: Services, visitor: str) -> None:
    first = services.training_text.token_counts(visitor)
    chat = services.chats.get(OTHER)
    services.store.choose_base(visitor, OTHER)
    chat.tokenizer.add_tokens(["Rule"])
    second = services.training_text.token_counts(visitor)
    assert sum(second.values()) < sum(first.values())


def test_an_arm_over_a_model_that_is_gone_is_refused(
    services: Services, visitor: str, runs: tuple[RunRow, RunRow], settings: Settings
) -> None:
    later = Services(replace(settings, chat_models="none"))
    for gone in (arm_id("base", base=OTHER), arm_id("tuned", runs[1].id)):
        with pytest.raises(UserError, match="made with the chat model other, which is not on this machine"):
            later.answers.arm(visitor, gone)
    assert later.answers.arm(visitor, arm_id("tuned", runs[0].id)).base == later.chats.default
