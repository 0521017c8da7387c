"""An exam whose arms without an adapter answer with another chat model than the adapter's."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from playground.errors import UserError
from playground.evaluation import exam as evaluation_exam
from playground.evaluation import question_set
from playground.evaluation.aggregate import aggregate_results
from playground.evaluation.arm_models import OWN_BASE, ArmModels, counterparts, short_names
from playground.evaluation.arms import ARMS, Material
from playground.evaluation.config import ExamSettings
from playground.evaluation.degenerate import warn_of_degenerate
from playground.evaluation.error_analysis import LOST, NOT_LEARNT, count_causes
from playground.evaluation.exam import Report, left_out
from playground.evaluation.exam_plan import Plan, read_exam, write_exam
from playground.evaluation.headline import draw_headline
from playground.evaluation.llm_judge import add_judgements
from playground.evaluation.provenance import content_hashes
from playground.evaluation.questions import GENERAL, Question
from playground.evaluation.report import hide_paths, record, reproduce_command, write_report
from playground.evaluation.report_html import render_html
from playground.evaluation.results import ArmResult
from playground.evaluation.statements import render_statement
from playground.inference.served_adapter import ServedAdapter
from playground.jobs.queue import Snapshot
from playground.models.chat_model import ChatModel
from playground.services.progress import exam_record
from playground.storage.run_folder import CONFIG
from playground.ui.exam.exam_view import choice_picture, headline_text, plot_updates, table_updates, why_text
from tests.fakes.chat_model import lora, small_chat
from tests.fakes.embedders import WordEmbedder
from tests.fakes.exams import document, index, question, result

SETTINGS = ExamSettings(limit=10, answer_tokens=4, rows=5, facts=4, orders=3)
TUNED_NAME, UNTUNED_NAME = "owner/Tiny-1M-Instruct", "owner/Wee-2M-Instruct"
NAMES = {**dict.fromkeys(ARMS, "Wee-2M"), "tuned": "Tiny-1M", "both": "Tiny-1M", OWN_BASE: "Tiny-1M"}


@pytest.fixture(scope="module")
def models() -> ArmModels:
    return ArmModels(small_chat(4096, name=TUNED_NAME), small_chat(4096, seed=3, name=UNTUNED_NAME))


@pytest.fixture(scope="module")
def material() -> Material:
    return Material([document()], index(), WordEmbedder(), ServedAdapter("LoRA", "a" * 16, "lora", lora(1)))


def begun(folder: Path, models: ArmModels, material: Material) -> Path:
    """An exam of all arms; its questions and its adapter's folder are the same whatever the models."""
    drawn = question_set.from_text([document()], SETTINGS.limit, 0)
    other = models.untuned.name if models.are_two else ""
    hashes = content_hashes(models, material)
    plan = Plan(SETTINGS, ARMS, Path("run"), None, tuple(drawn.findings), hashes, base=TUNED_NAME, untuned_base=other)
    write_exam(folder, plan, drawn, [document()])
    return folder


def finished(folder: Path, models: ArmModels, material: Material) -> Report:
    *_, outcome = evaluation_exam.run_exam(begun(folder, models, material), models, material)
    assert isinstance(outcome, Report)
    return outcome


@pytest.fixture(scope="module")
def taken(models: ArmModels, material: Material, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """The exam of both models, and those of each alone."""
    exams = {"both": models, "tuned": ArmModels.one(models.tuned), "untuned": ArmModels.one(models.untuned)}
    folder = tmp_path_factory.mktemp("exams")
    return {name: finished(folder / name, each, material) for name, each in exams.items()}


def answers(report: Report, arms: Sequence[str]) -> list[dict[str, object]]:
    """All that these arms answered, without how long it took and without losses."""
    mine = [each.to_dict() for each in report.results if each.arm in arms]
    return [{key: value for key, value in each.items() if key not in ("seconds", "loss")} for each in mine]


def losses(report: Report, arms: Sequence[str]) -> list[float]:
    """The losses of these arms, NaN for none; other rows of a batch may change the order in which one is summed."""
    mine = [each.loss for each in report.results if each.arm in arms]
    return [math.nan if each is None else each for each in mine]


def orders(report: Report, arm: str) -> list[str]:
    assert report.orders
    return [each.text for each in report.orders.answers if each.arm == arm]


def test_each_arm_answers_as_in_an_exam_of_its_model_alone(taken: dict[str, Report]) -> None:
    with_adapter, without = ("tuned", "both"), ("base", "few_shot", "rag", "gold")
    assert answers(taken["both"], with_adapter) == answers(taken["tuned"], with_adapter) != []
    assert answers(taken["both"], without) == answers(taken["untuned"], without) != []
    for name, arms in (("tuned", with_adapter), ("untuned", without)):
        assert losses(taken["both"], arms) == pytest.approx(losses(taken[name], arms), rel=1e-5, nan_ok=True)
    texts = [[each["text"] for each in answers(taken[name], without)] for name in ("tuned", "untuned")]
    assert texts[0] != texts[1]


def test_planted_orders_go_to_each_arms_own_model(taken: dict[str, Report]) -> None:
    assert orders(taken["both"], "both") == orders(taken["tuned"], "both") != []
    assert orders(taken["both"], "rag") == orders(taken["untuned"], "rag") != orders(taken["tuned"], "rag")


def test_the_fact_test_is_of_the_adapters_model_alone(taken: dict[str, Report]) -> None:
    found, alone, other = (taken[name].facts for name in ("both", "tuned", "untuned"))
    assert found
    assert alone
    assert other
    assert found == alone
    assert found.losses["base"] != other.losses["base"]


def test_hashes_and_stamp_name_both_models(models: ArmModels, material: Material, taken: dict[str, Report]) -> None:
    two, one = (content_hashes(each, material) for each in (models, ArmModels.one(models.tuned)))
    assert (two["base"], two["untuned_base"]) == (models.tuned.hash, models.untuned.hash)
    assert {name: value for name, value in two.items() if not name.startswith("untuned")} == one
    stamp = taken["both"].stamp
    assert (stamp["model"], stamp["untuned_model"]) == (TUNED_NAME, UNTUNED_NAME)
    assert "untuned_model" not in taken["tuned"].stamp


def test_an_exam_goes_on_only_with_the_two_models_of_its_plan(
    models: ArmModels, material: Material, tmp_path: Path
) -> None:
    two = begun(tmp_path / "two", models, material)
    one = begun(tmp_path / "one", ArmModels.one(models.tuned), material)
    third = small_chat(4096, seed=5)
    wrong = [(two, replace(models, untuned=third)), (two, ArmModels.one(models.tuned)), (one, models)]
    for folder, others in wrong:
        with pytest.raises(UserError, match="has changed since"):
            next(evaluation_exam.run_exam(folder, others, material))
    next(evaluation_exam.run_exam(two, models, material))


def test_a_plan_from_before_there_were_two_models_is_read_and_every_plan_comes_back(tmp_path: Path) -> None:
    plan = Plan(SETTINGS, ("base", "tuned"), Path("a"), None, base="one", untuned_base="other")
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    old = {name: value for name, value in plan.to_dict().items() if name not in ("untuned_base", "kind")}
    assert Plan.from_dict(old) == replace(plan, untuned_base="")
    assert Plan.from_dict(old).models == ("one", "one")


@pytest.mark.parametrize(
    ("arms", "adapter", "untuned", "models"),
    [
        (("base", "tuned"), Path("a"), "other", ("one", "other")),
        ((), Path("a"), "other", ("one", "other")),
        (("base", "tuned"), Path("a"), "", ("one", "one")),
        (("tuned", "both"), Path("a"), "other", ("one", "one")),
        (("base", "rag"), None, "other", ("other", "other")),
        (("base", "rag"), None, "", ("one", "one")),
    ],
)
def test_only_models_that_are_asked_are_loaded_and_each_once(
    arms: tuple[str, ...], adapter: Path | None, untuned: str, models: tuple[str, str]
) -> None:
    plan = Plan(SETTINGS, arms, adapter, None, base="one", untuned_base=untuned)
    loaded: list[str] = []

    def load(name: str) -> ChatModel:
        loaded.append(name)
        return small_chat(name=name)

    found = ArmModels.load(plan.models, load)
    assert (found.tuned.name, found.untuned.name) == plan.models == models
    assert loaded == list(dict.fromkeys(models))
    assert (found.tuned is not found.untuned) == found.are_two == (models[0] != models[1])


def test_a_drill_of_two_models_is_refused_in_a_sentence() -> None:
    with pytest.raises(UserError, match="are to use other. Let all of them use the same model"):
        Plan(SETTINGS, ("base", "both"), Path("a"), None, drill=True, base="one", untuned_base="other")
    assert Plan(SETTINGS, ("base", "both"), Path("a"), None, drill=True, base="one", untuned_base="one").drill


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Two chat models answered, Tiny-1M with the adapter and Wee-2M without one, so a difference"),
        ("vi", "Có hai mô hình trò chuyện trả lời, Tiny-1M khi có adapter và Wee-2M khi không có, nên chênh lệch"),
    ],
)
def test_the_verdict_begins_with_the_two_models_and_every_arm_names_its_own(
    taken: dict[str, Report], language: str, said: str
) -> None:
    report = taken["both"]
    assert dict(report.models) == NAMES
    sentences = [render_statement(each, language, report.models) for each in report.verdict]
    assert sentences[0].startswith(said)
    assert not [each for each in report.verdict if each.key.startswith("learnt.forgot") or each.key == "learnt.kept"]
    costs = [text for each, text in zip(report.verdict, sentences, strict=True) if each.key == "cost.answer"]
    assert ["(Tiny-1M)" in each for each in costs] == [each.values["arm"] in ("tuned", "both") for each in told(report)]
    assert all("(Tiny-1M)" in each or "(Wee-2M)" in each for each in costs)
    for alone in (taken["tuned"], taken["untuned"]):
        assert "models" not in [each.topic for each in alone.verdict]
        assert not alone.models


def told(report: Report) -> list:
    return [each for each in report.verdict if each.key == "cost.answer"]


@pytest.mark.parametrize(
    ("language", "rag", "tuned", "own_base", "base"),
    [
        (
            "en",
            "the base model with retrieval",
            "the fine-tuned model",
            "the base model (Tiny-1M)",
            "the base model (Wee-2M)",
        ),
        ("vi", "mô hình gốc kèm truy xuất", "mô hình đã tinh chỉnh", "mô hình gốc (Tiny-1M)", "mô hình gốc (Wee-2M)"),
    ],
)
def test_every_name_of_an_arm_in_the_report_says_its_model(
    taken: dict[str, Report], language: str, rag: str, tuned: str, own_base: str, base: str
) -> None:
    page = render_html(taken["both"], "", language)
    assert page.count(f"{rag} (Wee-2M)") > 8
    assert page.count(f"{tuned} (Tiny-1M)") > 8
    for name in (rag, tuned):
        assert f"<td>{name}</td>" not in page
        assert f">{name}</text>" not in page
    assert own_base in page[page.index("<h2>") :]
    assert base in page
    alone = render_html(taken["tuned"], "", language)
    assert "Tiny-1M)" not in alone
    assert f"<td>{tuned}</td>" in alone


def test_the_facts_are_told_of_the_adapters_own_base(taken: dict[str, Report]) -> None:
    facts = [each for each in taken["both"].verdict if each.key.startswith("facts.")]
    assert [{each.values["better"], each.values["worse"]} for each in facts] == [{"tuned", OWN_BASE}]
    said = render_statement(facts[0], models=NAMES)
    assert "the base model (Tiny-1M)" in said
    assert "the base model finds" not in render_statement(facts[0], models=NAMES)


def test_page_program_and_files_name_the_models_too(taken: dict[str, Report], tmp_path: Path) -> None:
    write_report(taken["both"], tmp_path, "")
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored["models"] == NAMES
    assert stored["verdict"][0]["text"].startswith("Two chat models answered, Tiny-1M with")
    assert "Two chat models answered, Tiny-1M with" in headline_text("en", stored)
    assert "Two chat models" not in why_text("en", stored)
    assert "retrieval (Wee-2M)" in why_text("en", stored)
    assert "Base + retrieval (Wee-2M)" in choice_picture("en", stored)["value"]
    assert "Fine-tuned + retrieval (Tiny-1M)" in plot_updates("en", stored)[0]["value"]
    for table in table_updates("en", stored):
        assert all("M)" in row[0] for row in table["value"]["data"])
    named = {"id": "e", "name": "", "state": "done", "position": 0, "starts_in": None, "events": [], "error": ""}
    run = cast(Snapshot, SimpleNamespace(**named))
    assert exam_record(run, stored)["verdict"][0].startswith("Two chat models answered")


def test_a_record_from_before_there_were_two_models_is_shown(taken: dict[str, Report]) -> None:
    stored = record(taken["tuned"], "")
    del stored["models"]
    assert "retrieval (" not in choice_picture("en", stored)["value"]
    assert headline_text("vi", stored)
    assert why_text("vi", stored)


def test_the_command_names_the_second_model_and_the_report_no_folder_of_the_hosts() -> None:
    plan = Plan(SETTINGS, ("base", "tuned"), Path("a"), None, untuned_base="owner/other")
    assert "--untuned-model=owner/other" in reproduce_command(plan, Path("q.jsonl"))
    assert "--untuned-model" not in reproduce_command(replace(plan, untuned_base=""), Path("q.jsonl"))
    assert hide_paths(replace(plan, untuned_base="/srv/models/other")).untuned_base == "MODEL"
    assert hide_paths(plan).untuned_base == "owner/other"


def test_the_command_names_the_first_model_where_an_arm_asks_it() -> None:
    plan = Plan(SETTINGS, ("base", "tuned"), Path("a"), None, base="owner/first", untuned_base="owner/other")
    assert "--model=owner/first --untuned-model=owner/other" in reproduce_command(plan, Path("q.jsonl"))
    assert "--model" not in reproduce_command(replace(plan, base=""), Path("q.jsonl"))
    assert "--model" not in reproduce_command(replace(plan, adapter=None), Path("q.jsonl"))
    assert hide_paths(replace(plan, base="/srv/models/first")).base == "BASE"
    assert hide_paths(plan).base == "owner/first"


def test_a_judge_may_be_neither_of_the_two_models(taken: dict[str, Report], models: ArmModels) -> None:
    for each in (models.tuned, models.untuned):
        with pytest.raises(UserError, match="cannot judge itself"):
            add_judgements(taken["both"], each)


@pytest.mark.parametrize(
    ("one", "two", "short"),
    [
        ("a/SmolLM2-135M-Instruct", "a/SmolLM2-360M-Instruct", ("SmolLM2-135M", "SmolLM2-360M")),
        ("google/gemma-3-270m-it", "Qwen/Qwen3-0.6B", ("gemma-3-270m", "Qwen3-0.6B")),
        ("a/Wee", "a/Wee-Instruct", ("Wee", "Wee-Instruct")),
        ("a/Wee-Chat", "b/Wee-Chat", ("a/Wee-Chat", "b/Wee-Chat")),
        ("wee", "wee", (f"wee {'0' * 16}", f"wee {'1' * 16}")),
    ],
)
def test_names_are_as_short_as_tells_them_apart(one: str, two: str, short: tuple[str, str]) -> None:
    assert short_names(small_chat(name=one), small_chat(name=two, seed=1)) == short


def general() -> tuple[list[Question], list[ArmResult]]:
    """Forty general questions, of which the fine-tuned arm has forgotten what base knows; one of the text, lost too."""
    asked = [question(str(number), GENERAL) for number in range(40)] + [question("t")]
    said = [result(arm, each.id, choice=arm == "tuned", outcome="wrong") for arm in ("base", "tuned") for each in asked]
    said = [replace(each, outcome="exact" if each.arm == "base" else "wrong", loops=True, ended=True) for each in said]
    return asked, said


def test_what_one_model_knew_is_nothing_that_the_other_forgot_or_lost() -> None:
    asked, said = general()
    assert aggregate_results(asked, said, set(), 0).forgetting["choice"].value == -1
    assert aggregate_results(asked, said, set(), 0, NAMES).forgetting == {}
    assert count_causes(asked, said, set())["tuned"] == {LOST: 1}
    assert count_causes(asked, said, set(), NAMES)["tuned"] == {NOT_LEARNT: 1}


def test_a_fault_that_only_the_other_model_has_does_not_excuse_training() -> None:
    asked = [question(str(number)) for number in range(8)]
    said = [result(arm, each.id, loops=True, ended=True) for arm in ("base", "tuned") for each in asked]
    figures = aggregate_results(asked, said, set(), 0)
    keys = [{each.values["arm"]: each.key for each in warn_of_degenerate(figures, models)} for models in ({}, NAMES)]
    assert [each["tuned"] for each in keys] == ["form.manner", "form.looping"]


def test_questions_that_one_of_two_models_knows_count_and_that_is_said() -> None:
    assert left_out({"a", "b"}, {}) == {"a", "b"}
    assert left_out({"a", "b"}, NAMES) == set()
    assert counterparts({}) == {"tuned": "base", "both": "rag"}
    assert counterparts(NAMES) == {}


def test_what_the_base_arm_knows_is_counted_in_the_verdict(models: ArmModels, taken: dict[str, Report]) -> None:
    report = taken["both"]
    known = next(each for each in report.questions if each.origin == "made" and each.answerable)
    right = [
        replace(each, outcome="exact") if (each.arm, each.question) == ("base", known.id) else each
        for each in report.results
    ]
    bare = Material([document()])
    two, one = (
        evaluation_exam.build_report(report.plan, report.questions, right, each, bare)
        for each in (models, ArmModels.one(models.tuned))
    )
    assert (two.known, one.known) == (set(), {known.id})
    said = next(render_statement(each, models=two.models) for each in two.verdict if each.key == "mind.kept")
    assert "the base model (Wee-2M) answers without the text" in said
    assert "mind.known" not in [each.key for each in two.verdict]
    assert "mind.kept" not in [each.key for each in one.verdict]


def test_the_headline_names_the_models_where_no_way_is_better(taken: dict[str, Report]) -> None:
    headline = draw_headline(taken["both"].verdict)
    assert headline
    assert "-1M)" in render_statement(headline, "en", NAMES) or "-2M)" in render_statement(headline, "en", NAMES)


def test_an_exam_in_a_folder_keeps_its_second_model(tmp_path: Path, models: ArmModels, material: Material) -> None:
    folder = begun(tmp_path, models, material)
    assert json.loads((folder / CONFIG).read_text())["untuned_base"] == UNTUNED_NAME
    assert read_exam(folder)[0].models == (TUNED_NAME, UNTUNED_NAME)
