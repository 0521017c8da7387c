"""Putting an export on the Hub: with the visitor's own token alone, into a new repository of theirs, or not at all."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from huggingface_hub.errors import HfHubHTTPError

from playground.errors import UserError
from playground.export import hub

HOST, VISITOR = "hf_host_secret", "hf_visitor_secret"


class Stub:
    """Stands in for HfApi: remembers every call, and refuses what it is told to."""

    calls: list[tuple[str, dict[str, Any]]] = []
    fault: Exception | None = None

    def __init__(self, **given: Any) -> None:
        self._note("connect", given)

    def whoami(self, **given: Any) -> dict[str, str]:
        """See HfApi."""
        self._note("whoami", given)
        return {"name": "ann"}

    def create_repo(self, repository: str, **given: Any) -> None:
        """See HfApi."""
        self._note("create_repo", {"repository": repository, **given})
        if self.fault:
            raise self.fault

    def upload_folder(self, **given: Any) -> None:
        """See HfApi."""
        self._note("upload_folder", given)

    def _note(self, name: str, given: dict[str, Any]) -> None:
        self.calls.append((name, given))


def refusal(status: int) -> HfHubHTTPError:
    """The library's own error, with a text that quotes the request."""
    answer = cast(Any, SimpleNamespace(status_code=status, headers={}, request=None))
    return HfHubHTTPError(f"Bearer {VISITOR}", response=answer)


@pytest.fixture(autouse=True)
def host_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host is logged in itself, as the library would find out."""
    monkeypatch.setenv("HF_TOKEN", HOST)
    monkeypatch.setattr(Stub, "calls", [])
    monkeypatch.setattr(Stub, "fault", None)


def push(tmp_path: Path, token: str | None = VISITOR, name: str = "my-model") -> str:
    return hub.push_to_hub(tmp_path, name, token, private=True, connect=Stub)


def test_only_the_visitors_token_is_used_and_named_in_every_call(tmp_path: Path) -> None:
    assert push(tmp_path) == "https://huggingface.co/ann/my-model"
    assert [name for name, _ in Stub.calls] == ["connect", "whoami", "create_repo", "upload_folder"]
    assert all(given["token"] == VISITOR for _, given in Stub.calls)
    assert HOST not in str(Stub.calls)
    made = dict(Stub.calls)["create_repo"]
    assert (made["repository"], made["private"], made["exist_ok"]) == ("ann/my-model", True, False)
    assert dict(Stub.calls)["upload_folder"]["folder_path"] == tmp_path


@pytest.mark.parametrize("token", [None, "", "  "])
def test_without_a_login_nothing_is_asked_of_the_hub(tmp_path: Path, token: str | None) -> None:
    with pytest.raises(UserError, match="log in with Hugging Face"):
        push(tmp_path, token)
    assert Stub.calls == []


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a--b", "x" * 97, "a b", "évil", "-x"])
def test_a_name_the_hub_does_not_take_is_refused_before(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="accepts no repository"):
        push(tmp_path, name=name)
    assert Stub.calls == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (refusal(401), "not accepted"),
        (refusal(403), "right to create"),
        (refusal(409), "choose another name"),
        (refusal(500), "answered 500"),
        (ConnectionError(VISITOR), "cannot be reached"),
        (HfHubHTTPError.__bases__[0](VISITOR), "cannot be reached"),  # the HTTP library's own
        (RuntimeError(VISITOR), "cannot be reached"),
    ],
)
def test_a_refusal_is_a_sentence_without_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception, sentence: str
) -> None:
    monkeypatch.setattr(Stub, "fault", fault)
    with caplog.at_level(logging.DEBUG), pytest.raises(UserError, match=sentence) as told:
        push(tmp_path)
    assert VISITOR not in str(told.value) + caplog.text
    assert told.value.__cause__ is None
    assert "upload_folder" not in dict(Stub.calls)


def test_a_fault_of_ours_is_not_taken_for_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stub, "fault", TypeError("a wrong argument"))
    with pytest.raises(TypeError):
        push(tmp_path)
