"""`search`: finds the passages of an index nearest to each question, and says whether they answer it."""

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


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line per question; other keys of a question's object are kept in its line."""
    look_up = searcher(args.index, settings, args.k)
    for row in args.questions:
        result = look_up(row["question"])
        record = {**row, "found": result.found, "passages": [passage(each) for each in result.hits]}
        heading = "" if result.found else "\nNot in this text; the nearest passages:"
        yield record, f"{row['question']}{heading}\n{_numbered(result.hits)}\n"


def searcher(folder: Path, settings: Settings, k: int) -> Callable[[str], SearchResult]:
    """A function that searches the index in a folder with the embedder that it was built with.

    Raises:
        RetrievalError: a damaged index. UserError: its embedder is not here.
    """
    name, digest = saved_encoder(folder)
    embedder = Embedder(embedder_by_hash(settings, name, digest).folder, name=name)
    index = load(folder, embedder)
    return lambda question: search(index, embedder, question, k)


def describe_place(hit: Hit) -> str:
    """A passage's score and place as text."""
    found = hit.passage
    page = f"page {found.page}" if found.page else ""
    place = f"characters {found.start}–{found.end}"
    return f"[{hit.score:.2f}] " + ", ".join(filter(None, (found.source, page, found.heading, place)))


def _numbered(hits: Sequence[Hit]) -> str:
    return "\n".join(
        f"  {place}. {describe_place(hit)}\n     {_indent(hit)}" for place, hit in enumerate(hits, start=1)
    )


def _indent(hit: Hit) -> str:
    return hit.passage.text.replace("\n", "\n     ")
