"""What each training method costs on a chat model, measured once."""

import threading
from collections.abc import Mapping

import adapters
from adapters.cost import MethodCost, measure_costs
from playground.services.chat_models import ChatModels


class MethodCostTable:
    """The cost of every method that can run here, at its default options."""

    def __init__(self, chats: ChatModels) -> None:
        self._chats = chats
        self._lock = threading.Lock()
        self._costs: dict[str, dict[str, MethodCost]] = {}

    def known(self, base: str = "") -> Mapping[str, MethodCost]:
        """What has been measured on the chat model of this name; empty before. Never waits."""
        return self._costs.get(base or self._chats.default, {})

    def measure(self, base: str = "") -> Mapping[str, MethodCost]:
        """Costs by the methods' ids, on the chat model of this name. The first call takes seconds; others wait."""
        base = base or self._chats.default
        with self._lock:
            if base not in self._costs:
                here = {id_: method.Options() for id_, method in adapters.methods().items() if not method.unavailable()}
                costs = measure_costs(list(here.items()), self._chats.get(base).model.config)
                self._costs[base] = dict(zip(here, costs, strict=True))
            return self._costs[base]
