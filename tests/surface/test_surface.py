"""What `import playground` offers, on the tiny model: a text, a run, answers, an exam; and what it refuses."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import playground
from playground import device
from playground.cli.main import main
from playground.errors import UserError
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam_plan import Plan
from playground.models.chat_choice import facts_of, memory_bytes
from playground.models.registry import chat_source
from playground.surface.exam import load_models
from playground.surface.training import Trained
from tests.fakes.command_line import TEXT
from tests.fakes.texts import CLUB_RULES
from tests.fakes.two_bases import OTHER

ROOT = Path(__file__).parents[2]
FAST = {"steps": 4, "batch_tokens": 64, "window": 64, "evaluations": 1, "rank": 4}


@pytest.fixture(scope="module", autouse=True)
def environment(long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The settings are the environment's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYGROUND_CHAT_MODEL", str(long_window_folder))
        patch.setenv("PLAYGROUND_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="module")
def text() -> playground.Text:
    """A small text."""
    return playground.Text.of(TEXT, "town.md")


@pytest.fixture(scope="module")
def run(text: playground.Text, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run of a second on it."""
    return playground.train(text, tmp_path_factory.mktemp("runs") / "new" / "run", **FAST)


@pytest.fixture(scope="module")
def arms(text: playground.Text, run: Trained) -> playground.Arms:
    """Both."""
    return playground.Arms(text, adapter=run.folder)


def test_the_import_loads_nothing_and_lists_what_there_is() -> None:
    program = (
        "import sys, playground; heavy = {'torch', 'transformers', 'numpy', 'gradio'} & set(sys.modules);"
        "assert not heavy, heavy; assert set(playground.__all__) <= set(dir(playground));"
        "from playground import Text; print(Text.__name__)"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "Text\n"
    with pytest.raises(AttributeError, match="no attribute 'serve'"):
        playground.serve  # noqa: B018
    assert all(vars(playground)["__getattr__"](name).__doc__ for name in playground.__all__)


def test_a_file_and_a_string_are_read_as_the_page_reads_them(tmp_path: Path, text: playground.Text) -> None:
    (tmp_path / "town.md").write_text(TEXT)
    assert playground.Text.read(tmp_path / "town.md") == playground.Text.read(str(tmp_path / "town.md")) == text
    assert [each.name for each in text.documents] == ["town.md"]
    with pytest.raises(UserError, match="No file was named"):
        playground.Text.read()
    with pytest.raises(UserError, match=r"missing\.md is missing"):
        playground.Text.read(tmp_path / "missing.md")


def test_a_run_ends_with_an_adapter_in_its_folder(run: Trained) -> None:
    assert (run.end.reason, run.end.step, len(run.progress)) == ("done", 4, 5)
    assert run.end.adapter == run.folder / "adapter"
    assert {"config.json", "documents.json", "events.jsonl", "adapter"} <= {each.name for each in run.folder.iterdir()}


def test_all_arms_answer_in_one_call_and_few_shot_only_where_it_is_named(arms: playground.Arms) -> None:
    assert arms.names == ("base", "rag", "few_shot", "tuned", "both")
    answers = playground.ask(arms, "Who keeps the keys of every ship?", max_new_tokens=4)
    assert list(answers) == ["base", "rag", "tuned", "both"]
    assert "harbour master" in answers["rag"].passages[0].passage.text
    assert all(each.done and each.tokens > 0 for each in answers.values())
    assert list(playground.ask(arms, "Who?", ["tuned"], max_new_tokens=4)) == ["tuned"]


def test_an_exam_gives_a_verdict_and_a_report(run: Trained, tmp_path: Path) -> None:
    arms = playground.Arms(playground.Text.of(CLUB_RULES), adapter=run.folder)
    told: list[int] = []
    found = playground.examine(
        arms, tmp_path, ["base", "rag"], on_progress=lambda event: told.append(event.done), limit=4, facts=0
    )
    assert found.verdict
    assert set(found.report.figures.arms) == {"base", "rag"}
    assert (tmp_path / "report.html").is_file()
    assert told[0] == 0 < told[-1]


def test_the_arms_without_an_adapter_may_be_of_another_model(run: Trained, bases: Path, tmp_path: Path) -> None:
    arms = playground.Arms(playground.Text.of(CLUB_RULES), adapter=run.folder)
    named = ["base", "tuned"]
    found = playground.examine(arms, tmp_path, named, untuned_model=str(bases / OTHER), limit=4, facts=0)
    assert found.verdict[0].startswith("Two chat models answered")
    assert found.report.models["base"] == OTHER
    assert found.report.stamp["base"] == arms.chat.hash != found.report.stamp["untuned_base"]
    same = playground.examine(arms, tmp_path, named, untuned_model=str(arms.settings.chat_model), limit=4, facts=0)
    assert not same.report.models
    with pytest.raises(UserError, match="nowhere is not on this machine"):
        playground.examine(arms, tmp_path, named, untuned_model="owner/nowhere")


def test_a_second_model_needs_room_beside_the_one_that_is_loaded(
    arms: playground.Arms, bases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = chat_source(arms.settings, str(bases / OTHER))
    plan = Plan(
        ExamSettings(), ("base", "tuned"), arms.adapter_folders["adapter"], None, untuned_base=str(other.folder)
    )
    needed = memory_bytes(facts_of(OTHER, other).parameters, device.choose(), arms.settings.answer_bits)
    monkeypatch.setattr(device, "free_memory", lambda _: needed)
    assert load_models(plan, arms.settings, arms.chat).are_two
    with pytest.raises(UserError, match=f"no room for .* and {OTHER} at once"):
        load_models(plan, arms.settings)
    monkeypatch.setattr(device, "free_memory", lambda _: needed - 1)
    with pytest.raises(UserError, match=f"no room for .* and {OTHER} at once"):
        load_models(plan, arms.settings, arms.chat)


def test_what_cannot_be_used_is_named(arms: playground.Arms, text: playground.Text, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no way to answer called 'best'"):
        playground.ask(arms, "Who?", ["best"])
    with pytest.raises(UserError, match="other needs the folder of an adapter"):
        playground.ask(arms, "Who?", ["other"])
    with pytest.raises(UserError, match="rag needs a text"):
        playground.ask(playground.Arms(), "Who?", ["rag"])
    with pytest.raises(UserError, match="holds no adapter"):
        playground.Arms(adapter=tmp_path)
    with pytest.raises(UserError, match="colour is no option of lora"):
        playground.train(text, tmp_path, colour="red")
    with pytest.raises(UserError, match="no preset 'endless'"):
        playground.train(text, tmp_path, preset="endless")


def test_the_command_in_a_report_gives_the_exam_again(run: Trained, tmp_path: Path) -> None:
    arms = playground.Arms(playground.Text.of(CLUB_RULES), adapter=run.folder)
    first = playground.examine(arms, tmp_path / "first", ["base", "gold"], limit=4, facts=0)
    command = json.loads((first.folder / "report.json").read_text())["command"]
    words = shlex.split(command.replace("--out=DIR", f"--out={tmp_path / 'again'}"))
    assert main(words[3:]) == 0
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    assert {(each["arm"], each["question"]): each["text"] for each in again["answers"]} == {
        (each.arm, each.question): each.text for each in first.report.results
    }


def test_an_exam_may_take_the_questions_of_the_one_that_it_replaces(run: Trained, tmp_path: Path) -> None:
    arms = playground.Arms(playground.Text.of(CLUB_RULES), adapter=run.folder)
    first = playground.examine(arms, tmp_path, ["base"], limit=4, facts=0)
    again = playground.examine(arms, tmp_path, ["base"], tmp_path / "questions.jsonl", facts=0)
    assert [each.id for each in again.report.questions] == [each.id for each in first.report.questions]


def test_a_text_without_pairs_is_examined_without_few_shot(run: Trained, tmp_path: Path) -> None:
    rain = "\n\n".join(f"Il pleut sur la ville et sur le port {n} depuis ce matin." for n in range(8))
    arms = playground.Arms(playground.Text.of(rain))
    file = tmp_path / "q.csv"
    file.write_text("question,answer\nOù pleut-il ?,sur la ville\n")
    found = playground.examine(arms, tmp_path / "exam", file=file, facts=0)
    assert set(found.report.figures.arms) == {"base", "rag", "gold"}
