"""`train` and `bakeoff`: steps, flags, limits, interruption and resumption."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from playground.cli.commands import arguments, bakeoff
from playground.cli.main import main
from playground.jobs import worker
from playground.settings import Settings
from playground.storage.run_folder import read_events
from playground.training.config import PRESETS
from tests.fakes.command_line import FAST, TEXT, RunCommand, train


def test_training_reports_every_step_and_leaves_a_run_folder(run: RunCommand, tmp_path: Path) -> None:
    *steps, last = train(run, "--seed", "3", "--rslora").lines
    assert [each["step"] for each in steps] == [0, 1, 2, 3, 4]
    assert {"step", "loss", "heldout_loss", "tokens_per_second", "seconds_left"} <= set(steps[1])
    assert last["adapter"] == "run/adapter"
    assert last["heldout_after"] < last["heldout_before"]
    assert last["reason"] == "done"
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert (config["options"]["rank"], config["options"]["rslora"], config["settings"]["seed"]) == (4, True, 3)
    assert {each.name for each in (tmp_path / "run").iterdir()} <= set(arguments.RUN_FILES)
    assert read_events(tmp_path / "run")[-1]["heldout_after"] == last["heldout_after"]
    assert arguments.adapter("run") == arguments.adapter("run/adapter") == Path("run/adapter")


def test_a_process_of_its_own_writes_nothing_but_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "playground", "train", "town.md", "--method", "lora", "--out", "run", *FAST]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run([*command, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout.splitlines()[-1])["adapter"] == "run/adapter"


def test_the_mix_of_text_and_questions_can_be_asked_for(run: RunCommand) -> None:
    words = ["train", "town.md", "--method", "lora", "--steps", "1", "--window", "64", "--batch-tokens", "64"]
    assert run(*words, "--pairs-share", "0", "--passages-share", "1", "--out", "run").code == 0
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert (settings["pairs_share"], settings["passages_share"]) == (0, 1)
    refused = run(*words, "--pairs-share", "1.5", "--out", "other")
    assert refused.code != 0
    assert "Questions must be between 0 and 1, got '1.5'" in refused.err


def test_what_to_teach_sets_the_mix_and_a_flag_of_its_own_wins(run: RunCommand) -> None:
    words = ["train", "town.md", "--method", "lora", "--steps", "1", "--window", "64", "--batch-tokens", "64"]
    assert run(*words, "--teach", "style", "--pairs-share", "0.1", "--plan-only", "--out", "run").code == 0
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert (settings["text_form"], settings["pairs_share"], settings["passages_share"]) == ("windows", 0.1, 0)
    refused = run(*words, "--teach", "poems", "--out", "other")
    assert refused.code != 0
    assert "no mix 'poems' to teach; choose one of sentences, style, pairs" in refused.err


def test_a_file_of_pairs_is_taught_as_given_and_its_short_answers_are_warned_of(run: RunCommand) -> None:
    rows = [
        json.dumps({"question": f"What is thing number {n} in the list?", "answer": f"Thing {n}"}) for n in range(60)
    ]
    Path("pairs.jsonl").write_text("\n".join(rows))
    ran = run("train", "pairs.jsonl", "--method", "lora", "--steps", "1", "--plan-only", "--out", "run", "--json")
    assert ran.code == 0, ran.err
    (warning,) = [each for each in ran.lines if each["event"] == "warning"]
    assert (warning["kind"], warning["file"]) == ("short_answers", "pairs.jsonl")
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert (settings["pairs_share"], settings["passages_share"]) == (0, 0)


def test_a_text_longer_than_its_steps_names_the_part_that_is_read(run: RunCommand) -> None:
    sections = [f"# Part {n}\n\nRule {n} of the house is that door {n} is closed at night." for n in range(200)]
    Path("long.md").write_text("\n\n".join(sections))
    words = ["train", "long.md", "--method", "lora", "--steps", "2", "--window", "64", "--out", "run"]
    planned = run(*words, "--plan-only", "--json")
    assert planned.code == 0, planned.err
    (part,) = planned.lines
    assert part["event"] == "part"
    assert 0 < part["sections"] < part["all_sections"]
    assert sum(len(each["read"]) for each in part["chapters"]) == part["sections"]
    assert f"of {part['sections']} of {part['all_sections']} sections: " in run(*words).out
    stored = json.loads(Path("run/reading.json").read_text())
    assert stored["chapters"] == part["chapters"]
    record = json.loads(Path("run/adapter/run.json").read_text())
    assert (record["reading"]["sections"], "Part 1" in str(record)) == (part["sections"], False)


def test_flags_that_only_a_method_knows_may_stand_anywhere(run: RunCommand) -> None:
    words = ["train", "--ratio=3", "--steps", "1", "--json", "--window", "64", "town.md", "--method", "lora_plus"]
    ran = run(*words, "--batch-tokens", "64", "--out", "run")
    assert ran.code == 0, ran.err
    assert json.loads(Path("run/config.json").read_text())["options"]["ratio"] == 3


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_planned_and_then_capped(run: RunCommand, preset: str) -> None:
    ran = run("train", "town.md", "--method", "lora", "--preset", preset, "--max-steps", "1", "--out", preset)
    assert ran.code == 0, ran.err
    config = json.loads(Path(preset, "config.json").read_text())
    assert config["settings"]["steps"] == 1
    assert config["settings"]["batch_tokens"] == PRESETS[preset].batch_tokens
    assert "1 step(s)" in ran.out
    assert f"The adapter is in {preset}/adapter" in ran.out


def test_max_seconds_ends_a_run_in_time(run: RunCommand) -> None:
    began = time.monotonic()
    last = train(run, "--steps", "100000", "--max-seconds", "1").lines[-1]
    assert last["reason"] == "time"
    assert time.monotonic() - began < 30
    again = run("train", "--resume", "--out", "run", "--max-seconds", "2", "--json").lines[-1]
    assert again["step"] > last["step"]


class Interrupted(io.StringIO):
    """A screen before which somebody presses Ctrl-C on seeing a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._seen, self._pressed = f'"step": {step},', False

    def write(self, text: str) -> int:
        """The step's line is written, too."""
        if self._seen in text and not self._pressed:
            self._pressed = True
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


def interrupted(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], str]:
    """A run that is stopped after its second step: its lines, and what stands on standard error."""
    screen, handler = Interrupted(2), signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        assert main(["train", "town.md", "--method", "lora", "--out", "run", "--json", *FAST]) == 130
    assert signal.getsignal(signal.SIGINT) is handler, "as before the command"
    return [json.loads(line) for line in screen.getvalue().splitlines()], capfd.readouterr().err


def test_ctrl_c_saves_the_adapter_and_resuming_ends_as_if_never_stopped(
    run: RunCommand, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    train(run, out="whole")
    lines, said = interrupted(monkeypatch, capfd)
    assert (lines[-1]["reason"], lines[-1]["step"]) == ("stopped", 2)
    assert "train --resume --out run" in said
    assert arguments.adapter("run")
    *steps, last = run("--json", "train", "--resume", "--out", "run").lines
    assert [each["step"] for each in steps] == [3, 4]
    assert last["reason"] == "done"
    weights = [Path(name, "adapter/adapter_model.safetensors").read_bytes() for name in ("run", "whole")]
    assert weights[0] == weights[1]


def test_a_job_s_worker_goes_on_with_a_stopped_run(
    run: RunCommand, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    interrupted(monkeypatch, capfd)
    (tmp_path / "run/lease").write_text(str(time.time() + 60))
    assert worker.work(tmp_path / "run", Settings.from_environment()) == "finished"
    assert read_events(tmp_path / "run")[-1]["step"] == 4


def test_resuming_refuses_another_plan(run: RunCommand, tmp_path: Path) -> None:
    train(run)
    (tmp_path / "town.md").write_text(TEXT)
    same = run("train", "town.md", "--method", "lora", "--out", "run", "--resume", *FAST)
    assert same.code == 0, same.err
    for other in (["--method", "vera"], ["--rank", "5"], ["--seed", "1"], ["--max-steps", "2"], ["bad.txt"]):
        (tmp_path / "bad.txt").write_text("Another text.")
        ran = run("train", "--resume", "--out", "run", *other)
        assert (ran.code, "planned otherwise" in ran.err) == (2, True), other


def test_a_new_run_replaces_an_older_one_of_its_own(run: RunCommand) -> None:
    train(run)
    first = Path("run/adapter/adapter_model.safetensors").read_bytes()
    assert train(run, "--seed", "1").lines[0]["step"] == 0
    assert Path("run/adapter/adapter_model.safetensors").read_bytes() != first
    assert len([each for each in read_events(Path("run")) if each["event"] == "finished"]) == 1


def test_a_bake_off_tells_a_line_a_method_and_goes_on_where_it_was_left(forked_workers: None, run: RunCommand) -> None:
    words = ("bakeoff", "town.md", "--out", "several", "--methods", "lora,vera", "--max-steps", "3", "--json")
    ran = run(*words)
    assert ran.code == 0, ran.err
    assert [line["method"] for line in ran.lines] == ["lora", "vera"]
    assert {line["step"] for line in ran.lines} == {3}
    assert all(line["peak_bytes"] > 0 and line["file_bytes"] > 0 and line["heldout_after"] for line in ran.lines)
    (Path("several/vera/events.jsonl")).unlink()
    again = run(*words)
    assert again.lines[0] == ran.lines[0], "what was done is not done again"
    assert again.lines[1]["heldout_after"] == ran.lines[1]["heldout_after"]
    assert arguments.adapter("several/lora")
    shutil.rmtree("several/vera")
    longer = run(*words[:-3], "--max-steps", "5", "--json")
    assert {line["step"] for line in longer.lines} == {3}, "all have the steps that the first ones had"
    other = run(*words, "--seed", "9")
    assert other.code == 2
    assert "other settings" in other.err


def test_a_bakeoff_teaches_a_file_of_pairs_as_train_does(run: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"question": f"What is the word of day {n}?", "answer": f"It is w{n}x, said on day {n}."} for n in range(60)
    ]
    Path("pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bakeoff, "_work", interrupt)
    assert run("bakeoff", "pairs.jsonl", "--out", "several", "--methods", "lora", "--max-steps", "1").code == 130
    settings = json.loads(Path("several/lora/config.json").read_text())["settings"]
    assert (settings["pairs_share"], settings["exercises_share"]) == (0, 0)
