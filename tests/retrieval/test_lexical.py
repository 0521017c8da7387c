"""What the terms of a passage score: BM25, one sentence that holds the question, exact identifiers, rows of tables."""

from pathlib import Path

import numpy as np

from retrieval.build import build
from retrieval.chunks import split
from retrieval.document import Document
from retrieval.language import Terms
from retrieval.lexical import Lexical
from retrieval.readers.dispatch import read_document
from retrieval.search import search
from tests.fakes.embedders import WordEmbedder

APART = "The mill was sold. A storm came in the night. The bridge was closed."
TOGETHER = "The mill was closed. A storm came in the night. The bridge was sold."
OTHERS = tuple(f"Page {each} is about birds, stars, and the weather of the coast." for each in "abcdefghij")


def test_a_sentence_that_holds_the_whole_question_ranks_above_its_words_apart() -> None:
    terms = Lexical((APART, TOGETHER, *OTHERS), Terms("en"))
    assert terms.scores(["bridg", "sold"], 0.8).argmax() == 1
    assert terms.scores(["mill", "sold"], 0.8).argmax() == 0
    apart, together, *_ = terms.scores(["bridg", "sold"], 0.0)
    assert apart == together


def test_a_passage_holds_the_terms_of_all_its_sentences() -> None:
    index = Lexical((APART, "★ ☆", OTHERS[0]), Terms("en"))
    np.testing.assert_array_equal(index.holding("bridg"), [True, False, False])
    assert not index.holding("unknown").any()
    assert index.scores(["unknown"], 0.8).tolist() == [0, 0, 0]


def test_a_misspelt_word_finds_the_word_that_the_text_has() -> None:
    lexical = Lexical(("Ctenophores drift in the sea.", "Parliament meets in May.", *OTHERS), Terms("en"))
    assert lexical.scores(Terms("en")("ctenphores"), 0.0).argmax() == 0
    assert lexical.scores(Terms("en")("the parliment"), 0.8).argmax() == 1
    assert not lexical.scores(Terms("en")("a monument"), 0.0).any()


def test_the_only_passage_with_an_identifier_comes_first() -> None:
    prose = "Warranty and delivery terms hold for every pump. Ask at the desk for the warranty of a pump."
    texts = (prose, "RX1042 is blue.", *OTHERS)
    index = build([Document(str(number), text) for number, text in enumerate(texts)], WordEmbedder())
    found = search(index, WordEmbedder(), "Which warranty and delivery terms hold for the pump RX1042?")
    assert found.hits[0].passage.text == "RX1042 is blue."
    assert all(0 <= hit.score <= 1 for hit in found.hits)


def test_a_row_of_a_table_is_a_passage_of_its_own(tmp_path: Path) -> None:
    rows = [f"AB-{number}-X,Bolt M{number % 10},{number % 7}.50 EUR" for number in range(1000, 1030)]
    (tmp_path / "products.csv").write_text("\n".join(("sku,name,price", *rows)), encoding="utf-8")
    document = read_document(tmp_path / "products.csv")
    assert len(split(document, WordEmbedder().count_tokens)) == len(rows)
    found = search(build([document], WordEmbedder()), WordEmbedder(), "What does AB-1003-X cost?")
    assert found.hits[0].passage.text == "sku: AB-1003-X, name: Bolt M3, price: 2.50 EUR"
