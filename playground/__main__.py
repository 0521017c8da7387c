"""`python -m playground`: the playground without a browser."""

import sys

from playground.cli.main import main

sys.exit(main())
