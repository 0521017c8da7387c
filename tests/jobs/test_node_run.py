"""The chat model on a node: brought once, by several runs at once, and only as the server has it."""

import os
import shutil
from pathlib import Path

import pytest

from playground.jobs.node_run import OWN, NodeRun
from playground.models.chat_choice import listed_source
from playground.models.weights import weights_digest
from playground.settings import Settings


@pytest.fixture(autouse=True)
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The node's own folder."""
    monkeypatch.setenv(OWN, str(tmp_path / "node"))
    return tmp_path / "node"


def lacks_chat(run: NodeRun, name: str, digest: str, from_hub: bool = False) -> bool:
    run.move_in()
    return run.lacks("chat", name, digest, from_hub)


def send(run: NodeRun, file: Path, damage: bytes = b"") -> None:
    content = file.read_bytes()
    half = len(content) // 2
    for part in (content[:half], content[half:] + damage):
        run.receive(file.name, part)


@pytest.mark.parametrize(("name", "from_hub"), [("tiny", False), ("owner/tiny-chat", True)])
def test_two_runs_bring_a_model_at_once_and_the_third_finds_it(
    settings: Settings, tiny_model_folder: Path, name: str, from_hub: bool
) -> None:
    digest = weights_digest(tiny_model_folder)
    first, second = NodeRun(settings, "runs/one"), NodeRun(settings, "runs/two")
    assert [lacks_chat(each, name, digest, from_hub) for each in (first, second)] == [True, True]
    for file in tiny_model_folder.iterdir():
        send(first, file)
        send(second, file)
    for each in (first, second):
        each.keep_model(digest)
    third = NodeRun(settings, "runs/three")
    assert not lacks_chat(third, name, digest, from_hub)
    source = listed_source(third._settings, "")
    assert (source.name, weights_digest(source.folder)) == (name, digest)
    assert [each.name for each in source.folder.parent.iterdir()] == [source.folder.name], "no draft is left"


def test_a_model_that_arrives_damaged_is_not_kept(settings: Settings, tiny_model_folder: Path, node: Path) -> None:
    digest = weights_digest(tiny_model_folder)
    run = NodeRun(settings, "runs/one")
    assert lacks_chat(run, "tiny", digest)
    send(run, tiny_model_folder / "model.safetensors", b"+")
    with pytest.raises(ValueError, match="arrived damaged"):
        run.keep_model(digest)
    assert not list((node / "models").rglob("*.safetensors"))
    assert lacks_chat(run, "tiny", digest), "it is asked for again"
    shutil.rmtree(node)


def test_what_a_killed_run_left_on_a_node_goes_after_a_day(settings: Settings, node: Path) -> None:
    old, new = (node / "data" / "visitors" / "v" / "runs" / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "documents.json").write_text("a visitor's text")
    os.utime(old, (1, 1))
    NodeRun(settings, "visitors/w/runs/next").move_in()
    assert not old.exists()
    assert new.exists()
