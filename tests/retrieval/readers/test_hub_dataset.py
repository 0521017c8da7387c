"""A data set of a Hub on this machine as a text: its pairs and texts, its limits, and what is refused."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.readers.hub_address import HubDataset, parse_hub_address
from retrieval.readers.sandbox import read_hub_in_sandbox
from tests.fakes.dataset_hub import dataset_hub

LIMITS = Limits()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Hub with data sets of each format."""
    root = tmp_path_factory.mktemp("hub")
    for name in ("pairs", "texts", "script", "sentences", "measures"):
        (root / name).mkdir()
    table = {
        "question": [f"What is bay {bay} for?" for bay in range(30)],
        "answer": [f"Bay {bay} is for boats." for bay in range(30)],
        "depth": [float("nan")] * 30,
        "picture": [b"\x89PNG"] * 30,
    }
    pyarrow.parquet.write_table(pyarrow.table(table), root / "pairs" / "train-00000-of-00001.parquet")
    (root / "texts" / "train.csv").write_text("text\n" + "The mill was built of stone.\n" * 100)
    (root / "script" / "script.py").write_text("raise SystemExit('this code must never run')\n")
    (root / "sentences" / "train.txt").write_text("One sentence.\n")
    (root / "measures" / "test.jsonl").write_text(json.dumps({"mr": "name[Blue Spice]", "ref": "A nice place"}) + "\n")
    with dataset_hub({f"owner/{each.name}": each for each in root.iterdir()}) as url:
        yield url


@pytest.fixture
def hub(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lets the reading child use that Hub; the folder is the only one where temporary files can be made."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    return temporary


def test_the_rows_of_a_parquet_file_are_pairs_and_nothing_stays_on_disk(hub: Path) -> None:
    document = read_hub_in_sandbox(HubDataset("owner/pairs"), None, LIMITS)
    assert [pair.answer for pair in document.pairs] == [f"Bay {bay} is for boats." for bay in range(30)]
    assert (document.name, document.columns) == ("owner/pairs", ("question", "answer", "depth"))
    assert document.sentences == ("Columns that hold no text left out: picture.",)
    assert "NaN" not in document.text
    assert not list(hub.iterdir())
    assert not [path for path in (hub.parent / "home").rglob("*") if path.is_file()]


def test_a_large_data_set_is_read_up_to_the_limit(hub: Path) -> None:
    document = read_hub_in_sandbox(HubDataset("owner/texts"), None, Limits(max_chars=1_000))
    assert document.text == "\n\n".join(["The mill was built of stone."] * 28)
    assert document.sentences == ("Only the first 28 rows were read; the data set has more.",)


@pytest.mark.usefixtures("hub")
def test_a_data_set_of_unknown_columns_is_a_table_and_takes_a_mapping() -> None:
    table = read_hub_in_sandbox(HubDataset("owner/measures", split="test"), None, LIMITS)
    assert table.text == "mr: name[Blue Spice], ref: A nice place"
    document = read_hub_in_sandbox(HubDataset("owner/measures", split="test"), {"text": "ref"}, LIMITS)
    assert (document.name, document.text) == ("owner/measures test", "A nice place")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            HubDataset("owner/script"),
            "The data set owner/script cannot be read: Dataset scripts are no longer supported",
        ),
        (HubDataset("owner/sentences"), "owner/sentences holds text files; only parquet, csv, json files are read"),
        (HubDataset("owner/absent"), "owner/absent cannot be loaded from the Hub: .*doesn't exist on the Hub"),
        (HubDataset("owner/pairs", split="test"), "owner/pairs test cannot be read: Bad split: test. Available"),
        (HubDataset("owner/pairs", config="old"), "owner/pairs old cannot be read: BuilderConfig 'old' not found"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_what_is_no_data_set_of_plain_files_is_refused(source: HubDataset, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"{message}.*\.$"):
        read_hub_in_sandbox(source, None, LIMITS)


@pytest.mark.usefixtures("hub")
def test_without_the_hub_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RetrievalError, match=r"^The Hub cannot be reached for owner/pairs: .*\. Try again later\.$"):
        read_hub_in_sandbox(HubDataset("owner/pairs"), None, LIMITS)


def test_an_address_names_a_data_set() -> None:
    assert parse_hub_address("hf://datasets/owner/name") == HubDataset("owner/name", "", "train")
    whole = parse_hub_address("hf://datasets/owner/name?config=main&split=test")
    assert (whole, whole.name) == (HubDataset("owner/name", "main", "test"), "owner/name main test")


@pytest.mark.parametrize(
    "address", ["name", "owner", "owner/name/more", "../name", "owner/name?trust_remote_code=1", ""]
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(RetrievalError, match="is not the address of a data set"):
        parse_hub_address(f"hf://datasets/{address}")
