"""Builds a visitor's index on a thread, so that a page can be told how far it is while it goes on."""

import queue
import threading
import time
from collections.abc import Iterator

from playground.services import Services
from playground.ui.show import count, duration
from playground.ui.words import say
from retrieval.errors import Stopped
from retrieval.index import Index
from retrieval.search import ENGLISH

SHOW_EVERY = 0.5  # seconds between two lines
News = queue.Queue[tuple[int, int] | None]


def index_progress(services: Services, language: str, visitor: str) -> Iterator[str]:
    """A line now and then until the index is ready or given up; what went wrong on the thread is raised here."""
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
    if failed and not isinstance(failed[0], Stopped):
        raise failed[0]


def index_line(services: Services, language: str, visitor: str) -> str:
    """Files → characters → passages → vectors, or why there is no index; and what to know of how it searches."""
    rows = services.store.documents(visitor)
    index = services.library.ready_index(visitor)
    if not rows:
        return say(language, "text.index_none")
    if index is None:
        return say(language, "text.index_missing")
    if broken := index_broken(language, index):
        return broken
    ready = say(
        language,
        "text.index_ready",
        files=len(rows),
        characters=count(sum(row.chars for row in rows)),
        passages=count(len(index.passages)),
        vectors=count(len(index.vectors)),
    )
    by_words = index.language not in ENGLISH and not services.embedder.multilingual
    return f"{ready}\n{say(language, 'text.index_by_words')}" if by_words else ready


def index_broken(language: str, index: Index | None) -> str:
    """A warning where not every passage has its vector, else nothing."""
    if index is None or len(index.vectors) == len(index.passages):
        return ""
    return say(language, "text.index_broken", passages=count(len(index.passages)), vectors=count(len(index.vectors)))


def _build(services: Services, visitor: str, news: News, failed: list[Exception]) -> None:
    try:
        services.library.index(visitor, lambda done, total: news.put((done, total)))
    except Exception as error:
        failed.append(error)
    finally:
        news.put(None)
