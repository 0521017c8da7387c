"""The estimate beside the form, in Chromium with the tiny model: of the form as it is, or why there is none."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from benchmarks.journey import free_port
from playground.services.app import Services
from playground.settings import Settings
from playground.ui.train import method_choice
from tests.fakes.page import MINUTES, chromium, served_page, settle
from tests.fakes.texts import CLUB_RULES

pytestmark = pytest.mark.slow
ESTIMATE = re.compile(r"^[\d,]+ trainable .* steps ")
SLOW = 2.0  # seconds that the first estimate takes longer than the next


@pytest.fixture(scope="module")
def app(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Services]]:
    """The page with the tiny model."""
    data = tmp_path_factory.mktemp("data")
    services = Services(Settings(data=data, chat_model=str(tiny_model_folder), port=free_port()))
    with served_page(services) as url:
        yield url, services


@pytest.fixture
def form(app: tuple[str, Services]) -> Iterator[Page]:
    """The Fine-tune tab of a new visitor with its knobs open, beside a text that was added."""
    url, _ = app
    with chromium() as tab:
        tab.goto(url)
        tab.get_by_role("tab", name="Text").click(timeout=MINUTES)
        tab.get_by_label("paste a text").fill(CLUB_RULES)
        tab.get_by_role("button", name="Add this text").click()
        tab.get_by_role("tab", name="Fine-tune").click()
        tab.get_by_role("button", name="Advanced").click()
        expect(tab.get_by_label("Before you start")).to_have_value(ESTIMATE, timeout=MINUTES)
        yield tab


def put(form: Page, label: str, value: str) -> None:
    form.get_by_label(label, exact=True).filter(visible=True).fill(value)
    form.keyboard.press("Tab")


def test_nothing_is_planned_or_measured_before_a_visitor_looks_at_the_tab(
    app: tuple[str, Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, services = app
    called = list[str]()
    for owner, name in ((services.runs, "plan"), (services.method_costs, "measure")):
        monkeypatch.setattr(owner, name, _noting(getattr(owner, name), name, called))
    with chromium() as tab:
        tab.goto(url)
        tab.get_by_role("tab", name="Text").click(timeout=MINUTES)
        tab.get_by_label("paste a text").fill(CLUB_RULES)
        tab.get_by_role("button", name="Add this text").click()
        onwards = tab.get_by_role("button", name="Next: fine-tune")
        expect(onwards).to_be_visible(timeout=MINUTES)
        tab.wait_for_timeout(1_000)
        assert called == []
        onwards.click()
        expect(tab.get_by_label("Before you start")).to_have_value(ESTIMATE, timeout=MINUTES)
        expect(tab.locator(".cards svg").first).to_be_visible(timeout=MINUTES)
    assert {*called} == {"plan", "measure"}


def _noting(act: Callable[..., Any], name: str, called: list[str]) -> Callable[..., Any]:
    def note(*args: Any, **more: Any) -> Any:
        called.append(name)
        return act(*args, **more)

    return note


def test_a_late_estimate_of_an_older_form_does_not_stay(
    form: Page, app: tuple[str, Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = app[1]
    plan, asked = services.runs.plan, list[str]()

    def slow(visitor: str, method: str, preset: str, values: Mapping[str, Any], run_values: Mapping[str, Any]) -> Any:
        if run_values["steps"] == 5 and values["rank"] == 8:
            asked.append(visitor)
            time.sleep(SLOW)
        return plan(visitor, method, preset, values, run_values)

    monkeypatch.setattr(services.runs, "plan", slow)
    put(form, "Steps", "5")
    wait_for(form, asked)
    put(form, "Rank", "2")
    _, cost = plan(asked[0], "lora", "quick", {"rank": 2}, {"steps": 5})
    right = re.compile(rf"^{cost.trainable:,} trainable .* 5 steps ")
    expect(form.get_by_label("Before you start")).to_have_value(right, timeout=MINUTES)
    form.wait_for_timeout(1_000 * SLOW)
    expect(form.get_by_label("Before you start")).to_have_value(right)


def test_a_value_typed_while_the_first_estimate_is_made_is_estimated_last(
    form: Page, app: tuple[str, Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, asked = app[1].runs.plan, list[float]()

    def slow(visitor: str, method: str, preset: str, values: Mapping[str, Any], run_values: Mapping[str, Any]) -> Any:
        if run_values["steps"] != 5:
            asked.append(time.monotonic())
            time.sleep(SLOW)
        return plan(visitor, method, preset, values, run_values)

    monkeypatch.setattr(app[1].runs, "plan", slow)
    form.reload()
    settle(form)
    form.get_by_role("tab", name="Fine-tune").click(timeout=MINUTES)
    form.get_by_role("button", name="Advanced").click()
    wait_for(form, asked)
    put(form, "Steps", "5")
    right = re.compile(r"\b5 steps ")
    expect(form.get_by_label("Before you start")).to_have_value(right, timeout=MINUTES)
    form.wait_for_timeout(1_000 * SLOW)
    expect(form.get_by_label("Before you start")).to_have_value(right)


def test_the_method_chosen_while_the_methods_are_measured_is_described(
    form: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, measure, asked, told = threading.Event(), method_choice.measured_costs, list[str](), list[str]()

    def slowly(services: Services, base: str) -> Iterator[Any]:
        is_first = not asked
        asked.append("asked")
        *_, measured = measure(services, base)
        yield measured
        assert not is_first or chosen.wait(MINUTES / 1_000)
        yield measured
        told.append("measured")

    monkeypatch.setattr(method_choice, "measured_costs", slowly)
    form.reload()
    settle(form)
    form.get_by_role("tab", name="Fine-tune").click(timeout=MINUTES)
    about = form.locator(".chosen-method h4")
    expect(about).to_have_text("LoRA", timeout=MINUTES)
    form.locator(".cards").get_by_role("button", name="VeRA").click()
    expect(about).to_have_text("VeRA", timeout=MINUTES)
    told.clear()
    chosen.set()
    wait_for(form, told)
    expect(about).to_have_text("VeRA", timeout=MINUTES)
    form.wait_for_timeout(1_500)
    expect(about).to_have_text("VeRA")


def test_the_examples_of_training_follow_the_form_once_they_are_open(form: Page) -> None:
    form.get_by_role("button", name="What the model will see").click()
    total = form.get_by_role("row", name="Total").filter(visible=True)
    expect(total).to_be_visible(timeout=MINUTES)
    before = total.inner_text()
    put(form, "Reading exercises", "0")
    expect(total).not_to_have_text(before, timeout=MINUTES)


def wait_for(form: Page, happened: list[Any]) -> None:
    """Until the list has something."""
    until = time.monotonic() + MINUTES / 1_000
    while not happened and time.monotonic() < until:
        form.wait_for_timeout(50)
    assert happened


def test_a_value_out_of_range_takes_the_place_of_the_estimate(form: Page) -> None:
    put(form, "Rank", "9999")
    refused = re.compile("^These options cannot be used: Rank must be between 1 and 256, got 9999")
    expect(form.get_by_label("Before you start")).to_have_value(refused, timeout=MINUTES)
    form.get_by_role("button", name="Start training").click()
    expect(form.locator(".notice textarea").filter(visible=True)).to_have_value(refused, timeout=MINUTES)
    put(form, "Rank", "4")
    expect(form.get_by_label("Before you start")).to_have_value(ESTIMATE, timeout=MINUTES)
    expect(form.locator(".notice textarea").filter(visible=True)).to_have_count(0)


def test_a_refusal_stays_when_the_page_has_measured_the_methods(form: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    refused, measure, told = threading.Event(), method_choice.measured_costs, list[str]()

    def slowly(services: Services, base: str) -> Iterator[Any]:
        assert refused.wait(MINUTES / 1_000)
        yield from measure(services, base)
        told.append("measured")

    monkeypatch.setattr(method_choice, "measured_costs", slowly)
    form.reload()
    form.get_by_role("tab", name="Fine-tune").click()
    form.get_by_role("button", name="Advanced").click()
    put(form, "Rank", "9999")
    refusal = re.compile("^These options cannot be used")
    expect(form.get_by_label("Before you start")).to_have_value(refusal, timeout=MINUTES)  # the change is through
    form.get_by_role("button", name="Start training").click()
    sentence = form.locator(".notice textarea").filter(visible=True)
    expect(sentence).to_have_value(refusal, timeout=MINUTES)
    refused.set()
    wait_for(form, told)
    form.wait_for_timeout(1_500)
    expect(sentence).to_have_value(refusal)
