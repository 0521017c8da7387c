"""Lets programs call the endpoints of the page that is being built."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.ui.api.checks import endpoint
from playground.ui.api.endpoints import Endpoints
from playground.ui.shared.tab import EXPORTS, QUESTIONS


def offer(services: Services) -> list[str]:
    """Let programs call every endpoint of the page that is being built, by its method's name; returns the names."""
    api = Endpoints(services)
    at_once: list[Callable[..., Any]] = [api.open_visit, api.texts, api.run_state, api.stop, api.resume]
    at_once += [api.exam_state, api.forget, api.use_model]
    queued: list[Callable[..., Any]] = [api.add_text, api.add_file, api.search, api.methods, api.models]
    queued += [api.train, api.exam]
    lines = [(each, {"queue": False}) for each in at_once] + [(each, {}) for each in queued]
    lines += [(api.ask, QUESTIONS), (api.export, EXPORTS)]
    for handler, line in lines:
        gr.api(endpoint(handler), api_name=handler.__name__, **line)
    return [handler.__name__ for handler, _ in lines]
