"""Longer fuzzing than the tests': `python -m benchmarks.fuzz [--examples 500]`, with every reader and recogniser.

Runs `tests/fuzz` with so many examples of each kind. What it finds becomes a test case, then the figure is 0 again.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """The exit code of the tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("-k", default="", help="only tests whose names have this")
    asked = parser.parse_args()
    command = [sys.executable, "-m", "pytest", "tests/fuzz", "-q", "-p", "no:cacheprovider", "-k", asked.k]
    began = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, "FUZZ_EXAMPLES": str(asked.examples)}).returncode
    print(f"{asked.examples} examples of each kind in {time.monotonic() - began:.0f} s; exit code {code}")
    return code


if __name__ == "__main__":
    sys.exit(main())
