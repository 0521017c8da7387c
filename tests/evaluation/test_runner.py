"""An exam as it is taken: by every arm on a tiny model, stopped and gone on with, twice the same, and controls."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import adapters
from playground.errors import UserError
from playground.evaluation import exam as evaluation_exam
from playground.evaluation import question_set, results
from playground.evaluation.arm_models import ArmModels
from playground.evaluation.arms import ARMS, Material, build_input, is_asked, right_passages
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam import Report
from playground.evaluation.exam_plan import Plan, write_exam
from playground.evaluation.knowledge_edit import Drill, choose_fact, edit_document, find_unique_fact, run_drill
from playground.evaluation.likelihood import Continuations, Likelihood, continuations, likeliest, likelihoods
from playground.evaluation.llm_judge import add_judgements
from playground.evaluation.provenance import content_hashes
from playground.evaluation.questions import RECALL, UNANSWERABLE, AnswerSpan, Question
from playground.evaluation.statements import render_statement
from playground.inference.engine import Prompt
from playground.inference.served_adapter import ServedAdapter
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import CONFIG
from playground.training import loop as training_loop
from playground.training.config import RunConfig, TrainSettings
from retrieval.document import Document, Pair, Span
from retrieval.index import Index
from tests.fakes.chat_model import lora, small_chat
from tests.fakes.embedders import WordEmbedder
from tests.fakes.exams import TEXT, document, index, question, result

SETTINGS = ExamSettings(limit=10, answer_tokens=4, rows=5)


@pytest.fixture(scope="module")
def chat() -> ChatModel:
    return small_chat(window=4096)


@pytest.fixture(scope="module")
def material() -> Material:
    adapter = ServedAdapter("LoRA", "a" * 16, "lora", lora(1))
    return Material([document()], index(), WordEmbedder(), adapter)


def begun(folder: Path, chat: ChatModel, material: Material, arms: tuple[str, ...] = ARMS) -> Path:
    drawn = question_set.from_text([document()], SETTINGS.limit, 0)
    plan = Plan(SETTINGS, arms, None, None, tuple(drawn.findings), content_hashes(ArmModels.one(chat), material))
    write_exam(folder, plan, drawn, [document()])
    return folder


def finished(folder: Path, chat: ChatModel, material: Material) -> Report:
    *_, outcome = evaluation_exam.run_exam(folder, ArmModels.one(chat), material)
    assert isinstance(outcome, Report)
    return outcome


def year() -> Question:
    start = TEXT.index("founded in") + len("founded in ")
    return question(
        "y",
        question="When was the Harbour museum founded?",
        answers=("1884",),
        distractors=("1901", "1756"),
        places=(AnswerSpan("museums.txt", start, start + 4),),
    )


def test_the_likelihood_of_a_choice_is_that_of_its_tokens_after_the_prompt(chat: ChatModel) -> None:
    prompt, answers = [5, 9, 40, 77], [[30], [31, 32, 33], [34, 35]]
    found = likelihoods(chat, Prompt(prompt), Continuations([60, 61], answers))
    for each, answer in zip(found, answers, strict=True):
        ids = torch.tensor([[*prompt, 60, 61, *answer]])
        with torch.no_grad():
            logits = chat.model(input_ids=ids).logits[0, 5:-1].log_softmax(-1)
        assert each.total == pytest.approx(float(logits.gather(1, ids[0, 6:, None]).sum()), abs=1e-3)
        assert each.tokens == len(answer)


def test_an_adapter_changes_the_likelihood(chat: ChatModel) -> None:
    following = Continuations([], [[30, 31]])
    plain, adapted = (likelihoods(chat, Prompt([5, 9], each), following)[0].total for each in (None, lora(1)))
    assert plain != pytest.approx(adapted, abs=1e-3)


def test_short_answers_follow_a_lead_in_the_questions_language_long_ones_none(chat: ChatModel) -> None:
    lead = chat.tokenizer.decode(continuations(chat.tokenizer, year()).lead)
    assert lead == "The answer is"
    vietnamese = question("v", question="Bảo tàng được thành lập năm nào và ở đâu?")
    assert chat.tokenizer.decode(continuations(chat.tokenizer, vietnamese).lead) == "Câu trả lời là"
    assert continuations(chat.tokenizer, question("r", RECALL)).lead == []


def test_short_answers_are_compared_whole_long_ones_by_the_token() -> None:
    assert likeliest([Likelihood(-5, 4), Likelihood(-4, 1)]) == 1
    assert likeliest([Likelihood(-60, 40), Likelihood(-40, 20)]) == 0


def test_each_arm_gets_what_it_should(chat: ChatModel, material: Material) -> None:
    given = {name: build_input(name, year(), material, chat, 256).given for name in ARMS}
    assert not given["base"].passages
    assert given["base"] == given["tuned"]
    assert [each.text for each in given["gold"].passages] == [each.text for each in right_passages(year(), material)]
    assert given["rag"].passages == given["both"].passages != []
    assert given["few_shot"].turns


def test_worked_examples_never_say_the_answer_itself(chat: ChatModel, material: Material) -> None:
    place = year().places[0]
    examples = build_input("few_shot", year(), material, chat, 256).given.examples
    assert examples is not None
    for each in examples.chosen:
        start, end = map(int, each.place.rpartition(":")[2].split("-"))
        assert end <= place.start or start >= place.end


def test_a_withheld_section_is_not_found(chat: ChatModel, material: Material) -> None:
    asked = year()
    withheld = Question(**{**vars(asked), "kind": UNANSWERABLE, "withheld": True})
    assert build_input("rag", asked, material, chat, 512).ranks
    hidden = build_input("rag", withheld, material, chat, 512)
    assert not hidden.ranks
    assert not any("1884" in each.text for each in hidden.given.passages)


def test_a_text_of_one_passage_holds_nothing_once_that_is_withheld(chat: ChatModel, material: Material) -> None:
    index = material.index
    assert index is not None
    (holds,) = [n for n, each in enumerate(index.passages) if "1884" in each.text]
    alone = Index([index.passages[holds]], index.vectors[[holds]], index.embedder, index.embedder_hash, index.language)
    short = replace(material, index=alone)
    withheld = Question(**{**vars(year()), "kind": UNANSWERABLE, "withheld": True})
    assert build_input("rag", withheld, short, chat, 512).given.abstains


def test_general_questions_go_to_arms_without_passages_and_gold_only_to_what_has_a_place(material: Material) -> None:
    general = question_set.general_questions()[0]
    assert [name for name in ARMS if is_asked(name, general, material)] == ["base", "tuned"]
    unanswerable = question("u", UNANSWERABLE, answers=())
    assert not is_asked("gold", unanswerable, material)
    assert is_asked("gold", year(), material)


def test_an_exam_has_an_answer_of_every_arm_to_every_question(
    tmp_path: Path, chat: ChatModel, material: Material
) -> None:
    report = finished(begun(tmp_path, chat, material), chat, material)
    asked = [(arm, each.id) for arm in ARMS for each in report.questions if is_asked(arm, each, material)]
    assert [(each.arm, each.question) for each in report.results] == asked
    assert set(report.figures.arms) == set(ARMS)


def test_every_free_answer_is_judged_but_where_the_arm_abstains(
    tmp_path: Path, chat: ChatModel, material: Material
) -> None:
    report = finished(begun(tmp_path, chat, material), chat, material)
    written = [each for each in report.results if each.text]
    silent = [each for each in report.results if each.abstained and not each.tokens]
    assert written
    for each in written:
        assert each.ended is not None
        assert each.ended == (each.tokens < SETTINGS.answer_tokens) or each.tokens == SETTINGS.answer_tokens
        assert None not in (each.loops, each.echo, each.new_names, each.useful)
    assert all((each.ended, each.useful) == (None, False) for each in silent)
    assert any(each.fact_recall is not None for each in written)


def test_the_facts_are_told_apart_once_and_read_again(
    tmp_path: Path, chat: ChatModel, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = begun(tmp_path, chat, material, ("base", "tuned"))
    once = finished(folder, chat, material)
    assert once.facts is not None
    assert set(once.facts.shares) == {"base", "tuned"}
    monkeypatch.setattr(evaluation_exam, "measure_facts", None)
    assert finished(folder, chat, material).facts == once.facts


def test_a_stop_in_the_fact_test_leaves_the_report_for_later(
    tmp_path: Path, chat: ChatModel, material: Material
) -> None:
    folder = begun(tmp_path, chat, material, ("base", "tuned"))
    stopped: list[str] = []
    for step in evaluation_exam.run_exam(folder, ArmModels.one(chat), material, lambda: bool(stopped)):
        assert not isinstance(step, Report)
        if step.arm == evaluation_exam.FACTS:
            stopped.append(step.arm)
    assert stopped
    assert finished(folder, chat, material).facts is not None


def test_without_facts_in_the_settings_or_an_adapter_there_is_no_fact_test(
    tmp_path: Path, chat: ChatModel, material: Material
) -> None:
    bare = Material([document()])
    assert finished(begun(tmp_path / "a", chat, bare, ("base",)), chat, bare).facts is None
    folder = begun(tmp_path / "b", chat, material, ("base", "tuned"))
    stored = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**stored, "settings": {**stored["settings"], "facts": 0}}))
    assert finished(folder, chat, material).facts is None


def test_stopped_and_gone_on_with_it_is_the_same_exam(tmp_path: Path, chat: ChatModel, material: Material) -> None:
    whole = finished(begun(tmp_path / "whole", chat, material), chat, material)
    folder = begun(tmp_path / "parts", chat, material)
    for _ in range(3):
        steps = evaluation_exam.run_exam(folder, ArmModels.one(chat), material)
        next(steps)
        next(steps)
        steps.close()
    with (folder / evaluation_exam.ANSWERS).open("a") as file:
        file.write('{"arm": "base", "quest')  # a kill cut this line short
    again = finished(folder, chat, material)
    assert facts(again) == facts(whole)


def test_the_same_exam_twice_gives_the_same_report(tmp_path: Path, chat: ChatModel, material: Material) -> None:
    once, again = (finished(begun(tmp_path / name, chat, material), chat, material) for name in ("a", "b"))
    assert facts(once) == facts(again)
    assert [each for each in once.verdict if each.topic != "cost"] == [
        each for each in again.verdict if each.topic != "cost"
    ]


def test_a_stop_ends_it_before_the_next_answer_and_keeps_what_there_is(
    tmp_path: Path, chat: ChatModel, material: Material
) -> None:
    folder = begun(tmp_path, chat, material)
    answers = folder / evaluation_exam.ANSWERS
    steps = list(evaluation_exam.run_exam(folder, ArmModels.one(chat), material, answers.exists))
    assert not isinstance(steps[-1], Report)
    assert len(results.read_results(answers)) == SETTINGS.rows


def test_another_adapter_may_not_go_on_with_an_exam(tmp_path: Path, chat: ChatModel, material: Material) -> None:
    folder = begun(tmp_path, chat, material)
    other = Material([document()], index(), WordEmbedder(), ServedAdapter("LoRA", "b" * 16, "lora", lora(2)))
    with pytest.raises(UserError, match="has changed since"):
        list(evaluation_exam.run_exam(folder, ArmModels.one(chat), other))


def test_an_arm_that_lacks_its_index_is_refused(tmp_path: Path, chat: ChatModel, material: Material) -> None:
    bare = Material([document()])
    folder = begun(tmp_path, chat, bare, ("base", "rag"))
    with pytest.raises(UserError, match="The arm rag lacks"):
        list(evaluation_exam.run_exam(folder, ArmModels.one(chat), bare))
    assert bare.available_arms() == ["base", "gold"]


def test_an_arm_against_itself_is_too_close_to_call(tmp_path: Path, chat: ChatModel) -> None:
    nothing = ServedAdapter("LoRA", "c" * 16, "lora", None)
    same = Material([document()], None, None, nothing)
    report = finished(begun(tmp_path, chat, same, ("base", "tuned")), chat, same)
    (found,) = report.figures.choices
    assert (found.value, found.differs) == (0, False)
    assert [each.key for each in report.verdict if each.topic == "who"] == ["who.equal"]
    assert report.facts is not None
    assert report.facts.gain is not None
    assert (report.facts.gain.value, report.facts.gain.differs) == (0, False)


def test_a_changed_fact_moves_everything_behind_it() -> None:
    text = "A\n\nThe year is 1884.\n\nB\n\nWho?\nAnna."
    start = text.index("1884")
    asked = Document(
        "a",
        text,
        (Span(0, len(text), "1"),),
        (Span(0, text.index("B"), "A"), Span(text.index("B"), len(text), "B")),
        (Pair("Who?", "Anna.", text.index("Who"), len(text)),),
    )
    changed = edit_document(asked, start, start + 4, "about 2001")
    assert changed.text == text.replace("1884", "about 2001")
    assert [changed.text[each.start] for each in changed.headings] == ["A", "B"]
    (pair,) = changed.pairs
    assert (pair.question, pair.answer) == ("Who?", "Anna.")
    assert changed.text[pair.start : pair.end] == "Who?\nAnna."


def test_a_changed_answer_of_a_pair_is_changed_in_the_pair() -> None:
    asked = Document("a", "Who?\nAnna came.", pairs=(Pair("Who?", "Anna came.", 0, 15),))
    (pair,) = edit_document(asked, 5, 9, "Bernadette").pairs
    assert (pair.question, pair.answer, pair.end) == ("Who?", "Bernadette came.", 21)


def test_a_change_reaches_the_turns_and_the_context_of_later_pairs() -> None:
    text = "Anna has the key.\n\nWho?\nAnna.\n\nSure?\nYes."
    start = text.index("Who?")
    first = Pair("Who?", "Anna.", start, start + 10, context=(0, 17))
    later = Pair("Sure?", "Yes.", start + 12, len(text), turns=(("Who?", "Anna."),), context=(0, 17))
    asked = Document("a", text, pairs=(first, later))
    answered = edit_document(asked, start + 5, start + 9, "Bernadette")
    assert answered.pairs[1].turns == (("Who?", "Bernadette."),)
    told = edit_document(asked, 0, 4, "Bernadette")
    assert [told.text[slice(*pair.context)] for pair in told.pairs if pair.context] == ["Bernadette has the key."] * 2
    assert [(pair.question, pair.answer) for pair in told.pairs] == [("Who?", "Anna."), ("Sure?", "Yes.")]


def test_questions_written_about_a_changed_fact_go_and_others_move() -> None:
    written = (Pair("Who?", "Anna", 0, 4), Pair("When?", "1884", 13, 17), Pair("Where?", "Orrin", 21, 26))
    changed = edit_document(Document("a", "Anna came in 1884 to Orrin.", questions=written), 13, 17, "about 2001")
    assert [each.answer for each in changed.questions] == ["Anna", "Orrin"]
    assert [changed.text[each.start : each.end] for each in changed.questions] == ["Anna", "Orrin"]


def test_a_fact_that_stands_twice_is_not_drilled() -> None:
    text = "It opened in 1884. Ever since it has been open."
    asked = replace(
        question("q", answers=("1884",)),
        places=(AnswerSpan("a", 13, 17),),
        distractors=("1901",),
    )
    assert find_unique_fact([asked], [Document("a", text)]) == asked
    assert find_unique_fact([asked], [Document("a", f"{text} 1884 was a good year.")]) is None
    assert find_unique_fact([asked], [Document("a", text), Document("b", "A map of 1884.")]) is None


def test_a_drill_finds_its_fact_in_the_text_where_the_exam_asks_about_none() -> None:
    found = choose_fact([], [document()], 0)
    assert found is not None
    assert TEXT.count(found.answers[0]) == 1
    assert choose_fact([], [Document("a", "It rains.")], 0) is None


def test_the_drill_trains_on_what_the_run_was_trained_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "It opened in 1884. Ever since it has been open."
    asked = replace(
        question("q", answers=("1884",)),
        places=(AnswerSpan("a", 13, 17),),
        distractors=("1901",),
    )
    shorter = Document("a", "In 1884.", questions=(Pair("What?", "In", 0, 2),))
    seen: list[Document] = []
    monkeypatch.setattr(training_loop, "train", lambda _c, _m, texts, *_: seen.extend(texts) or iter(()))
    config = RunConfig("lora", adapters.get("lora").Options(), TrainSettings())
    model = small_chat()
    list(run_drill(model, asked, Material([Document("a", text)]), config, [shorter], tmp_path / "drill", lambda: False))
    assert seen == [replace(shorter, text="In 1901.")]


def test_a_drill_that_could_not_be_done_is_told(tmp_path: Path, chat: ChatModel) -> None:
    bare = Material([document()])
    folder = begun(tmp_path, chat, bare, ("base",))
    plan = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**plan, "drill": True}))
    verdict = finished(folder, chat, bare).verdict
    assert "drill.none" in [each.key for each in verdict]


def test_the_drill_changes_one_fact_trains_anew_and_tells_where_each_arm_stands(
    tmp_path: Path, chat: ChatModel, material: Material
) -> None:
    settings = TrainSettings(steps=2, batch_tokens=64, window=64, evaluations=1)
    config = RunConfig("lora", adapters.get("lora").Options(), settings)
    changed = find_unique_fact(question_set.from_text([document()], 40, 0).questions, [document()])
    assert changed is not None
    *steps, outcome = run_drill(chat, changed, material, config, [document()], tmp_path / "drill", lambda: False)
    assert isinstance(outcome, Drill)
    assert steps
    assert [each.arm for each in outcome.arms] == ["base", "rag", "tuned", "both", "tuned_again"]
    assert {each.likelier for each in outcome.arms} <= {"old", "new"}
    stored = Drill.from_dict(json.loads((tmp_path / "drill.json").read_text()))
    assert stored == outcome
    again = build_input("rag", changed, material, chat, 512).given.passages
    assert any(changed.answers[0] in each.text for each in again), "the exam's own text is as it was"


def test_a_judge_is_named_with_its_opinion_and_may_not_be_the_examined_model(tmp_path: Path, chat: ChatModel) -> None:
    bare = Material([document()])
    report = finished(begun(tmp_path, chat, bare, ("base", "gold")), chat, bare)
    with pytest.raises(UserError, match="cannot judge itself"):
        add_judgements(report, chat)
    other = replace(small_chat(window=4096), hash="1" * 16, name="judge")
    told = add_judgements(report, other)
    assert set(told.judged) == {"base", "gold"}
    assert told.figures == report.figures
    said = [render_statement(each) for each in told.verdict if each.key == "mind.judge"]
    assert len(said) == 2
    assert all("another model, judge" in each for each in said)


def test_a_damaged_exam_says_so(tmp_path: Path, chat: ChatModel, material: Material) -> None:
    folder = begun(tmp_path, chat, material)
    (folder / CONFIG).write_text(json.dumps({"kind": "exam"}))
    with pytest.raises(UserError, match="damaged"):
        list(evaluation_exam.run_exam(folder, ArmModels.one(chat), material))


def facts(report: Report) -> list[dict]:
    """All that was answered, without how long it took."""
    return [{key: value for key, value in each.to_dict().items() if key != "seconds"} for each in report.results]


def test_the_drill_changes_no_part_of_another_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "The house on 4.12 acres of 1912 has 12 rooms, or 12,5."
    asked = replace(
        question("q", answers=("12",)),
        places=(AnswerSpan("a", 36, 38),),
        distractors=("31",),
    )
    assert find_unique_fact([asked], [Document("a", text)]) == asked
    seen: list[Document] = []
    monkeypatch.setattr(training_loop, "train", lambda _c, _m, texts, *_: seen.extend(texts) or iter(()))
    config = RunConfig("lora", adapters.get("lora").Options(), TrainSettings())
    documents = [Document("a", text)]
    list(run_drill(small_chat(), asked, Material(documents), config, documents, tmp_path / "drill", lambda: False))
    assert [each.text for each in seen] == ["The house on 4.12 acres of 1912 has 31 rooms, or 12,5."]


def test_an_answer_with_a_line_separator_is_read_again(tmp_path: Path) -> None:
    said = result("base", "q", text="One\u2028two\x85three.")
    results.append_results(tmp_path / "answers.jsonl", [said])
    assert results.read_results(tmp_path / "answers.jsonl") == [said]
