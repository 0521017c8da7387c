"""A Space without storage says that a restart loses everything, where its limits stand; no other host does."""

from pathlib import Path

import gradio as gr
import pytest

from playground.services.app import Services
from playground.ui.shared.i18n import languages, say
from playground.ui.shared.kept import loss_warning
from playground.ui.text.limits import limits_words
from playground.ui.train.tab import TrainTab
from tests.fakes.page import page_request

DATA = Path("/data/playground")


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """A Space; the test says what is mounted into it."""
    mounts = {Path("/"), Path("/etc/hosts")}
    monkeypatch.setenv("SPACE_ID", "me/app")
    monkeypatch.setattr(Path, "is_mount", lambda path: path in mounts)
    return mounts


@pytest.mark.parametrize("storage", [Path("/data"), DATA])
def test_a_space_warns_unless_storage_is_mounted_where_the_data_lies(mounted: set[Path], storage: Path) -> None:
    assert loss_warning(DATA, "en") == say("en", "kept.space")
    mounted.add(Path("/models"))
    assert loss_warning(DATA, "en")
    mounted.add(storage)
    assert loss_warning(DATA, "en") == ""


def test_another_host_does_not_warn(mounted: set[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID")
    assert loss_warning(DATA, "en") == ""


def run_limits(tab: TrainTab, language: str) -> str:
    """What the Fine-tune tab says of its limits."""
    request = page_request(**{"accept-language": language})
    drawn = tab.refresh(request, *(each.value for each in tab.tab.inputs))
    return dict(zip(tab.tab.outputs, drawn, strict=True))[tab.lease]


@pytest.mark.parametrize("language", languages())
def test_the_limits_of_texts_and_of_runs_begin_with_the_warning(
    mounted: set[Path], services: Services, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    with gr.Blocks(), gr.Tab() as opening:
        tab = TrainTab(services, opening)
    warning = say(language, "kept.space")
    assert limits_words(services, language).split("\n\n")[0] == warning
    assert run_limits(tab, language).startswith(warning)
    monkeypatch.delenv("SPACE_ID")
    assert warning not in limits_words(services, language) + run_limits(tab, language)
