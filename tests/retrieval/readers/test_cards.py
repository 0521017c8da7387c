"""Study cards as Anki and Quizlet export them, and tables of classes that are none."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl
from tests.retrieval.readers.test_training_files import pairs_of

TAB = "#separator:tab\n#html:true\n"


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        (f"{TAB}#tags column:3\n", "Where is the <b>keel</b>?\tBelow.<br>Always.\tboats\nHow many?\t25\tboats\n"),
        (
            f"{TAB}#guid column:1\n#deck column:2\n",
            "k#1\tBoats\tWhere is the keel?\tBelow.<br>Always.[sound:a.mp3]\nq;2\tBoats\tHow many?\t25\n",
        ),
        (
            "#separator:Semicolon\n#html:false\n#columns:Front;Back;Tags\n",
            'Where is the keel?;"Below.\nAlways.";boats\nHow many?;25;\n',
        ),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_cards_of_anki_are_questions_and_answers(write: Write, name: str, settings: str, rows: str) -> None:
    assert pairs_of(write, name, settings + rows) == [
        ("Where is the keel?", "Below.\nAlways."),
        ("How many?", "25"),
    ]


def test_each_gap_of_a_card_is_a_question(write: Write) -> None:
    rows = "The {{c1::keel}} of a boat is {{c2::below::where?}} it.\tSee page 3.\n{{c1::25}} and {{c1::26}} float.\t\n"
    assert pairs_of(write, "a.txt", TAB + rows) == [
        ("The […] of a boat is below it.", "keel"),
        ("The keel of a boat is [where?] it.", "below"),
        ("[…] and […] float.", "25, 26"),
    ]


def test_a_text_with_hash_signs_is_no_export_of_cards(write: Write) -> None:
    assert not read_document(write("a.txt", "#separator\n# A heading\n\nThe keel is below.\n")).pairs


@pytest.mark.parametrize("header", ["Front,Back,Tags", "Term,Definition,Set", "Thuật ngữ,Định nghĩa,Bộ"])
def test_the_sides_of_a_card_are_known_by_their_names(write: Write, header: str) -> None:
    assert pairs_of(write, "a.csv", f"{header}\nkeel,spine,x\nmast,holds the sail,x\n")[0] == ("keel", "spine")


def test_terms_with_what_they_mean_are_learnt(write: Write) -> None:
    terms = "keel\tThe spine of a boat.\nmast\tIt holds the sail, if there is one.\nrib\tA bow of its hull.\n"
    assert pairs_of(write, "a.txt", terms)[0] == ("keel", "The spine of a boat.")
    questions = "Who is it?\tIda\nIs it so?\tyes\nWhen is it?\tnine\n"
    assert pairs_of(write, "a.txt", questions)[0] == ("Who is it?", "Ida")


@pytest.mark.parametrize(
    "text",
    [
        "09:00\tThe chair opens it for all.\n10:00\tWe talk about the boats.\n11:00\tAll drink a cup of tea.\n",
        "Ida\tWho has the key of it?\nBo\tI gave it to you at nine.\nIda\tAnd I gave it to you.\n",
        "Ida\t12\nBo\t13\nAnn\t14\n",
        "Who has the key?\tperson.name\nWhen is it?\ttime.clock\nWhere is it?\tplace.room\n",
    ],
)
def test_other_lines_with_a_tab_teach_nothing(write: Write, text: str) -> None:
    assert not read_document(write("a.txt", text)).pairs


def test_classes_of_texts_are_said_to_be_no_answers(write: Write) -> None:
    rows = [{"text": f"The boat number {place} is a good one.", "label": "good" if place % 3 else "bad"} for place in
            range(6)]  # fmt: skip
    document = read_document(write("a.jsonl", jsonl(*rows)))
    assert not document.pairs
    assert any(note.key == "classes" and note.words == "label" for note in document.notes)
    unlike = [{"text": row["text"], "label": f"{row['text']} So it is said."} for row in rows]
    assert not [note for note in read_document(write("b.jsonl", jsonl(*unlike))).notes if note.key == "classes"]


def test_classes_of_questions_are_no_answers(write: Write) -> None:
    rows = "utterance,intent\nWhen do you open?,opening_hours\nHow much is it?,price_list\n"
    assert not read_document(write("a.csv", rows)).pairs
