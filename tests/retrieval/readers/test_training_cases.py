"""The training files of the case table become what their owners meant."""

from pathlib import Path

import pytest

from benchmarks.cases import Row
from benchmarks.cases_training import ROWS, WRONG_KINDS, TrainingRow, count_is, pairs_are


@pytest.fixture(scope="session")
def cases(shared_data: Path) -> Path:
    """The folder with the files."""
    folder = shared_data / "cases"
    if not folder.is_dir():
        pytest.skip("the files of the case table (../shared/data/cases) are not on this machine")
    return folder


EVERY = (*ROWS, *WRONG_KINDS)


@pytest.mark.parametrize("row", EVERY, ids=[row.name for row in EVERY])
def test_a_training_file_becomes_what_its_owner_meant(cases: Path, row: Row) -> None:
    assert row.faults(cases) == []


def test_a_row_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "a?", "answer": "b"}')
    (tmp_path / "b.jsonl").write_text("nothing")
    assert TrainingRow("a.jsonl", (pairs_are(1, "a?", "b"), count_is(1))).faults(tmp_path) == []
    assert TrainingRow("a.jsonl", (count_is(2),)).faults(tmp_path) == ["1 pairs"]
    assert TrainingRow("b.jsonl", ()).faults(tmp_path)[0].startswith("refused: b.jsonl is no readable JSON")
