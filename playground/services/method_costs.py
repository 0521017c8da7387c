"""What each training method costs on the resident model, measured once."""

import threading
from collections.abc import Callable, Mapping

import adapters
from adapters.cost import MethodCost, measure_costs
from playground.models.chat_model import ChatModel


class MethodCostTable:
    """The cost of every method that can run here, at its default options; `chat` gives the resident model."""

    def __init__(self, chat: Callable[[], ChatModel]) -> None:
        self._chat = chat
        self._lock = threading.Lock()
        self._costs: dict[str, MethodCost] = {}

    def measure(self) -> Mapping[str, MethodCost]:
        """Costs by the methods' ids. The first call takes seconds; others wait for it."""
        with self._lock:
            if not self._costs:
                here = {id_: method.Options() for id_, method in adapters.methods().items() if not method.unavailable()}
                costs = measure_costs(list(here.items()), self._chat().model.config)
                self._costs = dict(zip(here, costs, strict=True))
            return self._costs
