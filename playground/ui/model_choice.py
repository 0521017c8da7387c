"""The choice of the chat model, above the tabs: a list with a card of each, progress, and the way back to what fits."""

from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.services.chat_changes import ChatChange
from playground.services.chat_models import ChatOffer
from playground.settings import MEGABYTE
from playground.ui.shared.format import count, decimal, escape_markdown, model_name, parameters
from playground.ui.shared.handlers import guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.polling import Poll
from playground.ui.shared.session import language_of, offers_login, visitor_of
from playground.ui.shared.tab import UNQUEUED, UNQUEUED_LATEST, Tab
from playground.ui.shared.translation import translate

WATCH_SECONDS = 1.0


class ModelChoice:
    """Hidden while only one chat model is on offer. It polls while a change is under way; its end redraws the page."""

    def __init__(self, services: Services) -> None:
        """Draw the choice, hidden, and wire it."""
        self.services = services
        self.changed = gr.State(0)
        with gr.Accordion(mark("model.title"), open=False, visible=False) as self.panel:
            gr.Markdown(mark("model.about"), elem_classes="fine-print")
            with gr.Row(equal_height=False):
                self.listed = gr.Dropdown([], label=mark("model.listed"), scale=2, min_width=260)
                with gr.Column(scale=3, min_width=260):
                    self.card = gr.Markdown(elem_classes="model-card")
                    self.token = gr.Textbox(
                        label=mark("model.token"), info=mark("model.token_help"), type="password", max_lines=1,
                        visible=False,
                    )  # fmt: skip
                    self.use = gr.Button(mark("model.use"), size="sm", variant="primary")
        with gr.Row(elem_classes="ask"):
            self.progress = gr.Textbox(
                show_label=False, container=False, interactive=False, visible=False, lines=1, max_lines=4,
                elem_classes="live", scale=6,
            )  # fmt: skip
            self.cancel = gr.Button(mark("model.cancel"), size="sm", variant="stop", visible=False, min_width=120)
        with gr.Row(elem_classes="ask"):
            self.misfit = gr.Textbox(
                show_label=False, container=False, interactive=False, visible=False, lines=1, max_lines=4, scale=6
            )
            self.back = gr.Button(visible=False, size="sm", min_width=200)
        self.notice = notice_box()
        self.state = gr.Textbox("0", visible="hidden")  # the changes made; a new one redraws the page without the queue
        self.timer = gr.Timer(WATCH_SECONDS, active=False)
        self._wire()

    @property
    def tab(self) -> Tab:
        """What the page redraws of it."""
        return Tab("chat_models", self.outputs, self.refresh, self.changed, [self.listed])

    @property
    def outputs(self) -> list[Any]:
        """All that depends on the visitor's choice."""
        chosen = [self.panel, self.listed, self.misfit, self.back]
        return [*chosen, *self.progress_outputs]

    @property
    def progress_outputs(self) -> list[Any]:
        """What shows how far a change is."""
        return [self.progress, self.cancel, self.state, self.timer]

    def _wire(self) -> None:
        self.poll = Poll("chat_model", self._watch, self.progress_outputs)
        self.poll.follow(self.timer)
        shown = [self.card, self.use, self.token]
        # Of the list's value alone, so that no redraw shows the card of another model than the list does.
        gr.on([self.listed.change, self.state.change], self._show, self.listed, shown, **UNQUEUED_LATEST)
        changing = [self.notice, *self.progress_outputs]
        safe = guard(len(changing))
        self._wire_use(changing)
        self.back.click(guard(1 + len(changing))(self._go_back), None, [*changing, self.listed], **UNQUEUED)
        self.cancel.click(safe(self._cancel), None, changing, **UNQUEUED)

    def _wire_use(self, changing: list[Any]) -> None:
        """A gated model is fetched with the visitor's login: on a Space theirs, else a token, which leaves the page."""
        choose = guard(len(changing))(self._choose)

        def by_token(request: gr.Request, name: str | None, token: str) -> tuple[Any, ...]:
            return *choose(request, name, token), ""

        def by_login(request: gr.Request, name: str | None, login: gr.OAuthToken | None) -> Any:
            return choose(request, name, login.token if login else "")

        if offers_login():
            self.use.click(by_login, self.listed, changing, **UNQUEUED)
        else:
            self.use.click(by_token, [self.listed, self.token], [*changing, self.token], **UNQUEUED)

    def refresh(self, request: gr.Request, listed: str | None = None) -> tuple[Any, ...]:
        """Updates for `outputs`; a model that is `listed`, chosen or not, stays so."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        names, now = self.services.chats.offered_names(), self.services.chats.name(visitor)
        if len(names) < 2:
            hidden = gr.update(visible=False)
            return hidden, gr.skip(), hidden, hidden, *self._progress(language, visitor)
        offers = [self.services.chats.offer(name) for name in names]
        title = say(language, "model.title_value", name=model_name(now))
        return (
            gr.update(label=title, visible=True),
            gr.update(
                choices=[(offer_label(language, each), each.name) for each in offers],
                value=listed if listed in names else now,
            ),
            *self._misfit(language, visitor, now),
            *self._progress(language, visitor),
        )

    def _show(self, request: gr.Request, name: str | None) -> tuple[Any, ...]:
        """The card of a model, and whether its button is for use, for fetching, or says that it is in use."""
        language, names = language_of(request), self.services.chats.offered_names()
        if len(names) < 2:
            return gr.skip(), gr.skip(), gr.skip()
        now = self.services.chats.name(visitor_of(self.services.visitors, request))
        shown = name if name in names else now
        offer = self.services.chats.offer(shown)
        key = "model.in_use" if shown == now else "model.use" if offer.here else "model.fetch"
        button = gr.update(value=say(language, key), interactive=shown != now)
        wanted = shown != now and not offers_login() and _may_need_login(offer)
        return card(language, offer), button, gr.update(visible=wanted)

    def _misfit(self, language: str, visitor: str, now: str) -> tuple[Any, ...]:
        """That all adapters are of another model, and the button that goes back to it."""
        base = self._other_base(visitor, now)
        words = say(language, "model.misfit", name=model_name(base), now=model_name(now)) if base else ""
        button = say(language, "model.back", name=model_name(base)) if base else ""
        return gr.update(value=words, visible=bool(base)), gr.update(value=button, visible=bool(base))

    def _other_base(self, visitor: str, now: str) -> str:
        """The model of the newest adapter, where none is of the chosen one; empty where one is, or there is none."""
        runs, chats = self.services.runs.with_adapter(visitor), self.services.chats
        bases = [run.base or chats.default for run in runs]
        return bases[-1] if bases and now not in bases and chats.is_here(bases[-1]) else ""

    def _progress(self, language: str, visitor: str) -> tuple[Any, ...]:
        change = self.services.chat_changes.change(visitor)
        under_way = change is not None and change.under_way
        words = self._progress_line(language, change) if change else ""
        return (
            gr.update(value=words, visible=bool(words)),
            gr.update(visible=under_way),
            str(self.services.chat_changes.count(visitor)),
            gr.update(active=under_way),
        )

    def _progress_line(self, language: str, change: ChatChange) -> str:
        name, (done, total) = model_name(change.name), self.services.chat_changes.fetched(change.name)
        if change.error:
            return translate(language, change.error)
        if not total:
            return say(language, "model.loading", name=name)
        return say(language, "model.fetching", name=name, done=done // MEGABYTE, total=max(1, total // MEGABYTE))

    def _watch(self, request: gr.Request) -> tuple[Any, ...]:
        return self._progress(language_of(request), visitor_of(self.services.visitors, request))

    def _choose(self, request: gr.Request, name: str | None, token: str) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        self.services.chat_changes.choose(visitor, name or "", (token or "").strip())
        return self._watch(request)

    def _go_back(self, request: gr.Request) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        base = self._other_base(visitor, self.services.chats.name(visitor))
        if base:
            self.services.chat_changes.choose(visitor, base)
        return *self._watch(request), gr.update(value=base) if base else gr.skip()

    def _cancel(self, request: gr.Request) -> tuple[Any, ...]:
        self.services.chat_changes.cancel(visitor_of(self.services.visitors, request))
        return self._watch(request)


def offer_label(language: str, offer: ChatOffer) -> str:
    """A model in the list: its name, its size, and whether it is to be fetched."""
    parts = [model_name(offer.name)]
    if offer.facts.parameters:
        parts.append(parameters(language, offer.facts.parameters))
    return " · ".join(parts if offer.here else [*parts, say(language, "model.away")])


def card(language: str, offer: ChatOffer) -> str:
    """All that is known of a model, a line each for what it is, what it reads, and what it takes here."""
    facts = offer.facts
    lines = [
        [
            say(language, "model.parameters", count=parameters(language, facts.parameters)) if facts.parameters else "",
            say(language, "count.bytes_mb", count=count(language, facts.megabytes)) if facts.megabytes else "",
            say(language, "model.licence", name=escape_markdown(facts.licence)) if facts.licence else "",
        ],
        [
            _languages(language, facts.languages),
            say(language, "model.context", count=count(language, facts.context)) if facts.context else "",
        ],
        [
            say(language, "model.memory", count=decimal(language, offer.memory / 1e9, 1)) if offer.memory else "",
            say(language, "model.speed", count=_rounded(offer.speed)) if offer.speed else "",
        ],
        [say(language, "model.here" if offer.here else "model.away_long")],
        [say(language, "model.gated") if offer.by_login or (facts.gated and not offer.here) else ""],
    ]
    shown = [" · ".join(filter(None, line)) for line in lines]
    return "\n".join([f"**{escape_markdown(model_name(offer.name))}**\n", *(f"- {line}" for line in shown if line)])


def _may_need_login(offer: ChatOffer) -> bool:
    """Whether a model is gated, or to be fetched and nothing is known of it."""
    return offer.by_login or (not offer.here and (offer.facts.gated or not offer.facts.licence))


def _languages(language: str, number: int) -> str:
    if number == 1:
        return say(language, "text.embedder_english")
    return say(language, "text.embedder_languages", languages=number) if number else ""


def _rounded(speed: float) -> str:
    """An estimate with two digits at most."""
    return f"{float(f'{speed:.2g}'):g}"
