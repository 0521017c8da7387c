"""YAML and XML that are training files, and those that are not."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.retrieval.readers.test_training_files import pairs_of

PAIRS = [("When do you open?", "At nine & ten.\nOr later."), ("May my dog come?", "No")]
ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join(9 * [f'*{before}'])}]\n" for before, one in zip("abcdefg", "bcdefgh", strict=True)
)
FILES = {
    "list.yaml": "- question: When do you open?\n  answer: |\n    At nine & ten.\n    Or later.\n"
    "- question: May my dog come?\n  answer: No\n",
    "tree.yml": "version: 3\nseed_examples:\n  - questions_and_answers:\n      - {question: When do you open?, answer: "
    "'At nine & ten.\n\n        Or later.'}\n      - {question: May my dog come?, answer: No}\n",
    "talks.yml": "categories:\n- opening\nconversations:\n- - When do you open?\n  - \"At nine & ten.\\nOr later.\"\n"
    "- - May my dog come?\n  - No\n",
    "faq.xml": '<?xml version="1.0" encoding="UTF-8"?>\n<!-- ours --><faqs><faq id="1"><question>When do you open?'
    "</question><answer>At nine &amp; ten.\nOr later.</answer></faq><faq><question>May my dog come?</question>"
    "<answer>No</answer></faq></faqs>",
    "moodle.xml": '<quiz><question type="category"><category><text>Top</text></category></question><question type='
    '"multichoice"><name><text>Q1</text></name><questiontext format="html"><text><![CDATA[<p>When do you open?</p>]]>'
    '</text></questiontext><answer fraction="0"><text>Never</text><feedback><text>Wrong!</text></feedback></answer>'
    '<answer fraction="100"><text>At nine &amp; ten.\nOr later.</text></answer></question><question type="shortanswer">'
    '<questiontext><text>May my dog come?</text></questiontext><answer fraction="100"><text>No</text></answer>'
    "</question></quiz>",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_questions_and_answers_in_markup_of_data_are_learnt(write: Write, name: str) -> None:
    document = read_document(write(name, FILES[name]))
    assert [(pair.question, pair.answer) for pair in document.pairs] == PAIRS
    assert not any(pair.turns for pair in document.pairs)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yaml", "services:\n  web:\n    image: boats:1\n    command: run --port 80 and keep the doors open\n"),
        ("b.yaml", "question: Who?\nanswer: Ida\nscript: |\n  " + "run the pump, then fill the lock; " * 9),
        ("c.yaml", "key: [never closed\n"),
        ("d.yaml", ALIASES),
        ("e.xml", "<note><p>The <b>keel</b> is below.</p><p>The mast is above.</p></note>"),
        ("f.xml", "<faq><question>Who?</question><answer>Ida</faq>"),
        ("g.xml", '<!DOCTYPE a [<!ENTITY x "Ida">]><a><question>Who?</question><answer>&x;</answer></a>'),
        ("h.xml", "<a>" * 2_000 + "deep" + "</a>" * 2_000),
    ],
)
def test_other_markup_of_data_stays_a_text(write: Write, name: str, content: str) -> None:
    document = read_document(write(name, content))
    assert not document.pairs
    assert document.text == f"{name}\n\n{content.rstrip()}"


def test_columns_of_markup_of_data_can_be_chosen(write: Write) -> None:
    rows = "<rows><row><one>The owner</one><two>Ida</two></row><row><one>The time</one><two>Now</two></row></rows>"
    document = read_document(write("a.xml", rows), mapping={"question": "one", "answer": "two"})
    assert [pair.answer for pair in document.pairs] == ["Ida", "Now"]
    assert pairs_of(write, "b.xml", rows) == []
