"""Help, bad arguments, and the commands that only list: `models` and `methods`."""

import subprocess
import sys
from pathlib import Path

import pytest

import adapters
from adapters.options import knobs
from playground.models.known_chat import CHAT_MODELS
from playground.models.registry import EMBEDDERS
from playground.settings import NOTHING
from playground.training.config import TrainSettings
from tests.fakes.command_line import RunCommand
from tests.fakes.tiny_model import tiny_llama


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
def test_bad_input_is_one_sentence_and_exit_2(run: RunCommand, tmp_path: Path, words: str, says: str) -> None:
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
    run: RunCommand, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CHAT_MODELS", NOTHING)
    chat, embedder, *others = run("models", "--json").lines
    assert (chat["role"], chat["origin"], chat["folder"]) == ("chat", "folder", str(tiny_model_folder))
    assert chat["available"]
    assert chat["gflops"] > 0
    assert chat["dtype"] in ("float32", "bfloat16")
    assert (embedder["role"], embedder["available"]) == ("embedder", True)
    assert [(each["name"], each["available"]) for each in others] == [(each.name, False) for each in EMBEDDERS[1:]]
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", "./nowhere")
    missing = run("--json", "models")
    assert missing.code == 0
    assert [each["available"] for each in missing.lines] == [False, True, *(False for _ in EMBEDDERS[1:])]
    assert "which is no folder" in run("models").out


def test_models_lists_the_known_chat_models_or_those_of_the_host(
    run: RunCommand, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", CHAT_MODELS[0].name)
    listed = [each for each in run("models", "--json").lines if each["role"] == "chat"]
    assert {each["name"] for each in listed} <= {each.name for each in CHAT_MODELS}
    assert len(listed) > 1
    assert listed[1]["licence"]
    monkeypatch.setenv("PLAYGROUND_CHAT_MODELS", str(tiny_model_folder))
    _, mine, *_ = run("models", "--json").lines
    parameters = sum(each.numel() for each in tiny_llama().parameters())
    assert (mine["name"], mine["available"], mine["parameters"]) == (tiny_model_folder.name, True, parameters)


def test_methods_lists_every_method_with_its_options(run: RunCommand) -> None:
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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("--methods", "lora,none"), "no method called 'none'"), (("--preset", "slow"), "no preset")],
)
def test_a_bake_off_of_something_unknown_is_refused(run: RunCommand, words: tuple[str, ...], sentence: str) -> None:
    ran = run("bakeoff", "town.md", "--out", "several", *words)
    assert ran.code == 2
    assert sentence in ran.err
