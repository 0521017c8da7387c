"""The cards and the Learn tab: every method is there by itself, with its costs, or with why it cannot run here."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

import adapters
from adapters.base import Method
from adapters.cost import MethodCost
from adapters.lora import Lora
from adapters.options import knobs
from playground.services.app import Services
from playground.settings import Settings
from playground.ui import page
from playground.ui.learn.method_details import MethodCosts, article, facts, measured_costs, picture, table
from playground.ui.shared import i18n
from playground.ui.shared.controls import Controls, build_controls
from playground.ui.train.tab import FIRST_METHOD
from tests.fakes.page import page_request

CACHES = (i18n.catalogue, i18n.i18n, i18n.words_from_code)
REASON = "It cannot run here, as a test says so."
LANGUAGES = sorted(i18n.languages())


class Tenth(Lora):
    """A method that someone dropped in."""

    label = "Tenth"


@pytest.fixture
def dropped_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Method[Any]]:
    """All methods and one more."""
    tenth = Tenth()
    every = {**adapters.methods(), tenth.id: tenth}
    monkeypatch.setattr(adapters, "methods", lambda: every)
    for cache in CACHES:
        cache.cache_clear()
    yield tenth
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture
def known() -> MethodCosts:
    """Costs without a measurement."""
    cost = MethodCost(1_234, 100_000, 4_936, 400_000, 400_000, 100, 0, 1.8)
    return MethodCosts(dict.fromkeys(adapters.methods(), cost), 64)


def buttons(built: gr.Blocks) -> dict[str, gr.Button]:
    """Every choosing button of the whole page, by its method's label."""
    every = [each for each in built.blocks.values() if isinstance(each, gr.Button)]
    return {str(each.value).rpartition("} ")[2]: each for each in every if "choose_method" in str(each.value)}


def test_every_method_has_a_card_and_one_that_is_dropped_in_too(settings: Settings, dropped_in: Method[Any]) -> None:
    shown = buttons(page.build(Services(settings)))
    methods = adapters.methods().values()
    assert list(shown) == [each.label for each in methods if each.core] + [
        each.label for each in methods if not each.core
    ]
    assert dropped_in.label in shown


def test_a_method_that_cannot_run_here_says_why_and_cannot_be_chosen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    vera = adapters.get("vera")
    monkeypatch.setattr(type(vera), "unavailable", lambda _self: REASON)
    built = page.build(Services(settings))
    shown = buttons(built)
    assert [label for label, each in shown.items() if not each.interactive] == [vera.label]
    card = shown[vera.label].parent
    assert card is not None
    assert REASON in [each.value for each in card.children if isinstance(each, gr.Markdown)]
    choices = [dict(each.choices) for each in built.blocks.values() if isinstance(each, gr.Radio)]
    assert all(vera.label not in each for each in choices)
    assert any(adapters.get(FIRST_METHOD).label in each for each in choices)


def test_the_page_names_no_method_but_the_first_one() -> None:
    folder = Path(page.__file__).parent
    for path in folder.rglob("*.py"):
        strings = [each.value for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Constant)]
        named = [each for each in strings if each in adapters.methods()]
        assert named == ([FIRST_METHOD] if path == folder / "train" / "tab.py" else []), path.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_until_they_are_measured_everything_says_so(language: str) -> None:
    waiting = i18n.say(language, "about.measuring")
    for method in adapters.methods().values():
        assert waiting in picture(language, method, MethodCosts({}, 0))
        assert waiting in facts(language, method, MethodCosts({}, 0))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_method_is_told_whole(language: str, known: MethodCosts) -> None:
    for method in adapters.methods().values():
        told = article(language, method, known)
        assert "<svg" in told
        assert method.paper.url in told
        assert i18n.write_number(language, "1,234") in told
        assert ("<dt>" + i18n.say(language, "about.caveat") in told) == bool(method.caveat)


def test_the_table_has_a_row_a_method_and_no_figures_for_one_that_was_not_measured(known: MethodCosts) -> None:
    costs = {id_: cost for id_, cost in known.costs.items() if id_ != "vera"}
    rows = table("en", MethodCosts(costs, 64)).split("<tr>")[2:]
    assert [method.label in row for method, row in zip(adapters.methods().values(), rows, strict=True)] == [True] * len(
        rows
    )
    assert [row.count("–") for row in rows if "VeRA" in row] == [4]
    assert sum("1.8 ×" in row for row in rows) == len(rows) - 2  # neither the yardstick nor the missing one
    assert i18n.say("en", "about.not_here") in facts("en", adapters.get("vera"), MethodCosts(costs, 64))


def test_costs_come_second_so_that_nothing_waits_for_them(settings: Settings, tiny_model_folder: Path) -> None:
    services = Services(Settings(data=settings.data, chat_model=str(tiny_model_folder)))
    steps = measured_costs(services)
    assert next(steps) == MethodCosts({}, 0)
    assert "_chat" not in vars(services)
    last = next(steps)
    assert last.side == 32
    assert set(last.costs) == {id_ for id_, method in adapters.methods().items() if not method.unavailable()}


def test_costs_are_those_on_the_model_that_the_visitor_chose(
    settings: Settings, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, asked = Services(Settings(data=settings.data, chat_model=str(tiny_model_folder))), list[str]()
    chosen = SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace(hidden_size=7)))
    monkeypatch.setattr(services.chats, "name", lambda visitor: "Another")
    monkeypatch.setattr(services.chats, "get", lambda base: chosen)
    monkeypatch.setattr(services.method_costs, "measure", asked.append)
    monkeypatch.setattr(services.method_costs, "known", lambda base: {base: "measured"} if asked else {})
    first, last = measured_costs(services, page_request())
    assert (first, asked) == (MethodCosts({}, 0), ["Another"])
    assert (last.costs, last.side) == ({"Another": "measured"}, 7)


def test_a_rivals_options_go_into_its_own_controls_and_the_rest_of_them_to_their_defaults() -> None:
    with gr.Blocks():
        controls: Controls = build_controls(FIRST_METHOD)
    method = next(each for each in adapters.methods().values() if each.rival(each.Options()))
    rival = method.rival(method.Options())
    assert rival is not None
    updates = controls.fill(rival.method, rival.options)
    values = [each.get("value") for each in updates]
    assert len(updates) == len(controls.flat)
    assert sum("value" in each for each in updates) == len(controls.methods[rival.method])
    options, _ = controls.read(rival.method, tuple(values))
    defaults = {knob.name: knob.default for knob in knobs(adapters.get(rival.method).Options)}
    assert options == {**defaults, **rival.options}
