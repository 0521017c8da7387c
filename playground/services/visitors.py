"""Who is asking, and everything of a visitor deleted: on disk and in the memory of every service."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from playground.storage.store import DAY, Store

log = logging.getLogger(__name__)


class Visitors:
    """All visitors. `forgetters` drop what the services hold in memory of one."""

    def __init__(self, store: Store, forgetters: Sequence[Callable[[str], None]]) -> None:
        self._store = store
        self._forgetters = forgetters

    def identify(self, secret: str) -> str:
        """The id of the visitor whose browser holds this secret; a new visitor for a new secret.

        Raises:
            UserError: the secret is none of ours.
        """
        return self._store.visitor(secret)

    def forget(self, visitor: str) -> None:
        """Start over: delete everything of this visitor. Raises UserError while a run of theirs is at work."""
        self._store.forget(visitor)
        self._drop_from_memory(visitor)

    def sweep(self, now: float) -> list[str]:
        """Delete everything of visitors who stayed away too long; returns their ids. `now` is in unix seconds."""
        gone = self._store.sweep(now)
        for visitor in gone:
            self._drop_from_memory(visitor)
        return gone

    def sweep_daily(self, closing: threading.Event) -> None:
        """Sweep now and once per day until `closing` is set."""
        while not closing.is_set():
            log.info("%d visitors swept", len(self.sweep(time.time())))
            closing.wait(DAY)

    def _drop_from_memory(self, visitor: str) -> None:
        for forget in self._forgetters:
            forget(visitor)
