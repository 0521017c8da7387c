"""Builds a visitor's index on a thread, and puts its progress into words."""

import threading
import time
from collections.abc import Iterator

from playground.services.app import Services
from playground.services.search_indexes import Building
from playground.ui.shared.format import count, duration
from playground.ui.shared.i18n import say
from retrieval.errors import IndexingStopped
from retrieval.index import Index
from retrieval.search import ENGLISH

SHOW_EVERY = 0.5  # seconds between two lines


def index_progress(services: Services, language: str, visitor: str) -> Iterator[str]:
    """A line at once, then every SHOW_EVERY seconds until the index is ready or cancelled.

    What went wrong on the thread is raised here.
    """
    if not services.library.has_text(visitor):
        return
    failed: list[Exception] = []
    building = threading.Thread(target=_build_index, args=(services, visitor, failed), daemon=True)
    building.start()
    while building.is_alive():
        yield building_line(language, services.indexes.building(visitor))
        building.join(SHOW_EVERY)
    if failed and not isinstance(failed[0], IndexingStopped):
        raise failed[0]


def building_line(language: str, building: Building | None) -> str:
    """The progress of an index in words; None is one that has not started."""
    if building is None or not (building.done or building.stopping):
        return say(language, "text.index_starting")
    if building.stopping:
        return say(language, "text.index_stopping")
    done, total = building.done, building.total
    left = duration(language, (time.monotonic() - building.began) / done * (total - done))
    return say(language, "text.index_working", done=count(language, done), total=count(language, total), left=left)


def index_line(services: Services, language: str, visitor: str) -> str:
    """Files → characters → passages → vectors, or why there is no index; and a note if it searches mostly by words."""
    rows = services.library.rows(visitor)
    index = services.indexes.ready(visitor)
    if not rows:
        return say(language, "text.index_none")
    if index is None:
        return say(language, "text.index_missing")
    if broken := incomplete_warning(language, index):
        return broken
    ready = say(
        language,
        "text.index_ready",
        files=len(rows),
        characters=count(language, sum(row.chars for row in rows)),
        passages=count(language, len(index.passages)),
        vectors=count(language, len(index.vectors)),
    )
    by_words = index.language not in ENGLISH and not services.embedders.of(visitor).multilingual
    return f"{ready}\n{say(language, 'text.index_by_words')}" if by_words else ready


def incomplete_warning(language: str, index: Index | None) -> str:
    """A warning if some passages have no vector, else nothing."""
    if index is None or len(index.vectors) == len(index.passages):
        return ""
    return say(
        language,
        "text.index_broken",
        passages=count(language, len(index.passages)),
        vectors=count(language, len(index.vectors)),
    )


def _build_index(services: Services, visitor: str, failed: list[Exception]) -> None:
    try:
        services.indexes.index(visitor)
    except Exception as error:
        failed.append(error)
