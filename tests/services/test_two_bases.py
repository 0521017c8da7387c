"""Two base models in one visit: runs belong to theirs, panes over both are answered together as each would be alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from playground.chat.answer import Answer, Decoding
from playground.chat.turns import arm_id
from playground.errors import UserError
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam import read_exam
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.run_folder import adapter_folder, read_base, read_record
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
