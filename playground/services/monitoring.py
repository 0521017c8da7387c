"""What a host's monitoring asks: whether the server is well, and its figures; never a text, a name or an id."""

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from playground.services.answers import Answers
from playground.services.chat_models import ChatModels
from playground.settings import Settings
from playground.storage.store import Store

RECENT_SECONDS = 900  # a visitor seen within these counts as here; the store notes a visit once per minute


class Monitoring(Collector):
    """Looks at the services when it is asked, and keeps nothing itself."""

    def __init__(self, settings: Settings, store: Store, answers: Answers, chats: ChatModels) -> None:
        self._settings = settings
        self._store = store
        self._answers = answers
        self._chats = chats

    def health(self) -> dict[str, Any]:
        """Whether the server takes questions, whether its model is loaded, and how long its queues are.

        Raises:
            OSError: the database cannot be read.
        """
        return {
            "status": "ending" if self._answers.is_ending else "up",
            "model_loaded": self._chats.is_loaded(),
            "questions": len(self._answers),
            "runs_waiting": self._store.runs.counts().get("queued", 0),
        }

    def metrics(self) -> bytes:
        """All figures in the text format of Prometheus, those of the process included."""
        return generate_latest(REGISTRY) + generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client: what is so now; what happened since the start is counted in `counters`."""
        now: dict[str, tuple[str, Callable[[], float]]] = {
            "visitors": ("Visitors whose work is kept.", self._store.visitor_count),
            "visitors_here": (
                f"Visitors seen in the last {RECENT_SECONDS} seconds.",
                lambda: self._store.visitor_count(since=time.time() - RECENT_SECONDS),
            ),
            "questions": ("Questions that wait or are answered.", lambda: len(self._answers)),
            "questions_waiting": ("Questions that wait for their turn.", lambda: self._chats.waiting),
            "model_loaded": ("1 once the chat model is loaded.", self._chats.is_loaded),
            "disk_free_bytes": ("Room in the data folder.", lambda: shutil.disk_usage(self._settings.data).free),
        }
        for name, (help_, value) in now.items():
            yield GaugeMetricFamily(f"playground_{name}", help_, value())
        runs = GaugeMetricFamily("playground_runs", "Runs of all visitors and of the host, by state.", labels=["state"])
        for state, count in self._store.runs.counts().items():
            runs.add_metric([state], count)
        yield runs
