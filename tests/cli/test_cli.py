"""The command line in this process, on the tiny chat model and the embedder that comes with the requirements."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar, enable_progress_bar

import adapters
from adapters.options import knobs
from playground.cli.commands import arguments
from playground.cli.main import main
from playground.device import Device
from playground.inference.hooks import apply_adapters
from playground.inference.served_adapter import load_adapter
from playground.jobs import worker
from playground.models.chat_model import load_chat
from playground.models.registry import EMBEDDERS, chat_source
from playground.settings import Settings
from playground.storage.run_folder import read_events
from playground.training.config import PRESETS, TrainSettings
from retrieval.document import Document
from tests.fakes.dataset_hub import dataset_hub
from tests.fakes.encoder import small_encoder
from tests.fakes.hub import small_hub, use
from tests.fakes.pdf import HELLO, deflated, pdf

TEXT = "\n\n".join(
    [
        "# Houses\n\nThe red house has eleven windows and a garden. The blue house has no garden.",
        "# Ships\n\nThe harbour master keeps the keys of every ship. Ships leave at dawn and come back at dusk.",
        "# Bread\n\nThe baker sells rye bread on Mondays. On all other days there is only white bread.",
        "# School\n\nThe school begins at nine. Children who live beyond the bridge may come at ten.",
    ]
)
FAST = ("--steps", "4", "--batch-tokens", "64", "--window", "64", "--evaluations", "1", "--rank", "4")


@dataclass
class Ran:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON; fails where anything else is on it."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tiny model, this test's own folder to work in, and the quiet that a process of its own would begin with."""
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", str(tiny_model_folder))
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "town.md").write_text(TEXT)
    disable_progress_bar()
    yield
    enable_progress_bar()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; takes what it wrote from the file descriptors, so that nothing slips by."""

    def run(*words: str) -> Ran:
        capfd.readouterr()
        code = main(words)
        return Ran(code, *capfd.readouterr())

    return run


def train(run: Run, *words: str, method: str = "lora", out: str = "run") -> Ran:
    fast = FAST if "rank" in {each.name for each in knobs(adapters.get(method).Options)} else FAST[:-2]
    ran = run("--json", "train", "town.md", "--method", method, "--out", out, *fast, *words)
    assert ran.code == 0, ran.err
    return ran


def test_help_and_bad_arguments_meet_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{}")
    code = """if True:
        import sys
        from playground.cli.main import main
        for words in (["search", "."], ["train", "town.md"], ["ask", "Who?", "--arms", "rag"], ["nonsense"],
                      ["index", "missing.txt", "--out", "x"], ["export", "."], ["search", "--questions", "bad.jsonl"]):
            assert main(words) == 2, words
        try:
            main(["--help"])
        except SystemExit as end:
            assert end.code == 0
        print(*sorted({"torch", "transformers", "numpy", "datasets", "faiss"} & set(sys.modules)))
    """
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout.decode().splitlines()[-1] == ""
    assert len(ran.stderr.splitlines()) == 7


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "COMMAND"),
        ("nonsense", "'nonsense'"),
        ("models extra", "extra"),
        ("models --colour red", "--colour"),
        ("index nowhere.txt --out i", "nowhere.txt is missing"),
        ("index . --out i", ". is a folder"),
        ("index town.md", "--out"),
        ("index town.md copy/town.md --out i", "called town.md"),
        ("index town.md --out full", "holds mine.txt"),
        ("index town.md --out town.md", "town.md cannot be written"),
        ("index town.xyz --out i", "unknown type"),
        ("index town.md --out i --embedder ./nowhere", "./nowhere is no folder"),
        ("index town.md --out i --embedder full", "full is no sentence encoder, it lacks model.safetensors"),
        ("index town.md --out i --embedder owner/none", "owner/none could not be fetched from the Hub"),
        ("search nowhere q", "nowhere holds no index"),
        ("search index", "no question"),
        ("search index q -k 0", "'0'"),
        ("search index q -k x", "'x'"),
        ("search index --questions nowhere.jsonl", "nowhere.jsonl is missing"),
        ("search index --questions bad.jsonl", "line 3 of bad.jsonl"),
        ("search index --questions empty.jsonl", "no question"),
        ("search index --questions town.xyz", "UTF-8"),
        ("search index q", "index cannot be read"),
        ("train --method lora --out r", "a FILE"),
        ("train town.md --out r", "--method"),
        ("train town.md --method nonsense --out r", "lora, "),
        ("train town.md --method lora --out full", "holds mine.txt"),
        ("train town.md --method lora --out r --max-seconds nan", "'nan'"),
        ("train town.md --method lora --out r --max-seconds 0", "above 0"),
        ("train town.md --method lora --out r --max-steps 0", "'0'"),
        ("train town.md --method lora --out r --max-steps 2.5", "'2.5'"),
        ("train town.md --method lora --out r --seed -1", "'-1'"),
        ("train town.md --method lora --out r --preset slow", "quick, thorough"),
        ("train town.md --method lora --out r --ratio 2", "--ratio is no option of lora"),
        ("train town.md --method lora --out r --rank 0 --learning-rate nan", "between 1 and 256"),
        ("train town.md --method lora --out r --window 5", "between 32 and"),
        ("train short.txt --method lora --out r", "too short to train on"),
        ("train --resume --out r", "no run to resume"),
        ("train --resume --out broken", "damaged"),
        ("ask Who? --arms tuned", "tuned needs --adapter"),
        ("ask Who? --arms base,both --index index", "both needs --adapter"),
        ("ask Who? --arms rag", "rag needs --index"),
        ("ask Who? --arms base,best", "'best'"),
        ("ask Who? --adapter index", "index holds no adapter"),
        ("ask Who? --max-new-tokens 100000", "512"),
        ("ask Who? --temperature inf", "'inf'"),
        ("export index --form plain --out e", "index holds no adapter"),
        ("export weights --form odd --out e", "'odd'"),
        ("export weights --form native --out full", "holds mine.txt"),
        ("export weights --form plain --out e", "cannot be read"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(run: Run, tmp_path: Path, words: str, says: str) -> None:
    files = {
        "copy/town.md": b"The same name.",
        "full/mine.txt": b"Not ours.",
        "town.xyz": b"\xff\xfe\xfd",
        "bad.jsonl": b'{"question": "Who?"}\n\n{"question": NaN}\n',
        "empty.jsonl": b"\n",
        "short.txt": b"Hello.",
        "index/manifest.json": b"{}",
        "broken/config.json": b'{"method": "lora"}',
        "broken/documents.json": b"[]",
        "weights/adapter_model.safetensors": b"",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    ran = run(*words.split(), "--json")
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert says in ran.err


def test_models_says_what_there_is_and_what_is_missing(
    run: Run, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, embedder, *others = run("models", "--json").lines
    assert (chat["role"], chat["origin"], chat["folder"]) == ("chat", "folder", str(tiny_model_folder))
    assert chat["available"]
    assert chat["gflops"] > 0
    assert chat["dtype"] in ("float32", "bfloat16")
    assert (embedder["role"], embedder["available"]) == ("embedder", True)
    assert [(each["name"], each["available"]) for each in others] == [(EMBEDDERS[1].name, False)]
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", "./nowhere")
    missing = run("--json", "models")
    assert missing.code == 0
    assert [each["available"] for each in missing.lines] == [False, True, False]
    assert "which is no folder" in run("models").out


def test_methods_lists_every_method_with_its_options(run: Run) -> None:
    lines = run("methods", "--json").lines
    assert [each["id"] for each in lines] == list(adapters.methods())
    for each in lines:
        known = knobs(adapters.get(each["id"]).Options)
        assert [option["name"] for option in each["options"]] == [knob.name for knob in known]
        assert each["paper"]["url"].startswith("https://arxiv.org/abs/")
    (rank,) = [each for each in lines[0]["options"] if each["name"] == "rank"]
    assert (rank["name"], rank["type"], rank["low"], rank["high"]) == ("rank", "int", 1, 256)
    shown = run("methods").out
    assert all(f"--{knob.name.replace('_', '-')} " in shown for knob in knobs(TrainSettings))


def test_an_index_answers_with_passages_that_can_be_checked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "asked.jsonl").write_text('{"id": 7, "question": "Who keeps the keys of the ships?"}\n\n')
    made = run("--json", "index", "town.md", "--out", "index")
    assert made.code == 0
    assert made.lines[0]["documents"][0]["name"] == "town.md"
    words = ["search", "index", "-k", "1", "When does the school begin?", "--questions", "asked.jsonl", "--json"]
    found, known = run(*words).lines
    assert list(known) == ["id", "question", "found", "passages"]
    assert (known["id"], known["found"], len(known["passages"])) == (7, True, 1)
    stored = json.loads((tmp_path / "index/documents.json").read_text())
    texts = {each["name"]: Document.from_dict(each).text for each in stored}
    for line, word, heading in ((found, "nine", "School"), (known, "harbour master", "Ships")):
        best = line["passages"][0]
        assert word in best["text"]
        assert texts[best["source"]][best["start"] : best["end"]] == best["text"]
        assert 0 <= best["score"] <= 1
        assert best["heading"] == heading
    (other,) = run("search", "index", "Which pizza topping is the best?", "--json").lines
    assert not other["found"]
    assert len(other["passages"]) > 1
    assert "Not in this text" in run("search", "index", "Which pizza topping is the best?").out


def test_an_index_is_searched_with_the_embedder_that_it_was_built_with(run: Run, tmp_path: Path) -> None:
    small_encoder(tmp_path / "encoder")
    made = run("index", "town.md", "--out", "index", "--embedder", "./encoder", "--json")
    assert made.lines[-1]["embedder"] == str(tmp_path / "encoder")
    (line,) = run("search", "index", "When does the school begin?", "--json").lines
    assert {each["source"] for each in line["passages"]} == {"town.md"}
    assert run("ask", "When?", "--index", "index", "--arms", "rag", "--max-new-tokens", "1", "--ask-anyway").code == 0
    (tmp_path / "encoder").rename(tmp_path / "elsewhere")
    for words in (("search", "index", "When?"), ("ask", "When?", "--index", "index")):
        ran = run(*words)
        assert (ran.code, ran.out) == (2, "")
        assert "which is not on this machine. Bring it back, or build the index again." in ran.err
    small_encoder(tmp_path / "encoder", seed=2)
    assert "which is not on this machine" in run("search", "index", "When?").err, "other weights of the same name"


def test_an_embedder_that_is_not_here_is_fetched(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    encoder = small_encoder(tmp_path / "encoder")
    with small_hub({"owner/encoder": encoder}) as (hub, address):
        use(address, monkeypatch)
        made = run("index", "town.md", "--out", "index", "--embedder", "owner/encoder")
        assert (made.code, "it is fetched from the Hub" in made.out) == (0, True)
        asked = len(hub.asked)
        assert run("search", "index", "When?").code == 0
        assert run("index", "town.md", "--out", "index", "--embedder", "owner/encoder").code == 0
    assert len(hub.asked) == asked


def test_a_data_set_of_the_hub_is_a_text(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_encoder(tmp_path / "encoder")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.csv").write_text("question,answer\nWho keeps the keys?,Tilda keeps them.\n")
    with dataset_hub({"owner/keys": tmp_path / "set"}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        made = run(
            "index", "hf://datasets/owner/keys", "town.md", "--out", "index", "--embedder", "./encoder", "--json"
        )
        assert (made.err, made.code) == ("", 0)
        planned = run(
            "train",
            "hf://datasets/owner/keys",
            "town.md",
            "--method",
            "lora",
            "--out",
            "r",
            "--plan-only",
            "--steps",
            "1",
        )
        assert (planned.err, planned.code) == ("", 0)
    assert [each["name"] for each in made.lines[-1]["documents"]] == ["owner/keys", "town.md"]
    wrong = run("index", "hf://datasets/owner", "--out", "i")
    assert (wrong.code, "is not the address of a data set" in wrong.err) == (2, True)


def test_an_index_replaces_an_older_one_of_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("Owls hunt at night.")
    for name in ("town.md", "other.txt"):
        assert run("index", name, "--out", "index").code == 0
    (line,) = run("search", "index", "When do owls hunt?", "--json").lines
    assert {each["source"] for each in line["passages"]} == {"other.txt"}


@pytest.mark.parametrize("words", ["index bomb.pdf --out i", "train bomb.pdf --method lora --out r"])
def test_a_bomb_costs_its_reader_and_one_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("PLAYGROUND_READ_BYTES", "300000000")
    monkeypatch.setenv("PLAYGROUND_READ_SECONDS", "5")
    (tmp_path / "bomb.pdf").write_bytes(pdf(deflated(b" " * 1_000_000, 600)))
    ran = run(*words.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("bomb.pdf broke its reader")
    assert len(ran.err.splitlines()) == 1


def test_a_file_is_read_within_the_hosts_limits(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_PDF_PAGES", "7")
    (tmp_path / "many.pdf").write_bytes(pdf(deflated(HELLO, 1), 8))
    assert run("index", "many.pdf", "--out", "i").err == "many.pdf has 8 pages; the limit is 7. Add a part of it.\n"


def test_training_reports_every_step_and_leaves_a_run_folder(run: Run, tmp_path: Path) -> None:
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


def test_the_mix_of_text_and_questions_can_be_asked_for(run: Run) -> None:
    words = ["train", "town.md", "--method", "lora", "--steps", "1", "--window", "64", "--batch-tokens", "64"]
    assert run(*words, "--pairs-share", "0", "--passages-share", "1", "--out", "run").code == 0
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert (settings["pairs_share"], settings["passages_share"]) == (0, 1)
    refused = run(*words, "--pairs-share", "1.5", "--out", "other")
    assert refused.code != 0
    assert "Questions must be between 0 and 1, got '1.5'" in refused.err


def test_flags_that_only_a_method_knows_may_stand_anywhere(run: Run) -> None:
    words = ["train", "--ratio=3", "--steps", "1", "--json", "--window", "64", "town.md", "--method", "lora_plus"]
    ran = run(*words, "--batch-tokens", "64", "--out", "run")
    assert ran.code == 0, ran.err
    assert json.loads(Path("run/config.json").read_text())["options"]["ratio"] == 3


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_planned_and_then_capped(run: Run, preset: str) -> None:
    ran = run("train", "town.md", "--method", "lora", "--preset", preset, "--max-steps", "1", "--out", preset)
    assert ran.code == 0, ran.err
    config = json.loads(Path(preset, "config.json").read_text())
    assert config["settings"]["steps"] == 1
    assert config["settings"]["batch_tokens"] == PRESETS[preset].batch_tokens
    assert "1 step(s)" in ran.out
    assert f"The adapter is in {preset}/adapter" in ran.out


def test_max_seconds_ends_a_run_in_time(run: Run) -> None:
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
    screen = Interrupted(2)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        assert main(["train", "town.md", "--method", "lora", "--out", "run", "--json", *FAST]) == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return [json.loads(line) for line in screen.getvalue().splitlines()], capfd.readouterr().err


def test_ctrl_c_saves_the_adapter_and_resuming_ends_as_if_never_stopped(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
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
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    interrupted(monkeypatch, capfd)
    (tmp_path / "run/lease").write_text(str(time.time() + 60))
    assert worker.work(tmp_path / "run", Settings.from_environment()) == "finished"
    assert read_events(tmp_path / "run")[-1]["step"] == 4


def test_resuming_refuses_another_plan(run: Run, tmp_path: Path) -> None:
    train(run)
    (tmp_path / "town.md").write_text(TEXT)
    same = run("train", "town.md", "--method", "lora", "--out", "run", "--resume", *FAST)
    assert same.code == 0, same.err
    for other in (["--method", "vera"], ["--rank", "5"], ["--seed", "1"], ["--max-steps", "2"], ["bad.txt"]):
        (tmp_path / "bad.txt").write_text("Another text.")
        ran = run("train", "--resume", "--out", "run", *other)
        assert (ran.code, "planned otherwise" in ran.err) == (2, True), other


def test_a_new_run_replaces_an_older_one_of_its_own(run: Run) -> None:
    train(run)
    first = Path("run/adapter/adapter_model.safetensors").read_bytes()
    assert train(run, "--seed", "1").lines[0]["step"] == 0
    assert Path("run/adapter/adapter_model.safetensors").read_bytes() != first
    assert len([each for each in read_events(Path("run")) if each["event"] == "finished"]) == 1


def test_ask_answers_with_every_arm_that_can_be(run: Run) -> None:
    train(run)
    assert run("index", "town.md", "--out", "index").code == 0
    given = ["--adapter", "run", "--index", "index", "--max-new-tokens", "6", "--json"]
    ran = run("ask", "Who keeps the keys of the ships?", *given)
    assert ran.code == 0, ran.err
    assert [each["arm"] for each in ran.lines] == ["base", "rag", "tuned", "both"]
    base, rag, tuned, both = ran.lines
    assert rag["prompt_tokens"] == both["prompt_tokens"] > base["prompt_tokens"] == tuned["prompt_tokens"]
    assert any("harbour master" in each["text"] for each in rag["passages"])
    assert (base["found"], rag["found"], base["passages"]) == (None, True, [])
    assert (base["stamp"]["adapter_hash"], tuned["stamp"]["method"]) == (None, "lora")
    assert len({each["stamp"]["id"] for each in ran.lines}) == 4
    assert base["seconds_to_first_token"] > 0
    shown = run("ask", "Who keeps the keys of the ships?", *given[:-1]).out
    assert "rag (prompt of " in shown
    assert "town.md, Ships, characters " in shown
    some = run("ask", "Who?", "--adapter", "run/adapter", "--arms", "tuned,base", "--max-new-tokens", "2", "--json")
    assert [each["arm"] for each in some.lines] == ["tuned", "base"]


def test_few_shot_and_a_second_adapter_answer_when_they_are_named(run: Run, tmp_path: Path) -> None:
    train(run)
    train(run, "--seed", "1", out="second")
    rows = ["question,answer", "Who keeps the keys?,The harbour master.", "When do ships leave?,At dawn."]
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    assert run("index", "pairs.csv", "--out", "index").code == 0
    words = ["ask", "When do ships come?", "--index", "index", "--max-new-tokens", "3"]
    base, few = run(*words, "--arms", "base,few_shot", "--json").lines
    assert "The harbour master." in few["prompt"]
    assert "The harbour master." not in base["prompt"]
    assert few["stamp"]["examples"][0].startswith("pairs.csv:")
    assert [each["arm"] for each in run(*words, "--json").lines] == ["base", "rag"]
    tuned, other = run("ask", "Who?", "--adapter", "run", "--other", "second", "--arms", "tuned,other", "--json").lines
    assert tuned["stamp"]["adapter_hash"] != other["stamp"]["adapter_hash"]
    assert "It was sent:\n<|im_start|>system" in run(*words, "--show-prompt").out


def test_ask_abstains_where_the_index_has_no_answer(run: Run) -> None:
    assert run("index", "town.md", "--out", "index").code == 0
    words = ["ask", "Which pizza topping is the best?", "--index", "index", "--max-new-tokens", "3", "--json"]
    base, rag = run(*words).lines
    assert (rag["answer"], rag["found"], rag["prompt_tokens"]) == ("", False, 0)
    assert base["prompt_tokens"] > 0
    assert len(rag["passages"]) > 0
    _, anyway = run(*words, "--ask-anyway").lines
    assert (anyway["found"], anyway["prompt_tokens"] > 0) == (False, True)
    assert "Not in this text" in run(*words[:-1]).out


@torch.no_grad()
def logits(model: Any) -> Tensor:
    """What a model says of the same tokens every time, (1, 20, vocabulary)."""
    return model(input_ids=torch.arange(3, 43, 2)[None]).logits


NOT_PLAIN = ("dora", "full")


@pytest.mark.parametrize("method", adapters.methods())
def test_every_export_loads_without_us_and_says_the_same(run: Run, tiny_model_folder: Path, method: str) -> None:
    train(run, "--learning-rate", "0.02", method=method)
    chat = load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 1.0))
    before = logits(chat.model)
    adapter = load_adapter(Path("run/adapter"), chat)
    with apply_adapters(chat.model, [adapter.lora]):
        served = logits(adapter.model or chat.model)
    assert not torch.allclose(served, before, atol=1e-3)
    forms = ("native", "merged") if method in NOT_PLAIN else ("native", "plain", "merged")
    for form in forms:
        (line,) = run("export", "run", "--form", form, "--out", form, "--json").lines
        assert (line["form"], line["out"], line["bytes"] > 0) == (form, form, True)
    names = {each.name for each in Path("native").iterdir()}
    assert {adapters.get(method).weights_file, "run.json"} < names
    assert {Path(each).suffix for each in names} == {".json", ".safetensors", ".md"}
    base = AutoModelForCausalLM.from_pretrained
    for form in forms[:-1]:
        whole = form == "native" and method == "full"
        loaded = base(form) if whole else PeftModel.from_pretrained(base(tiny_model_folder), form)
        torch.testing.assert_close(logits(loaded.eval()), served, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits(base("merged")), served, atol=1e-4, rtol=1e-4)
    assert AutoTokenizer.from_pretrained("merged").chat_template == chat.tokenizer.chat_template
    assert {each.suffix for each in Path("merged").iterdir()} <= {".json", ".safetensors", ".jinja", ".md"}
    refused = run("export", "run", "--form", "plain", "--out", "plain")
    assert refused.code == 2
    assert ("no plain LoRA equals" in refused.err) == (method in NOT_PLAIN)


def test_a_bake_off_tells_a_line_a_method_and_goes_on_where_it_was_left(run: Run) -> None:
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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("--methods", "lora,none"), "no method called 'none'"), (("--preset", "slow"), "no preset")],
)
def test_a_bake_off_of_something_unknown_is_refused(run: Run, words: tuple[str, ...], sentence: str) -> None:
    ran = run("bakeoff", "town.md", "--out", "several", *words)
    assert ran.code == 2
    assert sentence in ran.err
