"""Prints pass or fail for every file of the case table: `python -m benchmarks.cases --data FOLDER`.

Needs a folder with `cases/`. A row is data: a name and a check that returns what is wrong. To add rows of another
kind, write a module with `ROWS` of an own type with `name` and `faults`, and add it to `all_rows`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.cases_reading import ROWS as READING
from benchmarks.cases_search import ROWS as SEARCH
from benchmarks.cases_training import ROWS as TRAINING
from benchmarks.cases_training import WRONG_KINDS


class Row(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str:
        """The file, with its folder, and the question where one is asked."""

    def faults(self, cases: Path) -> list[str]:
        """What is wrong, one sentence each; empty where all is right. `cases` is the folder with all files."""


def all_rows() -> list[Row]:
    """The rows of every kind."""
    return [*READING, *TRAINING, *WRONG_KINDS, *SEARCH]


def report(rows: Sequence[Row], cases: Path) -> list[str]:
    """One line per row, and a last line with the counts."""
    lines, passed = [], 0
    for row in rows:
        faults = row.faults(cases)
        passed += not faults
        lines += [f"pass  {row.name}"] if not faults else [f"FAIL  {row.name}: {'; '.join(faults)}"]
    return [*lines, f"{passed} of {len(rows)} pass"]


def main() -> None:
    """Print the report; the exit code is 1 where a row fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with cases")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    options = parser.parse_args()
    lines = report([row for row in all_rows() if options.only in row.name], options.data / "cases")
    for line in lines:
        print(line)
    sys.exit(any(line.startswith("FAIL") for line in lines))


if __name__ == "__main__":
    main()
