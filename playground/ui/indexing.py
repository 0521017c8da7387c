"""Builds a visitor's index on a thread, so that a page can be told how far it is while it goes on."""

import queue
import threading
import time
from collections.abc import Iterator

from playground.services import Services
from playground.ui.show import count, duration
from playground.ui.words import say

SHOW_EVERY = 0.5  # seconds between two lines
News = queue.Queue[tuple[int, int] | None]


def index_progress(services: Services, language: str, visitor: str) -> Iterator[str]:
    """A line now and then until the index is ready; what went wrong on the thread is raised here."""
    if not services.store.documents(visitor):
        return
    news: News = queue.Queue()
    failed: list[Exception] = []
    threading.Thread(target=_build, args=(services, visitor, news, failed), daemon=True).start()
    began = time.monotonic()
    shown = -SHOW_EVERY
    while (step := news.get()) is not None:
        done, total = step
        spent = time.monotonic() - began
        if done and spent - shown >= SHOW_EVERY:
            shown = spent
            left = duration(language, spent / done * (total - done))
            yield say(language, "text.index_working", done=count(done), total=count(total), left=left)
    if failed:
        raise failed[0]


def index_line(services: Services, language: str, visitor: str) -> str:
    """Files → characters → passages → vectors, or that there is no index yet."""
    rows = services.store.documents(visitor)
    index = services.library.ready_index(visitor)
    if not rows or index is None:
        return say(language, "text.index_none")
    return say(
        language,
        "text.index_ready",
        files=len(rows),
        characters=count(sum(row.chars for row in rows)),
        passages=count(len(index.passages)),
        vectors=count(len(index.vectors)),
    )


def _build(services: Services, visitor: str, news: News, failed: list[Exception]) -> None:
    try:
        services.library.index(visitor, lambda done, total: news.put((done, total)))
    except Exception as error:
        failed.append(error)
    finally:
        news.put(None)
