"""The page: the bar, the tabs, and the events that redraw them. No logic of its own."""

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import gradio as gr

from playground.errors import UserError
from playground.services.app import Services
from playground.ui import compat
from playground.ui.api.offer import offer
from playground.ui.compare.tab import CompareTab
from playground.ui.exam.tab import ExamTab
from playground.ui.learn.tab import LearnTab
from playground.ui.model_choice import ModelChoice
from playground.ui.shared.client_scripts import open_tab
from playground.ui.shared.frames import Frames
from playground.ui.shared.i18n import i18n, mark, say
from playground.ui.shared.middleware import middleware
from playground.ui.shared.polling import Poll, send_session_names
from playground.ui.shared.request_values import CheckedPage
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import NO_PROGRESS, UNQUEUED, UNQUEUED_LATEST, Tab
from playground.ui.shared.theme import FAVICON, css, theme
from playground.ui.start.tab import StartTab
from playground.ui.status_bar import StatusBar
from playground.ui.text.tab import TextTab
from playground.ui.train.tab import TrainTab

log = logging.getLogger(__name__)
TICK_SECONDS = 2.0

EVENTS = 10  # that Gradio may keep waiting for each question that may wait: a page sends as many when it opens
THREADS = 40  # beside those of the questions, each of which has one while it waits


def build(services: Services) -> gr.Blocks:
    """The whole page, ready for `launch`."""
    compat.keep_files_in(services.exchange.folder)
    with CheckedPage(title=say("en", "page.title"), analytics_enabled=False) as page:
        offered = offer(services)  # before the page's own events, which would take its names
        gr.Markdown(mark("page.heading"), elem_classes="heading")
        bar = StatusBar(services)
        model = ModelChoice(services)
        with gr.Tabs() as tabs:
            with gr.Tab(mark("tab.start"), id="start"):
                start = StartTab(services)
            with gr.Tab(mark("tab.text"), id="text") as opening:
                text = TextTab(services, opening)
            with gr.Tab(mark("tab.train"), id="train") as opening:
                train = TrainTab(services, opening)
            with gr.Tab(mark("tab.compare"), id="compare"):
                compare = CompareTab(services)
            with gr.Tab(mark("tab.exam"), id="exam") as opening:
                exam = ExamTab(services, opening)
            with gr.Tab(mark("tab.learn"), id="learn") as opening:
                LearnTab(services, opening)
        start.wire(tabs)
        ways = {text.next: "train", start.own: "text", compare.train_own: "train", compare.bring_text: "text"}
        for button, tab in ways.items():
            button.click(None, None, tabs, js=open_tab(tab), **UNQUEUED)
        of_text = [text.tab, text.quality.tab, text.written.tab]
        all_tabs = [bar.tab, model.tab, start.tab, *of_text, train.tab, train.preview.tab, exam.tab]
        all_tabs.append(compare.tab)  # last, as an answer may end while the others are redrawn
        run_state = _poll_runs(services, page, bar, train, exam)
        _redraw_on_change(page, all_tabs, [run_state, model.state])
        train.choice.follow(model.state)  # last, as the browser runs a change's events one after another
        send_session_names(page, [model.poll, text.index.poll, train.sweep.poll])
        compat.hide_events(page, offered)
    page.queue(api_open=False, max_size=EVENTS * services.settings.queue_size, default_concurrency_limit=4)
    compat.slow_down_queue(page)
    return page


def launch(page: gr.Blocks, services: Services, **more: Any) -> Any:
    """Serve the page where the settings say; `more` is for tests that must not block.

    Raises:
        IncompatibleGradioError: the installed gradio lacks something that the page uses.
    """
    compat.check()
    settings = services.settings
    return page.launch(
        server_name=settings.host,
        server_port=settings.port,
        i18n=i18n(),
        css=css(),
        theme=theme(),
        favicon_path=FAVICON,
        max_file_size=max(settings.file_bytes, settings.adapter_bytes),
        run_history=False,
        footer_links=["api", "settings"],
        ssr_mode=False,
        mcp_server=settings.mcp,
        max_threads=settings.queue_size + THREADS,
        app_kwargs={"middleware": middleware(services), "lifespan": compat.adapted},
        **compat.WITHOUT_LOOKING,
        **more,
    )


def _redraw_on_change(page: gr.Blocks, tabs: list[Tab], states: list[gr.Textbox]) -> None:
    """Redraw every tab when the page opens, when a tab changed the store, and when one of the states changes."""
    tabs = [_framed(tab) for tab in tabs]
    for tab in tabs:  # programs call a tab's own endpoint
        gr.on([], tab.refresh, tab.inputs, tab.outputs, api_name=tab.name, **NO_PROGRESS)
    # One event for all tabs: each event takes the browser 0.1 s, so the last tab would be drawn a second late.
    inputs, outputs = [each for tab in tabs for each in tab.inputs], [each for tab in tabs for each in tab.outputs]
    changes = [*(tab.changed.change for tab in tabs), *(state.change for state in states)]
    gr.on([page.load, *changes], redraw_all(tabs), inputs, outputs, **UNQUEUED_LATEST)


def redraw_all(tabs: list[Tab]) -> Callable[..., list[Any]]:
    """A handler from all tabs' inputs to all tabs' updates; a tab that fails stays as it is, and is logged."""
    redraws = [(tab.refresh, len(tab.inputs), len(tab.outputs)) for tab in tabs]

    def redraw(request: gr.Request, *values: Any) -> list[Any]:
        remaining, updates = iter(values), list[Any]()
        for draw, inputs, outputs in redraws:
            own_inputs = tuple(islice(remaining, inputs))
            try:
                values = draw(request, *own_inputs)
                updates += [values] if isinstance(values, str) else values
            except Exception:
                log.exception("a tab could not be drawn")
                updates += [gr.skip()] * outputs
        return updates

    return redraw


def _framed(tab: Tab) -> Tab:
    """The tab with its updates as one text, and as they are only where the server must know them."""
    frames = Frames(tab.outputs)
    return replace(tab, outputs=frames.outputs, refresh=frames.once(leave_newer(tab, _skip_unknown_visitor(tab))))


def leave_newer(tab: Tab, refresh: Callable[..., Any]) -> Callable[..., Any]:
    """A redraw that leaves what a visitor may have done since it was asked for.

    It says no value to a control which had that value, and stops no timer, as what it follows may have begun.
    """
    controls = {tab.outputs.index(each): number for number, each in enumerate(tab.inputs) if each in tab.outputs}
    timers = [place for place, each in enumerate(tab.outputs) if isinstance(each, gr.Timer)]

    @functools.wraps(refresh)
    def leave(request: gr.Request, *values: Any) -> list[Any]:
        updates = list(refresh(request, *values))
        for place, number in controls.items():
            updates[place] = _without(updates[place], "value", values[number])
        for place in timers:
            updates[place] = _without(updates[place], "active", False)
        return updates

    return leave


def _without(update: Any, name: str, value: Any) -> Any:
    """The update without a property, if it has this value."""
    is_said = isinstance(update, dict) and name in update and update[name] == value
    return {key: each for key, each in update.items() if key != name} if is_said else update


def _skip_unknown_visitor(tab: Tab) -> Callable[..., Any]:
    """The tab's refresh, which changes nothing for a visitor without a cookie: the bar tells them why."""

    @functools.wraps(tab.refresh)
    def refresh(*args: Any) -> Any:
        try:
            return tab.refresh(*args)
        except UserError:
            return [gr.skip()] * len(tab.outputs)

    return refresh


def _poll_runs(services: Services, page: gr.Blocks, bar: StatusBar, train: TrainTab, exam: ExamTab) -> gr.Textbox:
    """Update what tells of runs while one is active. The box that is returned changes with the runs' states."""
    timer = gr.Timer(TICK_SECONDS, active=False)
    run_state = gr.Textbox(visible="hidden")  # unlike a gr.State's, its change reaches the page without the queue

    def tick(request: gr.Request) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(services.visitors, request)
        active = services.jobs.active_runs(visitor)
        states = " ".join(f"{run.id} {run.state}" for run in active)
        of_tabs = *train.panel.follow(language, visitor), *exam.state_updates(language, visitor)
        return *bar.job_updates(language, visitor), *of_tabs, states, gr.update(active=bool(active))

    parts = [*bar.job_outputs, *train.panel.outputs, *exam.state_outputs]
    poll = Poll("run", tick, [*parts, run_state, timer])
    poll.follow(timer)
    page.load(poll.all_values, None, poll.outputs, **UNQUEUED)
    changed = [tab.changed.change for tab in (bar, train, exam)]
    gr.on(changed, poll.all_values, None, poll.outputs, **UNQUEUED)
    return run_state
