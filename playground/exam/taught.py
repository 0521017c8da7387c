"""What an adapter was taught, read from its run's folder: what the leak check compares with."""

import json
from collections.abc import Iterator
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from playground import corpus
from playground.exam.checks import Row
from playground.runs import RunConfig
from retrieval.documents import Document


def rows(run: Path, tokenizer: PreTrainedTokenizerBase) -> list[Row]:
    """Every training example of the run in a folder; none where the folder does not say what was trained on."""
    config, documents = run / "config.json", run / "documents.json"
    if not (config.is_file() and documents.is_file()):
        return []
    settings = RunConfig.from_dict(json.loads(config.read_text(encoding="utf-8"))).settings
    texts = [Document.from_dict(each) for each in json.loads(documents.read_text(encoding="utf-8"))]
    data = corpus.build(
        texts, tokenizer, window=settings.window, heldout_share=settings.heldout_share, seed=settings.seed
    )
    return list(_rows(data.train, tokenizer))


def _rows(examples: corpus.Dataset, tokenizer: PreTrainedTokenizerBase) -> Iterator[Row]:
    for each in examples:
        taught = [token for token in each["labels"] if token != corpus.NO_LOSS]
        yield Row(
            str(tokenizer.decode(each["input_ids"], skip_special_tokens=True)),
            str(tokenizer.decode(taught, skip_special_tokens=True)),
        )
