"""Train a planned run on several processes: `accelerate launch -m playground.training DIR`."""

import sys
import tempfile
from pathlib import Path

from playground import device
from playground.models.chat_model import load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import log_event, read_config, read_documents
from playground.training import distributed
from playground.training.config import RunConfig
from playground.training.loop import train


def main(folder: Path) -> None:
    """Train the run planned in a folder as one of a group of processes; the first of them writes the results."""
    with distributed.process_group(), tempfile.TemporaryDirectory() as elsewhere:
        config = RunConfig.from_dict(read_config(folder))
        chat = load_chat(chat_source(Settings.from_environment()), device.choose())
        out = folder if distributed.is_first() else Path(elsewhere)
        for event in train(config, chat, read_documents(folder), out):
            if distributed.is_first():
                log_event(folder, event.to_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
