"""The bar above all tabs: what runs, how long it takes, and the button that pauses it and lets it go on."""

import gradio as gr
import pytest

from playground.evaluation.config import ExamSettings
from playground.services.app import Services
from playground.services.exams import KIND
from playground.services.experiments import SWEEP
from playground.storage.run_folder import log_event
from playground.ui.status_bar import StatusBar
from tests.fakes.exams import TEXT
from tests.fakes.page import event_handler, page_request
from tests.fakes.runs import config


def start(services: Services, visitor: str, kind: str) -> str:
    """Queue a run of a kind."""
    if kind == KIND:
        services.exams.create_draft(visitor, "", ExamSettings(limit=8), None)
        return services.exams.start(visitor, ["base"], "mine", "en")
    if kind == SWEEP:
        return services.experiments.start_sweep(visitor, "lora", "quick", {}, {"steps": 40}, False)
    return services.runs.start(visitor, config(steps=4), "mine")


@pytest.mark.parametrize(("kind", "name"), [("train", "mine"), (KIND, "mine"), (SWEEP, "LoRA, sweep")])
def test_the_bar_pauses_every_kind_of_run_and_lets_it_go_on_from_any_tab(
    services: Services, kind: str, name: str
) -> None:
    with gr.Blocks() as page:
        bar = StatusBar(services)
    request = page_request()
    (secret,) = request.cookies.values()
    visitor = services.store.visitor(secret)
    assert bar.job_updates("en", visitor) == ("nothing", gr.update(visible=False))
    services.library.add_text(visitor, TEXT)
    run = start(services, visitor, kind)
    press = event_handler(page, bar.pause, "click")
    for says, then, line in (("Pause", "stopped", "paused at 0 %"), ("Resume", "queued", "number 1 in the queue")):
        assert bar.job_updates("en", visitor)[1]["value"] == says
        press(request, 0, says)
        assert services.store.runs.get(visitor, run).state == then
        assert bar.job_updates("en", visitor)[0] == f"{name}: {line}"


def test_the_bar_tells_how_far_an_exam_is_and_how_long_it_still_takes(services: Services, visitor: str) -> None:
    with gr.Blocks():
        bar = StatusBar(services)
    services.library.add_text(visitor, TEXT)
    row = services.store.runs.get(visitor, start(services, visitor, KIND))
    services.store.runs.transition(visitor, row.id, ["queued"], "running")
    told = [bar.job_updates("en", visitor)[0]]
    for step, left in ((0, None), (20, None), (50, 90.0)):
        log_event(row.folder, {"event": "progress", "step": step, "steps": 80, "seconds_left": left, "arm": "base"})
        told.append(bar.job_updates("en", visitor)[0])
    assert told == ["mine: starting", "mine: starting", "mine: 25 %", "mine: 62 % · 90 s left"]


def test_what_works_is_told_of_before_what_waits(services: Services, visitor: str) -> None:
    with gr.Blocks():
        bar = StatusBar(services)
    services.library.add_text(visitor, TEXT)
    start(services, visitor, "train")
    exam = services.store.runs.get(visitor, start(services, visitor, KIND))
    services.store.runs.update(visitor, exam.id, name="exam")
    services.store.runs.transition(visitor, exam.id, ["queued"], "running")
    assert bar.job_updates("en", visitor)[0] == "exam: starting"
