"""The files of the case table are read as their owners meant them."""

from pathlib import Path

import pytest

from benchmarks.cases import report
from benchmarks.cases_reading import ROWS, Reading


@pytest.fixture(scope="session")
def cases(shared_data: Path) -> Path:
    """The folder with the files."""
    folder = shared_data / "cases"
    if not folder.is_dir():
        pytest.skip("the files of the case table (../shared/data/cases) are not on this machine")
    return folder


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_file_is_read_as_its_owner_meant_it(cases: Path, row: Reading) -> None:
    assert row.faults(cases) == []


def test_the_report_says_what_fails_and_counts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One line.\n\nAnother line.")
    right = Reading("a.txt", paragraphs=("One line.", "Another line."))
    wrong = Reading("a.txt", paragraphs=("Another line.", "One line."), lacks=("line",), notes=("Menus",))
    refused = Reading("a.txt", refusal="is empty")
    lines = report([right, wrong, refused], tmp_path)
    assert lines[0] == "pass  a.txt"
    assert lines[1] == "FAIL  a.txt: no paragraph 'One line.'; holds 'line'; no note of 'Menus'"
    assert lines[2:] == ["FAIL  a.txt: not refused", "1 of 3 pass"]
