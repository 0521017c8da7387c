"""Builds the page and launches it; wiring only. `python app.py`, or a Hugging Face Space's `app_file`."""

import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack
from types import FrameType

# Read by torch when it is imported. A waiting thread spins briefly: long enough for the next product of a step, short
# enough not to take the core from a training run.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # bitsandbytes would load a compiler at every start that nobody uses
# Gradio would sum up its own log with pandas after every event; nobody reads it.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")

if os.environ.get("SPACES_ZERO_GPU"):  # it changes torch, and refuses to once anything has looked for a GPU
    import spaces  # noqa: F401

from playground.device import share_freed_memory
from playground.errors import UserError
from playground.models.registry import install_models
from playground.services.app import Services
from playground.services.preparing import pieces_of
from playground.settings import Settings
from playground.storage.ownership import owned
from playground.training import tracking
from playground.ui.api import mcp
from playground.ui.page import build, launch
from playground.ui.shared.http.request_id import log_with_request_ids

LAST_SECONDS = 2.0  # that the server's own threads get to end


def main() -> None:
    """Claim the data folder, bring what is missing, start the jobs, serve the page."""
    log_with_request_ids()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it advises a package that is not needed here
    share_freed_memory()
    claim = ExitStack()
    try:
        settings = Settings.from_environment()
        logging.getLogger("playground").info("settings: %s", settings.line())
        claim.enter_context(owned(settings.data))  # until this process ends
        tracking.check(settings)
        mcp.check(settings)
        pieces_of(settings)
        install_models(settings, logging.getLogger("playground").info)
        ending = ending_signal()
        services = Services(settings)
    except UserError as error:
        sys.exit(str(error))
    services.start()
    try:
        page = build(services)
        launch(page, services, prevent_thread_lock=True)
        ending.wait()
        services.finish()
        page.close(verbose=False)
    finally:
        has_ended = services.close(LAST_SECONDS)
        claim.close()
    if not has_ended:  # such as one that still loads a model; nothing that it does is kept
        logging.shutdown()
        os._exit(0)


def ending_signal() -> threading.Event:
    """An event that SIGTERM or Ctrl-C sets; the second of them ends the process at once."""
    ending = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return ending


if __name__ == "__main__":
    main()
