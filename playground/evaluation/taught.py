"""What an adapter was taught, read from its run's folder: what the leak check compares with."""

from pathlib import Path

from transformers import PreTrainedTokenizerBase

from playground.data import dataset
from playground.data.tokenize import NO_LOSS, Example
from playground.evaluation.contamination import TaughtItem
from playground.storage.run_folder import holds_run, read_config, read_documents
from playground.training.config import RunConfig


def rows(run: Path, tokenizer: PreTrainedTokenizerBase) -> list[TaughtItem]:
    """Every training example of the run in a folder; none where the folder does not say what was trained on."""
    if not holds_run(run):
        return []
    settings = RunConfig.from_dict(read_config(run)).settings
    found = dataset.build_split(
        read_documents(run),
        tokenizer,
        settings.window,
        settings.heldout_share,
        settings.seed,
        settings.pairs_share,
        settings.passages_share,
    )
    return [_row(each, tokenizer) for each in found.train]


def _row(example: Example, tokenizer: PreTrainedTokenizerBase) -> TaughtItem:
    taught = [token for token in example.labels if token != NO_LOSS]
    shown, said = (tokenizer.decode(ids, skip_special_tokens=True) for ids in (example.input_ids, taught))
    return TaughtItem(str(shown), str(said))
