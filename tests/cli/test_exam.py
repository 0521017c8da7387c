"""`exam` with a second chat model: its answers, a resumption, the command that gives it again, and refusals."""

import json
import shlex
from pathlib import Path

import pytest

from playground import device
from tests.fakes.command_line import RunCommand, train
from tests.fakes.two_bases import OTHER

SMALL = ("--arms", "base,tuned", "--limit", "4", "--facts", "2")


def answers(folder: str) -> dict[tuple[str, str], str]:
    """What each arm answered to each question."""
    stored = json.loads((Path(folder) / "report.json").read_text())
    return {(each["arm"], each["question"]): each["text"] for each in stored["answers"]}


def test_an_exam_of_two_models_goes_on_and_its_command_gives_it_again(run: RunCommand, bases: Path) -> None:
    train(run)
    ran = run("exam", "--adapter", "run", *SMALL, "--untuned-model", str(bases / OTHER), "--out", "exam", "--json")
    assert ran.code == 0, ran.err
    verdict = ran.lines[-1]
    assert verdict["models"]["base"] == OTHER != verdict["models"]["tuned"]
    assert verdict["verdict"].startswith("Two chat models answered")
    first = answers("exam")
    assert run("exam", "--resume", "--out", "exam").code == 0
    stored = json.loads(Path("exam/report.json").read_text())
    assert (answers("exam"), stored["plan"]["untuned_base"]) == (first, "MODEL")
    again = shlex.split(stored["command"].replace("--out=DIR", "--out=again"))
    assert run(*again[3:]).code == 0
    assert answers("again") == first
    shown = run("exam", "--resume", "--out", "again").out
    assert f"base ({OTHER})" in shown


def test_a_model_is_named_by_the_hosts_list_and_the_hosts_own_is_no_second(
    run: RunCommand, bases: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CHAT_MODELS", str(bases / OTHER))
    train(run)
    words = ("exam", "--adapter", "run", *SMALL, "--json", "--out", "exam", "--untuned-model")
    missing = run(*words, "owner/nowhere")
    assert missing.code == 2
    assert "The chat model owner/nowhere is not on this machine" in missing.err
    for wanted, named in ((OTHER, OTHER), (tiny_model_folder.name, None), (str(tiny_model_folder), None)):
        ran = run(*words, wanted)
        assert ran.code == 0, ran.err
        assert ran.lines[-1]["models"].get("base") == named


def test_an_exam_of_another_model_than_the_hosts_is_given_again_by_its_command(
    run: RunCommand, bases: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PLAYGROUND_CHAT_MODEL", str(bases / OTHER))
        train(run)
    words = ("exam", "--adapter", "run", *SMALL, "--json", "--out", "exam", "--model", str(bases / OTHER))
    ran = run(*words, "--untuned-model", str(tiny_model_folder))
    assert ran.code == 0, ran.err
    assert ran.lines[-1]["models"]["base"] == tiny_model_folder.name
    assert run(*words).code == 0
    stored = json.loads(Path("exam/report.json").read_text())
    first = answers("exam")
    again = shlex.split(stored["command"].replace("--out=DIR", "--out=again"))
    assert f"--model={bases / OTHER}" in again
    assert run(*again[3:]).code == 0
    assert answers("again") == first


def test_two_models_without_room_for_both_are_refused_and_one_is_not(
    run: RunCommand, bases: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(run)
    monkeypatch.setattr(device, "free_memory", lambda _: 1000)
    words = ("exam", "--adapter", "run", *SMALL, "--out", "exam")
    refused = run(*words, "--untuned-model", str(bases / OTHER))
    assert refused.code == 2
    assert f"The memory has no room for {tiny_model_folder.name} and {OTHER} at once (0.0 GB)" in refused.err
    assert run(*words).code == 0


def test_a_drill_of_two_models_is_refused(run: RunCommand, bases: Path) -> None:
    train(run)
    assert run("index", "town.md", "--out", "index").code == 0
    words = ("exam", "--adapter", "run", "--index", "index", "--drill", "--out", "exam")
    refused = run(*words, "--untuned-model", str(bases / OTHER))
    assert refused.code == 2
    assert "The edit-a-fact drill trains and asks one chat model" in refused.err
