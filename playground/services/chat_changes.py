"""Visitors' changes to another chat model: fetched and loaded on a thread, for all who wait for it, until none does."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from playground.errors import USER_FACING, UserError
from playground.inference.forward import forward_of
from playground.models.fetch import FetchCancelled, check_access
from playground.services.chat_models import ChatModels
from playground.services.self_tests import SelfTests
from playground.storage.store import Store

FAULT = "The chat model could not be made ready through a fault of this program. Choose it again, or another one."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChatChange:
    """A visitor's change to another model: under way until it is loaded, or failed with `error`."""

    name: str
    error: str = ""

    @property
    def under_way(self) -> bool:
        """Whether it has not failed."""
        return not self.error


class ChatChanges:
    """The changes of all visitors. Every method takes the visitor's id and sees nothing of another's."""

    def __init__(self, store: Store, chats: ChatModels, self_tests: SelfTests) -> None:
        self._store, self._chats, self._self_tests = store, chats, self_tests
        self._lock = threading.Lock()
        self._changes: dict[str, ChatChange] = {}
        self._made: Counter[str] = Counter()
        self._at_work: set[str] = set()  # the models that a thread makes ready
        self._fetched: dict[str, tuple[int, int]] = {}
        self._tokens: dict[str, str] = {}  # of the visitors with whose login a model is being fetched

    def choose(self, visitor: str, name: str, token: str = "") -> None:
        """Change a visitor's chat model on a thread, once it is fetched and loaded.

        `token` is the visitor's own for the Hub, or empty; it is kept in memory, as long as the transfer takes. What
        came with one visitor's login is given to those alone who may read it too.

        Raises:
            UserError: it is not on offer, or it came by another visitor's login and this one has no access.
        """
        offered = self._chats.offered_names()
        if name not in offered:
            raise UserError(f"There is no chat model {name!r} here. Choose one of {', '.join(offered)}.")
        if name in self._tokens or self._chats.came_by_login(name):
            check_access(name, token)
        with self._lock:
            self._changes[visitor] = ChatChange(name)
            begun = name in self._at_work
            self._at_work.add(name)
            if token and not begun:
                self._tokens[name] = token
        if not begun:
            threading.Thread(target=self._bring, args=(name,), daemon=True, name="chat model").start()

    def change(self, visitor: str) -> ChatChange | None:
        """The visitor's change that is under way or failed, if there is one."""
        return self._changes.get(visitor)

    def count(self, visitor: str) -> int:
        """How many changes of the visitor have been made since the start."""
        return self._made[visitor]

    def fetched(self, name: str) -> tuple[int, int]:
        """The bytes of a model that have been fetched, and all of them; zeros where nothing is fetched now."""
        return self._fetched.get(name, (0, 0))

    def cancel(self, visitor: str) -> None:
        """End the change that a visitor waits for; the transfer ends too, unless another visitor waits for it."""
        with self._lock:
            self._changes.pop(visitor, None)

    def _waiting(self, name: str) -> dict[str, ChatChange]:
        return {visitor: each for visitor, each in self._changes.items() if each.name == name and each.under_way}

    def _is_unwanted(self, name: str) -> bool:
        with self._lock:
            return not self._waiting(name)

    def _bring(self, name: str) -> None:
        """Make a model ready for all who wait for it, also for who came after the others had cancelled."""
        while True:
            error = self._make_ready(name)
            with self._lock:
                self._fetched.pop(name, None)
                waiting = self._waiting(name)
                if error is None and waiting:
                    continue
                self._at_work.discard(name)
                self._tokens.pop(name, None)
            for visitor, change in waiting.items():
                self._settle(visitor, change, error or "")
            return

    def _make_ready(self, name: str) -> str | None:
        """Make a model ready; returns why it is not, in a sentence, or nothing; None where it was cancelled."""
        try:
            if not self._chats.is_here(name):
                token = self._tokens.get(name, "")
                self._chats.bring(name, self._reporter(name), lambda: self._is_unwanted(name), token)
            chat = self._chats.get(name)
            forward_of(chat.model, chat.bits)
            self._self_tests.run_after_load([], name)
        except FetchCancelled:
            return None
        except USER_FACING as error:
            return str(error)
        except Exception:  # the end of a thread: a fault of ours is logged, and the visitor is told
            log.exception("chat model %s", name)
            return FAULT
        return ""

    def _reporter(self, name: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            self._fetched[name] = done, total

        return report

    def _settle(self, visitor: str, change: ChatChange, error: str) -> None:
        """End a visitor's change, unless they chose another one, or left, meanwhile."""
        with self._lock:
            if self._changes.get(visitor) is not change:
                return
            if error:
                self._changes[visitor] = replace(change, error=error)
                return
            try:
                self._store.choose_base(visitor, change.name)
            except (UserError, OSError):  # the visitor is gone, or the disk is full
                log.info("a choice of a chat model could not be kept", exc_info=True)
            else:
                self._made[visitor] += 1
            del self._changes[visitor]  # last: whoever sees no change finds the new model
