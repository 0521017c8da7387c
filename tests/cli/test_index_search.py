"""`index` and `search`: passages that can be checked, embedders, and files that cannot be read."""

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from retrieval.document import Document
from tests.fakes.command_line import RunCommand
from tests.fakes.dataset_hub import dataset_hub
from tests.fakes.encoder import small_encoder
from tests.fakes.hub import small_hub, use
from tests.fakes.pdf import HELLO, deflated, pdf


def test_an_index_answers_with_passages_that_can_be_checked(run: RunCommand, tmp_path: Path) -> None:
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


def test_an_index_is_searched_with_the_embedder_that_it_was_built_with(run: RunCommand, tmp_path: Path) -> None:
    small_encoder(tmp_path / "encoder")
    made = run("index", "town.md", "--out", "index", "--embedder", "./encoder", "--json")
    assert made.lines[-1]["embedder"] == str(tmp_path / "encoder")
    (line,) = run("search", "index", "When does the school begin?", "--json").lines
    assert {each["source"] for each in line["passages"]} == {"town.md"}
    assert run("ask", "When?", "--index", "index", "--arms", "rag", "--max-new-tokens", "1", "--ask-anyway").code == 0
    exam = run("exam", "--index", "index", "--arms", "base,rag", "--limit", "4", "--facts", "0", "--out", "exam")
    assert exam.code == 0, exam.err
    (tmp_path / "encoder").rename(tmp_path / "elsewhere")
    for words in (("search", "index", "When?"), ("ask", "When?", "--index", "index")):
        ran = run(*words)
        assert (ran.code, ran.out) == (2, "")
        assert "which is not on this machine. Bring it back, or build the index again." in ran.err
    small_encoder(tmp_path / "encoder", seed=2)
    assert "which is not on this machine" in run("search", "index", "When?").err, "other weights of the same name"


def test_an_embedder_that_is_not_here_is_fetched(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_data_set_of_the_hub_is_a_text(run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_an_index_replaces_an_older_one_of_its_own(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("Owls hunt at night.")
    for name in ("town.md", "other.txt"):
        assert run("index", name, "--out", "index").code == 0
    (line,) = run("search", "index", "When do owls hunt?", "--json").lines
    assert {each["source"] for each in line["passages"]} == {"other.txt"}


@pytest.mark.parametrize("words", ["index bomb.pdf --out i", "train bomb.pdf --method lora --out r"])
def test_a_bomb_costs_its_reader_and_one_sentence(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("PLAYGROUND_READ_BYTES", "300000000")
    monkeypatch.setenv("PLAYGROUND_READ_SECONDS", "5")
    (tmp_path / "bomb.pdf").write_bytes(pdf(deflated(b" " * 1_000_000, 600)))
    ran = run(*words.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("bomb.pdf broke its reader")
    assert len(ran.err.splitlines()) == 1


def test_a_file_is_read_within_the_hosts_limits(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_PDF_PAGES", "7")
    (tmp_path / "many.pdf").write_bytes(pdf(deflated(HELLO, 1), 8))
    assert run("index", "many.pdf", "--out", "i").err == "many.pdf has 8 pages; the limit is 7. Add a part of it.\n"


def test_a_text_that_does_not_say_its_encoding_is_read_in_the_named_one(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "hello.txt").write_bytes("Привет".encode("cp1251"))
    ran = run("index", "hello.txt", "--out", "index")
    assert ran.code == 2
    assert "hello.txt does not say its encoding and may be" in ran.err
    assert run("index", "hello.txt", "--out", "index", "--encoding", "cp1251").code == 0
    (stored,) = json.loads((tmp_path / "index/documents.json").read_text())
    assert stored["text"] == "Привет"
