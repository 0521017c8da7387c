"""A method's facts as HTML, made only of our own words and figures; knows no method by name."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

import adapters
from adapters.base import Method
from adapters.cost import YARDSTICK, MethodCost
from playground.charts.bars import Bar, draw_bars
from playground.charts.layer import draw_layer, draw_legend
from playground.errors import UserError
from playground.services.app import Services
from playground.training.config import TrainSettings
from playground.ui.shared.format import decimal, parameters, size
from playground.ui.shared.i18n import say, write_number
from playground.ui.shared.session import visitor_of

WINDOW = TrainSettings().window
COLUMNS = ("method", "trained", "file", "memory", "time")


@dataclass(frozen=True)
class MethodCosts:
    """What has been measured of the methods on this model; a `side` of 0 means nothing yet."""

    costs: Mapping[str, MethodCost]
    side: int


def measured_costs(services: Services, request: gr.Request | None = None) -> Iterator[MethodCosts]:
    """What is known at once, then all costs, once they are measured on the chat model that a visitor would train.

    It is the host's own for a visitor who is not known yet, and without a request.
    """
    yield known_costs(services, request)
    services.method_costs.measure(_base(services, request))
    yield known_costs(services, request)


def known_costs(services: Services, request: gr.Request | None = None) -> MethodCosts:
    """The costs on that model if they have been measured, else empty ones; never waits for a measurement."""
    base = _base(services, request)
    costs = services.method_costs.known(base)
    return MethodCosts(costs, services.chats.get(base).model.config.hidden_size if costs else 0)


def _base(services: Services, request: gr.Request | None) -> str:
    try:
        return services.chats.name(visitor_of(services.visitors, request)) if request else ""
    except UserError:
        return ""


def picture(language: str, method: Method[Any], known: MethodCosts) -> str:
    """A card's drawing and bars, or why there are none yet."""
    if not known.side:
        return f'<p class="fine-print">{escape(say(language, "about.measuring"))}</p>'
    return _drawing(language, method, known) + _bars(language, method, known)


def legend(language: str, bars: bool = True) -> str:
    """The legend of the drawings, and of their bars if they have any."""
    text = f'<p class="fine-print">{escape(say(language, "about.bars", tokens=WINDOW))}</p>' if bars else ""
    return draw_legend(_role_words(language)) + text


def facts(language: str, method: Method[Any], known: MethodCosts) -> str:
    """The facts below a method's name: its rule, use, caveat, costs and paper."""
    rows = [_fact_html(language, "rule", f"<code>{_method_text(language, method, 'rule')}</code>")]
    rows += [_fact_html(language, "good_for", _method_text(language, method, "good_for"))]
    if method.caveat:
        rows += [_fact_html(language, "caveat", _method_text(language, method, "caveat"))]
    rows += [_fact_html(language, "cost", escape(_cost_line(language, method, known)))]
    paper = f'<a href="{escape(method.paper.url)}" target="_blank" rel="noopener">{escape(method.paper.title)}</a>'
    rows += [_fact_html(language, "paper", f"{paper}, {method.paper.year}")]
    return f'<dl class="facts">{"".join(rows)}</dl>'


def article(language: str, method: Method[Any], known: MethodCosts) -> str:
    """All about one method, with its drawing."""
    drawing = _drawing(language, method, known) if known.side else ""
    summary = f"<p>{_method_text(language, method, 'summary')}</p>"
    return f"<article><h4>{escape(method.label)}</h4>{drawing}{summary}{facts(language, method, known)}</article>"


def table(language: str, known: MethodCosts) -> str:
    """All methods' costs on this model, one method per row."""
    heads = "".join(f'<th scope="col">{escape(say(language, f"about.column.{each}"))}</th>' for each in COLUMNS)
    rows = "".join(_row(language, method, known) for method in adapters.methods().values())
    text = say(language, "about.costs", tokens=WINDOW, method=adapters.get(YARDSTICK).label)
    caption = f"<caption>{escape(text)}</caption>"
    return f'<table class="costs">{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _drawing(language: str, method: Method[Any], known: MethodCosts) -> str:
    return draw_layer(method, known.side, known.side, method.Options(), _role_words(language))


def _bars(language: str, method: Method[Any], known: MethodCosts) -> str:
    """Trainable parameters (log scale) and training memory, both relative to the method with the most."""
    if method.id not in known.costs:
        return ""
    cost, all_costs = known.costs[method.id], known.costs.values()
    least = min(each.trainable for each in all_costs) / 10  # keeps the shortest bar visible
    learns = math.log(cost.trainable / least) / math.log(max(each.trainable for each in all_costs) / least)
    memory = cost.peak_bytes(WINDOW) / max(each.peak_bytes(WINDOW) for each in all_costs)
    trained = f"{parameters(language, cost.trainable)} · {_share(language, cost)} %"
    words = [say(language, f"about.bar.{each}") for each in ("learns", "memory")]
    bars = [Bar(words[0], trained, learns), Bar(words[1], _memory(language, cost), memory)]
    return draw_bars(f"{method.label}: {say(language, 'about.cost')}", bars)


def _cost_line(language: str, method: Method[Any], known: MethodCosts) -> str:
    if not known.side:
        return say(language, "about.measuring")
    if method.id not in known.costs:
        return say(language, "about.not_here")
    cost = known.costs[method.id]
    return say(
        language,
        "about.cost_value",
        trained=parameters(language, cost.trainable),
        share=_share(language, cost),
        file=size(language, cost.file_bytes),
        memory=_memory(language, cost),
        time=f"{_time(language, method, cost)} × {adapters.get(YARDSTICK).label}",
    )


def _row(language: str, method: Method[Any], known: MethodCosts) -> str:
    cost = known.costs.get(method.id)
    cells = ["–"] * 4
    if cost:
        trained = f"{parameters(language, cost.trainable)}<br><small>{_share(language, cost)} %</small>"
        cells = [
            trained,
            escape(size(language, cost.file_bytes)),
            _memory(language, cost),
            f"{_time(language, method, cost)} ×",
        ]
    name = f'<th scope="row">{escape(method.label)}</th>'
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _fact_html(language: str, name: str, text: str) -> str:
    return f"<dt>{escape(say(language, f'about.{name}'))}</dt><dd>{text}</dd>"


def _method_text(language: str, method: Method[Any], part: str) -> str:
    return escape(say(language, f"method.{method.id}.{part}"))


def _role_words(language: str) -> Callable[[str], str]:
    return lambda role: say(language, f"draw.{role}")


def _share(language: str, cost: MethodCost) -> str:
    return write_number(language, f"{100 * cost.share:.3g}")


def _memory(language: str, cost: MethodCost) -> str:
    return f"{decimal(language, cost.peak_bytes(WINDOW) / 1e9, 2)} GB"


def _time(language: str, method: Method[Any], cost: MethodCost) -> str:
    """Time per step relative to the yardstick's, which is 1 by definition."""
    return decimal(language, 1.0 if method.id == YARDSTICK else cost.slowdown, 1)
