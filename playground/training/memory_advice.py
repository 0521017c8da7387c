"""Advice for a run that ran out of memory: the largest smaller setting that fits, in a sentence."""

from collections.abc import Iterator
from dataclasses import replace

from transformers import PretrainedConfig

from playground.training.config import RunConfig
from playground.training.estimate import RUNTIME_BYTES, memory_needed

SHRUNK = 0.9  # of the memory that a run adds to a bare worker, which did not fit; the most that is tried next
MIN_WINDOW = 32


def smaller_config(config: RunConfig, model: PretrainedConfig, free: int) -> RunConfig | None:
    """The run with a window halved once or more, fewer top layers, or both: the one that needs most and still fits."""
    added = memory_needed(config, model) - RUNTIME_BYTES
    most = min(free, RUNTIME_BYTES + SHRUNK * added)
    needed = [(memory_needed(each, model), each) for each in _smaller_configs(config, model.num_hidden_layers)]
    fitting = [(size, each) for size, each in needed if size <= most]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def describe_shortage(config: RunConfig, model: PretrainedConfig, free: int) -> str:
    """A sentence: what the run needed, what was free, and what would fit."""
    found = smaller_config(config, model, free)
    shortage = f"It needs about {_gigabytes(memory_needed(config, model))} and {_gigabytes(free)} were free."
    if found is None:
        return f"{shortage} No shorter window and no fewer layers would fit; choose another method."
    changes = [f"a window of {found.settings.window} tokens"] * (found.settings.window != config.settings.window)
    changes += [f"top layers only = {found.options.top_layers}"] * (found.options != config.options)
    return f"{shortage} With {' and '.join(changes)} it needs {_gigabytes(memory_needed(found, model))}, which fits."


def _smaller_configs(config: RunConfig, blocks: int) -> Iterator[RunConfig]:
    window, layers = config.settings.window, config.options.top_layers or blocks
    windows = [window >> times for times in range(6) if window >> times >= MIN_WINDOW] or [window]
    for tokens in windows:
        for share in (1, 2, 4):
            top = config.options.top_layers if share == 1 else max(1, layers // share)
            settings, options = replace(config.settings, window=tokens), replace(config.options, top_layers=top)
            if (tokens, top) != (window, config.options.top_layers):
                yield replace(config, settings=settings, options=options)


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
