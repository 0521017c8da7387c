"""CSV, JSON and JSONL: pairs and texts by the names of the columns."""

import json
import tempfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from retrieval.chunks import split
from retrieval.document import Document, Limits, NeedsMapping
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document
from retrieval.readers.sandbox import read_in_sandbox
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
    assert document.sentences == (
        "Malformed rows left out: 2 (the first: line 4: Expecting value).",
        "Rows without a question or an answer left out: 1.",
    )
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
    assert document.sentences == ("Malformed rows left out: 1.", "Rows without a question or an answer left out: 1.")


def test_a_text_column_gives_paragraphs_with_titles(write: Write) -> None:
    document = read_document(
        write("a.jsonl", jsonl({"id": 1, "title": "T", "text": "Some text."}, {"id": 2, "text": "More."}))
    )
    assert document.text == "T\n\nSome text.\n\nMore."
    assert labels(document) == ["T"]
    assert not document.pairs


def test_unknown_columns_are_a_table_and_take_a_mapping(write: Write) -> None:
    path = write("a.csv", "mr,ref,by\nname[Blue Spice] area[city] food[good],A nice place in the city,Ann\n")
    assert read_document(path).text == (
        "mr: name[Blue Spice] area[city] food[good], ref: A nice place in the city, by: Ann"
    )
    (pair,) = read_document(path, mapping={"question": "mr", "answer": "ref"}).pairs
    assert pair.answer == "A nice place in the city"
    assert read_document(path, mapping={"text": "ref"}).text == "A nice place in the city"
    several = read_document(path, mapping={"question": ["by", "mr"], "answer": "ref", "system": "by", "context": "mr"})
    (pair,) = several.pairs
    assert (pair.question, pair.system) == ("Ann\nname[Blue Spice] area[city] food[good]", "Ann")
    assert several.text[slice(*pair.context)] == "name[Blue Spice] area[city] food[good]"
    with pytest.raises(RetrievalError, match="no column 'nope'"):
        read_document(path, mapping={"text": "nope"})
    with pytest.raises(RetrievalError, match="got question"):
        read_document(path, mapping={"question": "mr"})
    with pytest.raises(RetrievalError, match="no role 'answr'"):
        read_document(path, mapping={"question": "mr", "answr": "ref"})


def test_a_table_says_what_it_was_taken_for(write: Write) -> None:
    rows = [{"id": 1, "question": "a?", "answer": "b", "level": "easy"}, {"id": 2, "question": "c?", "answer": None}]
    document = read_document(write("a.jsonl", jsonl(*rows)))
    table = document.table
    assert table is not None
    assert (table.shape, dict(table.roles)) == ("pairs", {"question": ("question",), "answer": ("answer",)})
    assert (table.rows, table.used, table.pairs, dict(table.left)) == (2, 1, 1, {"empty_pairs": 1})
    assert table.unread == ("id", "level")
    assert table.sample == (("1", "a?", "b", "easy"), ("2", "c?", "", ""))
    assert table.taken_for == (
        "Taken for questions and answers (question: question; answer: answer): 1 of 2 rows became 1 answers to learn."
    )
    assert document.sentences[-1] == "Columns that are not read: id, level."
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


def test_a_file_without_a_usable_row_says_why(write: Write) -> None:
    rows = [{"prompt": "a?", "completion": "b", "label": False}] * 3
    with pytest.raises(NeedsMapping, match=r"none of its 3 rows could be used\. Rows whose label rejects .*: 3\."):
        read_document(write("a.jsonl", jsonl(*rows)))


def test_a_context_of_several_questions_stands_once_in_the_text_and_is_a_passage_of_its_own(write: Write) -> None:
    rows = [{"question": f"{n}?", "context": "The mill is old.", "answer": f"{n}."} for n in range(3)]
    document = read_document(write("a.jsonl", jsonl(*rows)))
    assert document.text == "The mill is old.\n\n0?\n0.\n\n1?\n1.\n\n2?\n2."
    passages = split(document, lambda texts: [len(text.split()) for text in texts], 8)
    assert [passage.text for passage in passages] == ["The mill is old.", "0?\n0.", "1?\n1.", "2?\n2."]


def test_a_json_list_is_read_as_rows(write: Write) -> None:
    assert len(read_document(write("a.json", json.dumps([{"q": "a?", "a": "b"}, {"q": "c?", "a": "d"}]))).pairs) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "not json\nnor this", "no readable JSON: line 1: Expecting value"),
        (
            "a.json",
            '[{"q": "a?"},\n {"q": }]'.replace('{"q": "a?"},', "1,"),
            "no readable JSON: line 2: Expecting value",
        ),
        ("a.jsonl", "[" * 100_000, "no readable JSON: line 1: it is nested too deeply"),
        ("a.json", '{"a":' * 500 + "1" + "}" * 500, "nested more than 39 deep"),
        ("a.csv", "question,answer\n", "no rows below its header"),
        ("a.csv", 'question,answer\na?,b\n"' + "x" * 200_000, "a quotation mark in line 3 that is never closed"),
        (
            "a.tsv",
            'id\tsaid\n1\t"Yes" he said.\n2\t"No\n' + "3\tIt is so.\n" * 9,
            "a quotation mark in line 3 that is never",
        ),
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
    assert document.sentences == ("Rows without a question or an answer left out: 1.",)
    (pair,) = read_document(write("a.json", '[{"instruction": "Say", "input": NaN, "output": "Hi"}]')).pairs
    assert (pair.question, pair.answer) == ("Say", "Hi")


def test_objects_over_several_lines_are_read_one_after_another(write: Write) -> None:
    rows = [{"q": f"{number}?", "a": f"{number}."} for number in range(3)]
    text = "\n".join(json.dumps(row, indent=2) for row in rows)
    assert [pair.answer for pair in read_document(write("a.jsonl", text)).pairs] == ["0.", "1.", "2."]
    broken = read_document(write("b.jsonl", text + '\n{"q": broken'))
    assert (len(broken.pairs), broken.sentences) == (
        3,
        ("Malformed rows left out: 1 (the first: line 13: Expecting value).",),
    )


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ('"sep=;"\nquestion;answer\na?;b\n', [("a?", "b")]),
        ("sep=,\r\nquestion,answer\r\na?,b\r\n", [("a?", "b")]),
        ("question,answer,,\na?,b,,\nc?,d,,\n", [("a?", "b"), ("c?", "d")]),
        ("question,answer\na?,b,\nc?,d,,\n", [("a?", "b"), ("c?", "d")]),
        ("question|answer\na?|b, c\n", [("a?", "b, c")]),
        ("question,answer\ra?,b\rc?,d\r", [("a?", "b"), ("c?", "d")]),
        ("What?,This.\nWho?,She.\nWhere?,Here.\n", [("What?", "This."), ("Who?", "She."), ("Where?", "Here.")]),
        (",question,answer\n0,a?,b\n", [("a?", "b")]),
        ("Questions of May\n\nquestion,answer\na?,b\nc?,d\n", [("a?", "b"), ("c?", "d")]),
        ("Account,12\nFrom,May\n\nid,day,question,answer\n1,2,a?,b\n2,3,c?,d\n", [("a?", "b"), ("c?", "d")]),
    ],
)  # fmt: skip
def test_csv_as_spreadsheets_write_it_gives_its_pairs(write: Write, text: str, pairs: list[tuple[str, str]]) -> None:
    assert [(pair.question, pair.answer) for pair in read_document(write("a.csv", text)).pairs] == pairs


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("note\nfirst; second\nthird, fourth\n", "first; second\n\nthird, fourth"),
        ("On day 0, it left.\nOn day 1, it came, and left.\n", "On day 0, it left.\n\nOn day 1, it came, and left."),
        ('text\n"He said ""hi"", and left."\n', 'He said "hi", and left.'),
        ("artikel;preis\nMutter;0,70\n", "artikel: Mutter, preis: 0,70"),
        ("name,price,stock\nbolt,1,5\nnut,2\n", "name: bolt, price: 1, stock: 5\n\nname: nut, price: 2"),
        ("1001,Bolt\n1002,Nut\n1003,Nail\n1004,Pin\n", "1001, Bolt\n\n1002, Nut\n\n1003, Nail\n\n1004, Pin"),
        ("Land,2019,2020\nOma,6,7\nUsa,4,5\nIro,1,2\n", "Land: Oma, 2019: 6, 2020: 7\n\nLand: Usa, 2019: 4, 2020: 5\n\n"
         "Land: Iro, 2019: 1, 2020: 2"),
        ("Alien,1979\nHeat,1995\nUp,2009\nHer,2013\n", "Alien, 1979\n\nHeat, 1995\n\nUp, 2009\n\nHer, 2013"),
        ("id,text\n1," + "word " * 40_000 + "\n", ("word " * 40_000).strip()),
    ],
)  # fmt: skip
def test_csv_as_spreadsheets_write_it_is_a_text(write: Write, text: str, read: str) -> None:
    assert read_document(write("a.csv", text)).text == read


def test_the_rows_of_a_parquet_file_are_read_up_to_the_limit(write: Write, tmp_path: Path) -> None:
    rows = {
        "messages": [
            [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"{n}."}] for n in range(300)
        ],
        "score": [float("nan")] * 300,
        "picture": [{"bytes": b"\x89PNG", "path": "x"}] * 300,
    }
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "a.parquet")
    document = read_document(tmp_path / "a.parquet")
    assert [pair.answer for pair in document.pairs] == [f"{n}." for n in range(300)]
    assert document.sentences == ("Columns that hold no text left out: picture.",)
    part = read_document(tmp_path / "a.parquet", limits=Limits(max_chars=1_000))
    assert 0 < len(part.pairs) < 300
    assert f"Only the first {len(part.pairs)} of 300 rows were read" in part.sentences[-1]
    with pytest.raises(RetrievalError, match="not a readable Parquet file"):
        read_document(write("b.parquet", b"PAR1" + b"x" * 100 + b"PAR1"))


def test_a_parquet_file_is_read_within_the_childs_limits(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"question": ["a?"], "answer": ["b"]}), tmp_path / "a.parquet")
    assert len(read_in_sandbox(tmp_path / "a.parquet", "a.parquet", None, Limits()).pairs) == 1
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x" * 1_000] * 100_000}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 1_000_000
    document = read_in_sandbox(tmp_path / "bomb.parquet", "bomb.parquet", None, Limits())
    assert len(document.text) <= 1_000_000


@pytest.mark.parametrize("above", ["Report: Members\nDate: 2024-01-01\n\n", "# exported in 2024\n# by Ann\n"])
def test_lines_above_a_short_table_are_no_header_and_are_counted(write: Write, above: str) -> None:
    document = read_document(write("a.csv", f'{above}name,town\nAnn,"Vell"\nBen,Oban\n'))
    assert document.text == "name: Ann, town: Vell\n\nname: Ben, town: Oban"
    assert document.sentences == ("Lines above the table left out: 2.",)
