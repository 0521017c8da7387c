"""`search`: questions to the passages of an index that come nearest, and whether they answer at all."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from playground.chat.turns import passage
from playground.cli.commands.arguments import Line
from playground.models.registry import embedder_by_hash
from playground.settings import Settings
from retrieval.embed import Embedder
from retrieval.persistence import load, saved_encoder
from retrieval.search import Hit, SearchResult, search


def run(asked: Namespace, settings: Settings) -> Iterator[Line]:
    """A line a question; what else a question's object holds is passed on."""
    look_up = searcher(asked.index, settings, asked.k)
    for row in asked.questions:
        result = look_up(row["question"])
        record = {**row, "found": result.found, "passages": [passage(each) for each in result.hits]}
        heading = "" if result.found else "\nNot in this text; the nearest passages:"
        yield record, f"{row['question']}{heading}\n{_listed(result.hits)}\n"


def searcher(folder: Path, settings: Settings, k: int) -> Callable[[str], SearchResult]:
    """A function that searches the index in a folder with the embedder that it was built with.

    Raises:
        RetrievalError: a damaged index. UserError: its embedder is not here.
    """
    name, digest = saved_encoder(folder)
    embedder = Embedder(embedder_by_hash(settings, name, digest).folder, name=name)
    index = load(folder, embedder)
    return lambda question: search(index, embedder, question, k)


def where(hit: Hit) -> str:
    """A passage's score and place, for a person."""
    found = hit.passage
    page = f"page {found.page}" if found.page else ""
    place = f"characters {found.start}–{found.end}"
    return f"[{hit.score:.2f}] " + ", ".join(filter(None, (found.source, page, found.heading, place)))


def _listed(hits: Sequence[Hit]) -> str:
    return "\n".join(f"  {place}. {where(hit)}\n     {_indented(hit)}" for place, hit in enumerate(hits, start=1))


def _indented(hit: Hit) -> str:
    return hit.passage.text.replace("\n", "\n     ")
