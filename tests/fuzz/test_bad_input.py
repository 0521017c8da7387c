"""Input that nobody would think of, made by hypothesis: each is read or refused in a sentence, never a fault of ours.

`FUZZ_EXAMPLES` sets how many are tried of each kind; `benchmarks/fuzz.py` tries more.
"""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.options import build
from playground.errors import USER_FACING
from playground.evaluation.questions import read_questions
from playground.export.import_adapter import read_adapter
from playground.storage.records import NAME_CHARS, clean_name
from playground.storage.run_folder import EVENTS, read_events
from playground.training.config import TrainSettings
from playground.ui.shared.http.asgi import cookies
from playground.ui.shared.http.own_things import paths_in
from retrieval.document import Limits
from retrieval.mapping import read_mapping
from retrieval.readers.dispatch import FORMATS, read_document
from retrieval.readers.shapes.recognise import recognise
from tests.fakes.packed import open_document, packed, rows, shape, slides, workbook
from tests.fakes.pdf import text_pdf

bounded = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "15")),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
LIMITS = Limits(max_chars=20_000, max_pages=5)
ENDINGS = [each.endings[0] for each in FORMATS]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMED = st.sampled_from(
    ["question", "answer", "messages", "role", "content", "instruction", "output", "text", "choices"]
)
ROWS = st.lists(st.dictionaries(NAMED, JSON, max_size=4), max_size=6)
SEEDS: dict[str, bytes] = {
    ".xlsx": packed(workbook({"a": rows(["question", "answer"], ["Who?", "Ann."])})),
    ".pptx": packed(slides(shape("Words"))),
    ".odt": packed(open_document("<text:p>Words</text:p>")),
    ".pdf": text_pdf([[(10, 10, "Words of a page.")]]),
    ".json": b'[{"question": "Who?", "answer": "Ann."}, {"question": "Why?", "answer": "So."}]',
    ".csv": b"question,answer\nWho?,Ann.\n",
    ".rtf": rb"{\rtf1\ansi {\b Words} \'e9 \u8217? }",
    ".html": b"<table><tr><td rowspan=2>a<td>b</table><p hidden>c<ul><li>d",
    ".eml": b"Subject: =?utf-8?q?a?=\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nwords\n--x--\n",
    ".ipynb": b'{"cells": [{"cell_type": "markdown", "source": ["words"]}], "nbformat": 4}',
    ".srt": b"1\n00:00:01,000 --> 00:00:02,000\nWords\n",
    ".tex": rb"\section{A} \begin{tabular}{l} a & b \\ \end{tabular} $x$",
    ".md": b"# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```\n",
}


def refusal_of(act: Callable[[], object]) -> str | None:
    """The sentence of a refusal, if it comes to one; any other error is a fault of ours and fails the test."""
    try:
        act()
    except USER_FACING as refusal:
        return str(refusal)
    return None


def read_or_refuse(content: bytes, name: str, read: Callable[[Path], object]) -> None:
    """Read a file with this content; only the errors that are meant for visitors may come of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        sentence = refusal_of(lambda: read(path))
    assert sentence is None or sentence.strip()


@pytest.mark.parametrize("ending", ENDINGS)
@bounded
@given(content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(ending: str, content: bytes) -> None:
    read_or_refuse(content, f"a{ending}", lambda path: read_document(path, limits=LIMITS))


@pytest.mark.parametrize("ending", SEEDS)
@bounded
@given(data=st.data())
def test_a_file_with_a_damaged_place_is_read_or_refused(ending: str, data: st.DataObject) -> None:
    whole = SEEDS[ending]
    place = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 8))
    damaged = whole[:place] + data.draw(st.binary(max_size=8)) + whole[place + length :]
    read_or_refuse(damaged, f"a{ending}", lambda path: read_document(path, limits=LIMITS))


@pytest.mark.parametrize("ending", [".json", ".jsonl"])
@bounded
@given(content=JSON | ROWS)
def test_any_json_is_read_or_refused(ending: str, content: Any) -> None:
    lines = content if ending == ".jsonl" and isinstance(content, list) else [content]
    text = "\n".join(json.dumps(each) for each in lines)
    read_or_refuse(text.encode(), f"a{ending}", lambda path: read_document(path, limits=LIMITS))


@bounded
@given(rows=ROWS)
def test_every_table_has_a_shape(rows: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    name, roles = recognise(columns, rows)
    assert name
    assert {column for each in roles.values() for column in each} <= set(columns)


@bounded
@given(content=st.binary(max_size=200) | JSON.map(lambda each: json.dumps(each).encode()))
def test_any_file_of_questions_is_read_or_refused(content: bytes) -> None:
    for name in ("a.jsonl", "a.csv"):
        read_or_refuse(content, name, read_questions)


@bounded
@given(weights=st.binary(max_size=200), config=JSON, record=JSON)
def test_any_adapter_is_read_or_refused(weights: bytes, config: Any, record: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "adapter_model.safetensors": len(weights).to_bytes(8, "little") + weights,
            "adapter_config.json": json.dumps(config).encode(),
            "run.json": json.dumps(record).encode(),
        }
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        with pytest.raises(USER_FACING):
            read_adapter([(name, Path(folder) / name) for name in files], 10_000, 8)


@bounded
@given(text=st.text(max_size=60))
def test_any_mapping_is_read_or_refused(text: str) -> None:
    assert refusal_of(lambda: read_mapping(text)) != ""


@bounded
@given(values=st.dictionaries(st.sampled_from(["steps", "window", "seed", "none such"]), JSON | st.just(float("nan"))))
def test_any_options_are_taken_or_refused(values: dict[str, Any]) -> None:
    assert "cannot be used" in (refusal_of(lambda: build(TrainSettings, values)) or "cannot be used")


@bounded
@given(name=st.text(max_size=200))
def test_any_name_is_made_fit_for_display(name: str) -> None:
    shown = clean_name(name, "text")
    assert shown.isprintable()
    assert 0 < len(shown) <= NAME_CHARS


@bounded
@given(cut=st.integers(0, 120), more=st.binary(max_size=20))
def test_a_log_that_a_kill_cut_short_is_read(cut: int, more: bytes) -> None:
    whole = b'\n{"event": "started"}\n\n{"event": "progress", "step": 1}\n\n{"event": "progress", "step": 2}\n'
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / EVENTS).write_bytes(whole[:cut] + more)
        events = read_events(Path(folder))
    assert [each["step"] for each in events if each["event"] == "progress"] in ([], [1], [1, 2])


@bounded
@given(content=JSON)
def test_the_paths_of_any_body_are_found(content: Any) -> None:
    assert list(paths_in({"data": [{"deep": [content, {"path": "here"}]}]})).count("here") >= 1


@bounded
@given(header=st.binary(max_size=100))
def test_any_cookie_header_is_read(header: bytes) -> None:
    assert isinstance(cookies({"type": "http", "headers": [(b"cookie", header)]}), dict)
