"""`index`: documents to a folder that `search` and `ask` look things up in."""

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from playground.commands.arguments import Line
from playground.library import reading_limits
from playground.models import embedder_source
from playground.settings import Settings
from retrieval.apart import read_apart
from retrieval.build import build
from retrieval.documents import Document
from retrieval.embed import Embedder
from retrieval.saved import save

READ = "documents.json"


def run(asked: Namespace, settings: Settings) -> Iterator[Line]:
    """Read, cut, embed and save; the text as it was read lies beside the index, for whoever checks an offset."""
    documents, out = read_all(asked.files, settings), asked.out.resolve()
    for document in documents:
        yield None, "\n  ".join([f"{document.name}: {len(document.text):,} characters", *document.dropped])
    source = embedder_source(settings)
    index = build(documents, Embedder(source.folder, name=source.name))
    save(index, out)
    (out / READ).write_text(json.dumps([each.to_dict() for each in documents]), encoding="utf-8")
    record = {
        "index": str(asked.out),
        "passages": len(index.passages),
        "language": index.language,
        "documents": [{"name": each.name, "characters": len(each.text), "dropped": each.dropped} for each in documents],
    }
    yield record, f"{len(index.passages):,} passages are filed in {asked.out}"


def read_all(files: Sequence[Path], settings: Settings) -> list[Document]:
    """The documents, in the order given, each read in a process of its own as on the page.

    Raises:
        RetrievalError: for the first that cannot be read.
    """
    limits = reading_limits(settings)
    return [read_apart(file, file.name, None, limits) for file in files]
