"""A part of a sweep, done beside others: the range test, or one arm up to one rung, as its config says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playground import device
from playground.jobs.tasks import sweep
from playground.models.chat_choice import listed_source
from playground.models.chat_model import ChatModel, load_chat
from playground.settings import Settings
from playground.storage.run_folder import PART, read_base, read_config, read_documents
from playground.training import lr_sweep
from playground.training.config import RunConfig
from playground.training.interrupt import Interrupted


def run(folder: Path, settings: Settings, should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """See `playground.jobs.tasks`; a step is the arm's own. An arm ends with "judged", and keeps its checkpoint."""
    stored = read_config(folder)
    config, documents = RunConfig.from_dict(stored), read_documents(folder)
    base = listed_source(settings, read_base(folder))

    def load() -> ChatModel:
        return load_chat(base, device.choose())

    try:
        if stored[PART] is None:
            yield from sweep.range_events(config, documents, load, should_stop, sweep.SweepProgress(config))
            yield {"event": "finished", "reason": "done"}
            return
        arm, rung = stored[PART]
        steps = lr_sweep.train_to_rung(arm, config, rung, load, documents, folder, should_stop)
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                yield sweep.judged_event(config, arm, rung, end.value)
                break
            yield {"event": "progress", "steps": config.settings.steps // rung, "seconds_left": None, **step}
    except Interrupted:
        pass
    yield {"event": "finished", "reason": "stopped"}  # the next rung goes on from the checkpoint
