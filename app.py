"""Builds the page and launches it; wiring only. `python app.py`, or a Hugging Face Space's `app_file`."""

import logging
import os
import sys

# Read by torch when it is imported: with it, two processes on the same cores do not spin against each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from playground.errors import UserError
from playground.models import bring
from playground.services import Services
from playground.settings import Settings
from playground.ui.page import build, launch


def main() -> None:
    """Bring what is missing, start the jobs, serve the page."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environment()
    try:
        bring(settings, logging.getLogger("playground").info)
    except UserError as error:
        sys.exit(str(error))
    services = Services(settings)
    services.start()
    launch(build(services), settings)


if __name__ == "__main__":
    main()
