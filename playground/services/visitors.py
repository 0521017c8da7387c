"""Who is asking, and everything of a visitor deleted: on disk and in the memory of every service."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from playground.errors import UserError
from playground.files import is_full
from playground.storage.store import DAY, Store, new_secret

NO_ROOM = "The server's disk is full, so no new visit can begin. Try again later, or tell whoever runs this server."
NO_VISIT = "There is no visit with this secret; absent visitors are deleted after a while. Begin one with open_visit."
RETRY_SECONDS = 600.0  # after a sweep that failed

log = logging.getLogger(__name__)


class Visitors:
    """All visitors. `forgetters` drop what the services hold in memory of one."""

    def __init__(self, store: Store, forgetters: Sequence[Callable[[str], object]]) -> None:
        self._store = store
        self._forgetters = list(forgetters)

    def on_leaving(self, forget: Callable[[str], object]) -> None:
        """Call this, too, with the id of every visitor whose work is deleted."""
        self._forgetters.append(forget)

    def identify(self, secret: str) -> str:
        """The id of the visitor whose browser holds this secret; a new visitor for a new secret.

        Raises:
            UserError: the secret is none of ours, or there is no room for a new visitor.
        """
        try:
            return self._store.visitor(secret)
        except OSError as fault:
            if not is_full(fault):
                raise
            raise UserError(NO_ROOM) from fault

    def open(self) -> str:
        """The secret of a new visitor. Raises UserError where there is no room for one."""
        secret = new_secret()
        self.identify(secret)
        return secret

    def identify_known(self, secret: str) -> str:
        """The id of the visitor who holds this secret. Raises UserError where nobody does."""
        if not self._store.is_known(secret):
            raise UserError(NO_VISIT)
        return self.identify(secret)

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
        """Sweep now and once per day until `closing` is set.

        A clock that is set ahead meanwhile makes nobody absent: the days are counted by one that is never set.
        """
        start = time.time() - time.monotonic()
        while not closing.is_set():
            seconds: float = DAY
            try:
                log.info("%d visitors swept", len(self.sweep(min(time.time(), start + time.monotonic()))))
            except Exception:  # such as a full disk, which a sweep may make room on
                log.exception("absent visitors could not be swept")
                seconds = RETRY_SECONDS
            closing.wait(seconds)

    def _drop_from_memory(self, visitor: str) -> None:
        for forget in self._forgetters:
            forget(visitor)
