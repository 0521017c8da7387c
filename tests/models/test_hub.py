"""The Hub in models: its absence is a sentence, a fault of ours is a fault, and its private names are checked."""

import logging
import re
import socket
from pathlib import Path

import pytest
from huggingface_hub import HfApi, file_download

from adapters.errors import IncompatibleLibraryError
from playground.errors import UserError
from playground.models import compat, registry
from tests.fakes.hub import small_hub, use

NAMES = ["owner/first", "owner/missing", "owner/second"]


def test_a_model_that_the_hub_lacks_does_not_hide_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model_folder: Path
) -> None:
    (tmp_path / "pickles").mkdir()
    (tmp_path / "pickles" / "pytorch_model.bin").write_bytes(b"pickle")
    folders = {
        "owner/first": tiny_model_folder,
        "owner/second": tiny_model_folder,
        "owner/pickles": tmp_path / "pickles",
    }
    with small_hub(folders) as (_, address):
        use(address, monkeypatch)
        assert registry.available_on_hub([*NAMES, "owner/pickles"]) == ["owner/first", "owner/second"]


def test_a_hub_out_of_reach_offers_nothing_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, registry.log.name)
    assert registry.available_on_hub(NAMES) == []
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    use(address, monkeypatch)  # nobody listens there any more
    assert registry.available_on_hub(NAMES) == []
    assert [each.message.startswith("The Hub is out of reach: ") for each in caplog.records] == [True, True]


def test_a_fault_of_ours_is_not_taken_for_an_absent_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hub_cache: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TypeError("a fault of ours")

    monkeypatch.setattr(HfApi, "model_info", fail)
    with pytest.raises(TypeError, match="a fault of ours"):
        registry.available_on_hub(NAMES)
    with pytest.raises(TypeError, match="a fault of ours"):
        registry.fetch_embedder("owner/first")


def test_an_embedder_that_the_hub_does_not_give_is_refused_in_a_sentence(hub_cache: Path) -> None:
    with pytest.raises(UserError, match="owner/first could not be fetched from the Hub: .* Try again later"):
        registry.fetch_embedder("owner/first")


def test_the_bytes_in_the_cache_are_counted_where_the_client_puts_them(
    hub_cache: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compat.downloaded_bytes("owner/first") == 0
    with small_hub({"owner/first": tiny_model_folder}) as (_, address):
        use(address, monkeypatch)
        registry.fetch_embedder("owner/first")
    fetched = [path for path in tiny_model_folder.iterdir() if path.suffix in (".json", ".jinja", ".safetensors")]
    assert compat.downloaded_bytes("owner/first") == sum(path.stat().st_size for path in fetched)


def test_another_name_for_the_cache_is_an_error_that_names_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    compat.check.cache_clear()
    for broken in (lambda **_: "elsewhere", None):
        monkeypatch.setattr(file_download, "repo_folder_name", broken)
        sentence = f"written for huggingface_hub {compat.HUB}"
        for use_it in (compat.downloaded_bytes, registry.downloaded_megabytes, registry.fetch_embedder):
            with pytest.raises(IncompatibleLibraryError, match=sentence):
                use_it("owner/first")
    monkeypatch.undo()
    compat.check()


def test_no_other_module_of_the_package_uses_what_is_private_in_the_libraries() -> None:
    private = re.compile(r"file_download|repo_folder_name|blobs|(?<!self)(?<!cls)\._(?!_)[a-z]\w*")
    found = {
        path.name: uses
        for path in Path(compat.__file__).parent.glob("*.py")
        if path.name != "compat.py" and (uses := private.findall(path.read_text(encoding="utf-8")))
    }
    assert found == {}
