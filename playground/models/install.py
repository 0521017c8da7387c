"""Downloads the models with a line per step: `python -m playground.models.install`."""

import sys

from playground.errors import UserError
from playground.models.registry import install_models
from playground.settings import Settings


def main() -> int:
    """Exit status 0 with both models ready, 1 with the reason on standard error."""
    try:
        install_models(Settings.from_environment(), lambda line: print(line, flush=True))
    except UserError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
