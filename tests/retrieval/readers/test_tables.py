"""CSV, JSON and JSONL: pairs and texts by the names of the columns."""

import json
import tempfile
from pathlib import Path

import pytest

from retrieval.document import NeedsMapping
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl, labels


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"question": "Why?", "answer": "So."}, "Why?", "So."),
        ({"Question": "Why?", "ANSWER": "So."}, "Why?", "So."),
        ({"instruction": "Add", "input": "1 and 2", "output": "3"}, "Add\n1 and 2", "3"),
        ({"instruction": "Say", "response": "Hi"}, "Say", "Hi"),
        ({"instruction": "Say", "instances": [{"input": "", "output": "Hi"}]}, "Say", "Hi"),
        ({"prompt": "Why?", "completion": "So."}, "Why?", "So."),
        ({"question": "Why?", "answers": {"text": ["So.", "Because."]}}, "Why?", "So."),
        ({"Câu hỏi": "Ai?", "Trả lời": "Tôi."}, "Ai?", "Tôi."),
        (
            {"messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Why?"},
                          {"role": "assistant", "content": "So."}]},
            "Why?", "So.",
        ),
        ({"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]}, "Why?", "So."),
    ],
)  # fmt: skip
def test_pairs_are_recognised(write: Write, row: dict, question: str, answer: str) -> None:
    document = read_document(write("a.jsonl", jsonl(row)))
    (pair,) = document.pairs
    assert (pair.question, pair.answer) == (question, answer)
    assert document.text[pair.start : pair.end] == f"{question}\n{answer}"


def test_a_conversation_gives_a_pair_for_every_answer(write: Write) -> None:
    roles = ["user", "assistant", "user", "assistant"]
    messages = [{"role": role, "content": f"{role} {turn}"} for turn, role in enumerate(roles)]
    pairs = read_document(write("a.jsonl", jsonl({"messages": messages}))).pairs
    assert [(pair.question, pair.answer) for pair in pairs] == [("user 0", "assistant 1"), ("user 2", "assistant 3")]


def test_malformed_and_half_empty_rows_are_left_out_and_counted(write: Write) -> None:
    text = jsonl({"q": "a?", "a": "b"}, [1], {"q": "c?", "a": ""}) + '\n{"q": broken\n' + jsonl({"q": "d?", "a": 5})
    document = read_document(write("a.jsonl", text))
    assert [pair.answer for pair in document.pairs] == ["b", "5"]
    assert document.notes == ("Malformed rows left out: 2.", "Rows without a question or an answer left out: 1.")
    assert document.columns == ("q", "a")


def test_only_line_feeds_part_rows(write: Write) -> None:
    assert (
        read_document(write("a.jsonl", '{"q": "a\u2028b", "a": "c"}\r\n{"q": "d", "a": "e"}')).pairs[0].question
        == "a\nb"
    )
    assert len(read_document(write("a.csv", "q,a\r\na\x85b,c\r\n")).pairs) == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_any_delimiter_quotes_and_ragged_rows(write: Write, delimiter: str) -> None:
    rows = ["question,answer", '"Why, oh why?","So;\nand so"', "NA,007", "one cell", "a,b,c"]
    text = "\n".join(row.replace(",", delimiter) if "oh" not in row else row for row in rows)
    text = text.replace('?","So', f'?"{delimiter}"So')
    document = read_document(write("a.csv", text.encode("utf-16")))
    assert [(pair.question, pair.answer) for pair in document.pairs] == [("Why, oh why?", "So;\nand so"), ("NA", "007")]
    assert document.notes == ("Malformed rows left out: 2.",)


def test_a_text_column_gives_paragraphs_with_titles(write: Write) -> None:
    document = read_document(
        write("a.jsonl", jsonl({"id": 1, "title": "T", "text": "Some text."}, {"id": 2, "text": "More."}))
    )
    assert document.text == "T\n\nSome text.\n\nMore."
    assert labels(document) == ["T"]
    assert not document.pairs


def test_unknown_columns_ask_for_a_mapping_and_take_one(write: Write) -> None:
    text = "mr,ref\nname[Blue Spice] area[city] food[good],A nice place in the city\n"
    path = write("a.csv", text)
    with pytest.raises(NeedsMapping, match="mr, ref") as caught:
        read_document(path)
    assert caught.value.columns == ("mr", "ref")
    assert caught.value.rows[0]["ref"] == "A nice place in the city"
    assert (
        read_document(path, mapping={"question": "mr", "answer": "ref"}).pairs[0].answer == "A nice place in the city"
    )
    assert read_document(path, mapping={"text": "ref"}).text == "A nice place in the city"
    with pytest.raises(RetrievalError, match="no column 'nope'"):
        read_document(path, mapping={"text": "nope"})
    with pytest.raises(RetrievalError, match="got question"):
        read_document(path, mapping={"question": "mr"})


def test_a_json_list_is_read_as_rows(write: Write) -> None:
    assert len(read_document(write("a.json", json.dumps([{"q": "a?", "a": "b"}, {"q": "c?", "a": "d"}]))).pairs) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "not json\nnor this", r"no well-formed row \(2 malformed\)"),
        ("a.jsonl", "[" * 100_000, "no well-formed row"),
        ("a.csv", "question,answer\n", "no rows below its header"),
        ("a.csv", 'question,answer\n"' + "x" * 200_000, "not a readable CSV"),
        ("a.csv", ",".join(map(str, range(200))) + "\n" + ",".join("x" * 200), "200 columns; the limit is 100"),
    ],
)
def test_useless_tables_are_refused(write: Write, name: str, content: str, message: str) -> None:
    with pytest.raises(RetrievalError, match=message):
        read_document(write(name, content))


def test_a_table_leaves_no_file_behind(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    read_document(write("a.jsonl", jsonl({"q": "a?", "a": "b"})))
    assert not list(temporary.iterdir())


def test_nan_in_json_is_an_empty_cell(write: Write) -> None:
    text = (
        '{"question": "Who keeps the tower?", "answer": NaN}\n{"question": "Who?", "answer": "Ola.", "input": Infinity}'
    )
    document = read_document(write("a.jsonl", text))
    assert [pair.answer for pair in document.pairs] == ["Ola."]
    assert document.notes == ("Rows without a question or an answer left out: 1.",)
    (pair,) = read_document(write("a.json", '[{"instruction": "Say", "input": NaN, "output": "Hi"}]')).pairs
    assert (pair.question, pair.answer) == ("Say", "Hi")


def test_objects_over_several_lines_are_read_one_after_another(write: Write) -> None:
    rows = [{"q": f"{number}?", "a": f"{number}."} for number in range(3)]
    text = "\n".join(json.dumps(row, indent=2) for row in rows)
    assert [pair.answer for pair in read_document(write("a.jsonl", text)).pairs] == ["0.", "1.", "2."]
    broken = read_document(write("b.jsonl", text + '\n{"q": broken'))
    assert (len(broken.pairs), broken.notes) == (3, ("Malformed rows left out: 1.",))
