"""`preview`: what the documents are taken for, and every training example as the model will see it."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from adapters.options import build
from playground.cli.commands.arguments import Line
from playground.cli.commands.index import describe, taken_for
from playground.data.preview import PreviewLine, preview_lines
from playground.data.replay import shipped_turns
from playground.models.chat_model import base_hash, load_tokenizer
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.surface.text import read_documents_of
from playground.training.config import TrainSettings, fitting_mix, mix_values
from playground.training.workload import split_for
from retrieval.document import Document


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """A line an example as a run with the usual settings reads it, then one with the counts.

    Raises:
        RetrievalError: a file cannot be used. UserError: the chat model cannot be found.
    """
    documents = read_documents_of(args.files, settings, args.mapping, args.encoding)
    for document in documents:
        yield None, describe(document)
    source = chat_source(settings)
    tokenizer, replay = load_tokenizer(source), shipped_turns(base_hash(source))
    usual = build(TrainSettings, {"seed": args.seed, **mix_values(fitting_mix(documents))})
    split = split_for(documents, tokenizer, usual, replay)
    kinds: Counter[str] = Counter()
    heldout = 0
    for line in preview_lines(split, tokenizer):
        kinds[line.kind] += 1
        heldout += line.heldout
        yield asdict(line), _text(line)
    yield _counts(documents, kinds, heldout), _counted(kinds, heldout)


def _text(line: PreviewLine) -> str:
    side = "held out" if line.heldout else "training"
    return f"--- {line.kind}, {side}, {line.source}\n{line.prompt}\n>>> learnt: {line.learnt}"


def _counts(documents: Sequence[Document], kinds: Counter[str], heldout: int) -> dict[str, Any]:
    """What became of the files, and how many examples of each kind there are."""
    files = [{"name": each.name, "dropped": each.sentences, **taken_for(each)} for each in documents]
    return {"examples": kinds.total(), "heldout": heldout, "kinds": dict(kinds), "documents": files}


def _counted(kinds: Counter[str], heldout: int) -> str:
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"
    return f"{kinds.total()} examples ({listed}), {heldout} of them held out"
