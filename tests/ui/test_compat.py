"""Gradio as this page needs it: each part that is missing is named at the start, with the version to install."""

import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.queueing import Queue
from gradio.routes import App

from playground.services.app import Services
from playground.ui import compat
from playground.ui import page as ui
from playground.ui.compat import IncompatibleGradioError, check, insert_scripts, missing_parts
from playground.ui.shared.theme import css
from tests.fakes.page import served_page

HTML = compat.TEMPLATE.read_bytes()
Break = Callable[[pytest.MonkeyPatch, Path], None]


def _break_queue(patch: pytest.MonkeyPatch, _: Path) -> None:
    make = Queue.__init__

    def make_without(queue: Any, *args: Any, **kwargs: Any) -> None:
        make(queue, *args, **kwargs)
        del queue.sleep_when_free

    patch.setattr(Queue, "__init__", make_without)


def _break_cache(patch: pytest.MonkeyPatch, _: Path) -> None:
    make = gr.Textbox.__init__

    def make_without(box: Any, *args: Any, **kwargs: Any) -> None:
        make(box, *args, **kwargs)
        del box.GRADIO_CACHE

    patch.setattr(gr.Textbox, "__init__", make_without)


def _break_skip(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(gr, "skip", lambda: {"__type__": "nothing"})


def _break_config(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(gr.Blocks, "get_config_file", lambda _: {"api_prefix": "/gradio_api"})


def _break_routes(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(App, "openapi", lambda _: {"paths": {f"{compat.API_PREFIX}{compat.UPLOAD_ROUTE}": {}}})


def _break_place(patch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "index.html").write_bytes(HTML.replace(compat.SCRIPTS_BEFORE, b"<link rel=manifest"))
    patch.setattr(compat, "TEMPLATE", folder / "index.html")


def _break_file(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(compat, "TEMPLATE", folder / "moved.html")


def _break_launch(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(gr.Blocks, "launch", lambda page: None)


def _break_tools(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(compat.GradioMCPServer, "postprocess_output_data", lambda server, output: [])


PLACE = "once in its HTML"
BREAKS: list[tuple[Break, str]] = [
    (_break_queue, "Blocks._queue with sleep_when_free"),
    (_break_cache, "Component.GRADIO_CACHE"),
    (_break_skip, "gr.skip()"),
    (_break_config, "i18n_translations in the page's configuration"),
    (_break_routes, "the routes /run and /upload"),
    (_break_launch, "_frontend of Blocks.launch"),
    (_break_tools, "postprocess_output_data takes data and root_url"),
    (_break_place, PLACE),
    (_break_file, PLACE),
]


def test_the_installed_gradio_has_all_and_is_the_one_that_is_required() -> None:
    assert missing_parts() == []
    check()
    assert version("gradio") == compat.WRITTEN_FOR


@pytest.mark.parametrize(("break_gradio", "named"), BREAKS)
def test_each_missing_part_is_named_with_the_version_to_install(
    break_gradio: Break, named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_gradio(monkeypatch, tmp_path)
    with pytest.raises(IncompatibleGradioError, match=re.escape(named)) as error:
        check()
    assert f"Install gradio=={compat.WRITTEN_FOR}" in str(error.value)
    assert len(missing_parts()) == 1


def test_the_page_does_not_open_on_a_gradio_that_lacks_something(
    monkeypatch: pytest.MonkeyPatch, services: Services, tmp_path: Path
) -> None:
    _break_place(monkeypatch, tmp_path)
    with gr.Blocks() as page, pytest.raises(IncompatibleGradioError, match=PLACE):
        ui.launch(page, services, prevent_thread_lock=True, quiet=True)


def test_a_page_that_is_slow_to_answer_opens_all_the_same(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    monkeypatch.setattr("gradio.networking.url_ok", lambda _: False)  # what it says after three seconds
    with served_page(services) as url:
        assert url.startswith("http://127.0.0.1")


def test_the_scripts_stand_between_the_configuration_and_gradios_own_scripts() -> None:
    html = insert_scripts(HTML, "<script>ours</script>")
    assert html.count(b"<script>ours</script>") == 1
    assert html.index(compat.CONFIG_SCRIPT) < html.index(b"ours") < html.index(b'<script type="module"')


@pytest.mark.parametrize(
    "html",
    [
        b"",
        HTML.replace(compat.SCRIPTS_BEFORE, b"<link rel=manifest"),
        HTML.replace(compat.CONFIG_SCRIPT, b"window.other = "),
        HTML + HTML,
    ],
)
def test_a_page_that_would_lose_its_scripts_is_an_error(html: bytes) -> None:
    with pytest.raises(IncompatibleGradioError, match=PLACE):
        insert_scripts(html, "<script>ours</script>")


def test_no_other_module_of_the_page_uses_what_is_private_in_gradio() -> None:
    private = re.compile(
        r"\b(page|gr|blocks)\._\w|gradio\.(routes|queueing|route_utils|utils|processing_utils)|GRADIO_"
    )
    folder = Path(compat.__file__).parent
    found = {
        path.name: private.findall(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.py")
        if path != Path(compat.__file__)
    }
    assert {name: uses for name, uses in found.items() if uses} == {}


def test_gradio_has_the_classes_that_the_style_sheet_overrides() -> None:
    assets = compat.TEMPLATE.parent / "assets"
    files = [path for path in assets.iterdir() if path.suffix in (".js", ".css")]
    gradios = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [name for name in compat.STYLED_CLASSES if f".{name}" not in css()] == []
    assert [name for name in compat.STYLED_CLASSES if not re.search(rf"(?<![\w-]){name}(?![\w-])", gradios)] == []


def test_each_browser_gets_a_component_described_once_and_programs_are_told_the_same(services: Services) -> None:
    page = ui.build(services)
    told, sent = page.get_api_info(), len(json.dumps(page.config, default=str))
    page.config = gr.Blocks.get_config_file(page)
    whole = len(json.dumps(page.config, default=str))
    assert page.get_api_info() == told
    assert sent < min(850_000, 0.9 * whole)
