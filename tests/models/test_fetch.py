"""A chat model is fetched from a Hub on this machine: as a whole or not at all, and each refusal is a sentence."""

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from playground.device import Device
from playground.errors import UserError
from playground.models import fetch
from playground.models.chat_model import load_chat
from playground.models.fetch import FetchCancelled, fetch_chat
from playground.models.registry import chat_source, fetched_folder, find_chat
from playground.settings import Settings
from tests.fakes.hub import SmallHub, small_hub, use

NAME = "owner/tiny-chat"


@pytest.fixture
def host(settings: Settings) -> Settings:
    """A host that lists a model of the Hub beside its own, on a disk without a reserve."""
    return replace(settings, chat_models=NAME, reserve_bytes=1)


@pytest.fixture
def hub(
    tmp_path: Path, tiny_model_folder: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SmallHub]:
    """A Hub with a whole model, beside which lie a pickle, code and the same weights in another form."""
    folder = tmp_path / "on-hub"
    shutil.copytree(tiny_model_folder, folder)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_tiny.py").write_text("raise SystemExit")
    (folder / "original").mkdir()
    shutil.copy(folder / "model.safetensors", folder / "original")
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"a pickle")
    with small_hub({NAME: folder, "owner/pickled": tmp_path / "pickled"}) as (hub, address):
        use(address, monkeypatch)
        yield hub


def nothing_is_left(host: Settings) -> bool:
    """Whether neither the model nor a part of it lies among the models."""
    return find_chat(host, NAME) is None and not list(fetched_folder(host, NAME).parent.glob("*"))


def test_a_fetched_model_is_the_one_on_the_hub_without_code_and_pickles(host: Settings, hub: SmallHub) -> None:
    told: list[tuple[int, int]] = []
    assert find_chat(host, NAME) is None
    folder = fetch_chat(NAME, host, lambda done, total: told.append((done, total)))
    assert chat_source(host, NAME).folder == folder == fetched_folder(host, NAME)
    sent = hub.folders[NAME]
    kept = {each.name: each.read_bytes() for each in folder.iterdir()}
    assert kept == {name: (sent / name).read_bytes() for name in kept}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= set(kept)
    assert not {"pytorch_model.bin", "modeling_tiny.py", "original"} & set(kept)
    assert told[-1][0] == told[-1][1] == sum(map(len, kept.values()))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    chat = load_chat(chat_source(host, NAME), Device("cpu", torch.float32, 1.0))
    assert chat.name == NAME
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


def test_a_cancelled_transfer_leaves_nothing(host: Settings, hub: SmallHub) -> None:
    with pytest.raises(FetchCancelled):
        fetch_chat(NAME, host, lambda done, total: None, lambda: True)
    assert nothing_is_left(host)


def test_a_file_that_is_not_the_announced_one_is_refused(host: Settings, hub: SmallHub) -> None:
    hub.wrong.add(NAME)
    with pytest.raises(UserError, match=r"model\.safetensors of owner/tiny-chat is not the file .* nothing was kept"):
        fetch_chat(NAME, host, lambda done, total: None)
    assert nothing_is_left(host)
    hub.wrong.clear()
    assert fetch_chat(NAME, host, lambda done, total: None).is_dir()


def test_a_gated_model_says_what_its_authors_ask_for(host: Settings, hub: SmallHub) -> None:
    hub.gated.add(NAME)
    with pytest.raises(
        UserError, match="owner/tiny-chat is gated: its authors ask for a login .*ask the host to log in"
    ):
        fetch_chat(NAME, host, lambda done, total: None)
    assert nothing_is_left(host)


@pytest.mark.usefixtures("hub")
def test_an_unknown_model_and_a_pickled_one_are_refused(host: Settings) -> None:
    with pytest.raises(UserError, match="The Hub has no model owner/absent"):
        fetch_chat("owner/absent", host, lambda done, total: None)
    with pytest.raises(UserError, match="owner/pickled has no safetensors"):
        fetch_chat("owner/pickled", host, lambda done, total: None)


def test_a_transfer_that_breaks_off_leaves_nothing(host: Settings, hub: SmallHub) -> None:
    hub.broken = True
    with pytest.raises(UserError, match="owner/tiny-chat could not be fetched from the Hub: .* Try again later"):
        fetch_chat(NAME, host, lambda done, total: None)
    assert nothing_is_left(host)


@pytest.mark.usefixtures("hub")
def test_a_full_disk_is_said_before_the_transfer_and_in_the_middle_of_it(
    host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="The disk has no room for owner/tiny-chat"):
        fetch_chat(NAME, replace(host, reserve_bytes=1 << 60), lambda done, total: None)

    def fill_disk(done: int, total: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match="The disk has no room for owner/tiny-chat .* nothing was kept"):
        fetch_chat(NAME, host, fill_disk)
    assert nothing_is_left(host)


def test_a_hub_out_of_reach_is_a_sentence(host: Settings, hub_cache: Path) -> None:
    with pytest.raises(UserError, match="owner/tiny-chat could not be fetched from the Hub"):
        fetch_chat(NAME, host, lambda done, total: None)


@pytest.mark.usefixtures("hub")
def test_what_a_killed_process_left_goes_and_what_another_is_filling_stays(host: Settings) -> None:
    models = fetched_folder(host, NAME).parent
    for name, age in (("old", 2 * fetch.LEFTOVER_SECONDS), ("new", 0)):
        folder = models / f"{fetch.LEFTOVER}{name}"
        folder.mkdir(parents=True)
        os.utime(folder, (folder.stat().st_mtime - age,) * 2)
    fetch_chat(NAME, host, lambda done, total: None)
    assert {each.name for each in models.iterdir()} == {fetched_folder(host, NAME).name, f"{fetch.LEFTOVER}new"}
