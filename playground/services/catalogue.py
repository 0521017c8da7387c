"""What can be chosen from, as JSON: fine-tuning methods with their cost, and models; no folder of this machine."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import adapters
from adapters.base import Method
from adapters.cost import MethodCost
from adapters.options import Knob, knobs
from playground.device import choose
from playground.models.chat_model import ChatModel
from playground.services.chat_models import ChatOffer
from playground.services.embedders import Offer


def method_record(method: Method[Any]) -> dict[str, Any]:
    """JSON form of a method: what it is, its paper, and its options with their limits."""
    paper = method.paper
    return {
        "id": method.id,
        "label": method.label,
        "summary": method.summary,
        "rule": method.rule,
        "good_for": method.good_for,
        "caveat": method.caveat,
        "unavailable": method.unavailable(),
        "paper": {"title": paper.title, "url": paper.url, "year": paper.year},
        "options": [_option(each) for each in knobs(method.Options)],
    }


def _option(knob: Knob) -> dict[str, Any]:
    return {
        "name": knob.name,
        "type": knob.kind.__name__,
        "default": knob.default,
        "low": knob.low,
        "high": knob.high,
        "choices": list(knob.choices),
        "help": knob.help,
    }


def method_records(costs: Mapping[str, MethodCost]) -> list[dict[str, Any]]:
    """Every method with its measured cost, None where it cannot run here."""
    return [
        {**method_record(method), "cost": asdict(costs[id_]) if id_ in costs else None}
        for id_, method in adapters.methods().items()
    ]


def model_records(chat: ChatModel, others: list[ChatOffer], embedders: list[Offer]) -> list[dict[str, Any]]:
    """The host's own chat model, the others on offer, then the embedders on offer, the host's own first."""
    device = choose()
    answers: dict[str, Any] = {
        "role": "chat",
        "name": chat.name,
        "available": True,
        "parameters": chat.model.num_parameters(),
        "device": device.name,
        "dtype": str(device.dtype).removeprefix("torch."),
        "gflops": device.gflops,
    }
    return [answers, *(_chat_record(each) for each in others), *(_embedder_record(each) for each in embedders)]


def _chat_record(offer: ChatOffer) -> dict[str, Any]:
    """What is known of a chat model; `memory` is in bytes, `speed` estimated in tokens per second, 0 is not known."""
    sizes = {"memory": offer.memory, "speed": round(offer.speed, 1)}
    return {"role": "chat", "name": offer.name, "available": offer.here, **asdict(offer.facts), **sizes}


def _embedder_record(offer: Offer) -> dict[str, Any]:
    known = asdict(offer.known) if offer.known else {}
    return {**known, "role": "embedder", "name": offer.name, "available": offer.here}
