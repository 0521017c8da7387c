"""`index`: builds a search index of documents, in a folder that `search` and `ask` read."""

from argparse import Namespace
from collections.abc import Generator, Iterator
from typing import Any

from playground.cli.commands.arguments import Line
from playground.models.registry import embedder_source, fetch_embedder, is_installed
from playground.settings import Settings
from playground.storage.run_folder import write_documents
from playground.surface.text import read_documents_of
from retrieval.build import build
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.persistence import save


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """Read, split, embed and save the documents; their text is saved beside the index, so that offsets can be checked.

    Raises:
        RetrievalError: a file or an encoder cannot be used. UserError: the embedder cannot be found.
    """
    documents, out = read_documents_of(args.files, settings, args.mapping, args.encoding), args.out.resolve()
    for document in documents:
        yield None, describe(document)
    embedder = yield from _embedder(args.embedder or "", settings)
    index = build(documents, embedder)
    save(index, out)
    write_documents(out, documents)
    record = {
        "index": str(args.out),
        "passages": len(index.passages),
        "language": index.language,
        "embedder": index.embedder,
        "documents": [
            {"name": each.name, "characters": len(each.text), "dropped": each.sentences, **taken_for(each)}
            for each in documents
        ],
    }
    yield record, f"{len(index.passages):,} passages are indexed in {args.out}"


def _embedder(name: str, settings: Settings) -> Generator[Line, None, Embedder]:
    """The embedder from the settings or of this name, fetched if it is not here; the index keeps its name."""
    if name and not is_installed(settings, name):
        yield None, f"{name} is not on this machine; it is fetched from the Hub"
        fetch_embedder(name)
    source = embedder_source(settings, name)
    return Embedder(source.folder, name=name or source.name)


def describe(document: Document) -> str:
    """A document's length, what a table was taken for, and what was left out, one per line."""
    taken = [document.table.taken_for] if document.table else []
    return "\n  ".join([f"{document.name}: {len(document.text):,} characters", *taken, *document.sentences])


def taken_for(document: Document) -> dict[str, Any]:
    """What a table was taken for, as values that JSON can hold; empty for other documents."""
    table = document.table
    if table is None:
        return {}
    counts = {"rows": table.rows, "rows_used": table.used, "pairs": table.pairs, "left": dict(table.left)}
    return {"taken_for": table.shape, "columns": dict(table.roles), "unread_columns": table.unread, **counts}
