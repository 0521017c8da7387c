"""The bar above all tabs: what runs, how long it takes, and the button that pauses it and lets it go on."""

import gradio as gr

from playground.services.app import Services
from playground.ui.status_bar import StatusBar
from playground.ui.train.run_panel import PAUSE, RunPanel
from tests.fakes.page import event_handler, page_request
from tests.fakes.runs import config
from tests.fakes.texts import CLUB_RULES


def test_the_bar_pauses_a_run_and_lets_it_go_on_from_any_tab(services: Services) -> None:
    with gr.Blocks() as page:
        bar, panel = StatusBar(services), RunPanel(services)
        panel.build_run()
        panel.wire_pause(bar.pause, bar.notice, bar.changed)
    request = page_request()
    (secret,) = request.cookies.values()
    visitor = services.store.visitor(secret)
    assert panel.follow("en", visitor)[PAUSE]["visible"] is False
    services.library.add_text(visitor, CLUB_RULES)
    run = services.runs.start(visitor, config(steps=4), "mine")
    press = event_handler(page, bar.pause, "click")
    for says, then, line in (("Pause", "stopped", "mine: paused at 0 %"), ("Resume", "queued", "mine: number 1 in")):
        assert panel.follow("en", visitor)[PAUSE]["value"] == says
        press(request, 0, says)
        assert services.runs.get(visitor, run).state == then
        assert line in bar.job_line("en", visitor)
