"""The fact test: pairs that differ in one name or number of the text, and which sentence is the likelier one."""

from pathlib import Path

import pytest

from playground.evaluation import fact_test
from playground.evaluation.fact_pairs import FactPair, make_fact_pairs
from playground.evaluation.fact_test import compare_facts, measure_facts, sentence_losses
from playground.evaluation.mentions import find_mentions
from playground.inference.served_adapter import ServedAdapter
from retrieval.document import Document
from tests.fakes.chat_model import lora, small_chat
from tests.fakes.exams import TEXT, document

VIETNAMESE = (
    "Bảo tàng Hải cảng được thành lập vào năm 1884 tại Lindholm. Sau đó bảo tàng chuyển đến một ngôi nhà mới ở Ostrava."
    "\n\n"
    "Thư viện của thành phố mở cửa vào năm 1901 và có rất nhiều sách quý. Người sáng lập thư viện sinh ra ở Tomar."
)


def tuned(seed: int = 1) -> ServedAdapter:
    return ServedAdapter("LoRA", "a" * 16, "lora", lora(seed))


def test_a_pair_is_a_sentence_of_the_text_and_the_same_with_one_part_exchanged() -> None:
    pairs = make_fact_pairs([document()], 100, 0)
    assert len(pairs) > 10
    for each in pairs:
        assert each.true in TEXT
        assert each.false not in TEXT
        place = each.true.index(each.true_part)
        assert any(
            each.false == each.true[:at] + each.false_part + each.true[at + len(each.true_part) :]
            for at in range(place, len(each.true))
        )


def test_the_other_part_is_of_the_same_kind_and_from_the_text() -> None:
    kinds = {each.text: each.kind for each in find_mentions(TEXT)}
    for each in make_fact_pairs([document()], 100, 0):
        assert kinds[each.true_part] == kinds[each.false_part]


def test_the_part_that_is_rare_in_the_text_is_exchanged_for_one_used_in_the_same_way() -> None:
    which = ("first", "second", "third", "fourth", "fifth")
    masters = zip(which, ("Anna", "Peter", "Maria", "Karl", "Jan"), strict=True)
    text = " ".join(f"The {hall} hall of Warsaw was built by {name}, a master." for hall, name in masters)
    text += " The old town lies on the river Oder, which is long. It often rains in Lindholm, as we know."
    pairs = make_fact_pairs([Document("a.txt", text)], 99, 0)
    built = [each for each in pairs if "hall" in each.true]
    assert len(built) == 5
    assert not [each for each in built if each.true_part == "Warsaw" or each.false_part in ("Oder", "Lindholm")]


def test_no_sentence_is_asked_twice_and_every_section_comes_before_any_comes_again() -> None:
    twice = Document("a.txt", f"{TEXT}\n\n{TEXT}")
    pairs = make_fact_pairs([twice], 100, 0)
    assert len({each.true for each in pairs}) == len(pairs)
    sections = {each.section for each in pairs}
    assert {each.section for each in pairs[: len(sections)]} == sections


def test_the_same_seed_makes_the_same_pairs_and_another_one_others() -> None:
    once, again, other = (make_fact_pairs([document()], 8, seed) for seed in (0, 0, 1))
    assert once == again
    assert once != other
    assert len(once) == 8


def test_a_text_with_one_name_of_each_kind_has_no_pair() -> None:
    assert make_fact_pairs([Document("a.txt", "The old museum was founded by Anna Bergman in 1884.")], 9, 0) == []


def test_vietnamese_years_and_whole_names_are_exchanged_parts_of_names_are_not() -> None:
    pairs = make_fact_pairs([Document("b.txt", VIETNAMESE)], 9, 0)
    assert {each.true_part for each in pairs} >= {"1901"}
    assert {each.false_part for each in pairs} <= {"1884", "1901", "Lindholm", "Ostrava", "Tomar"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("It was built by Anna Bergman in 1884.", [("Anna Bergman", "name of 2"), ("1884", "year")]),
        ("See the manual page of ls(1) or the version Linux-2.4.", []),
        ("The city has two harbours and 1,250 ships.", [("1,250", "0,000"), ("two", "unit")]),
        ("A bill needs two thirds of the votes.", []),
        ("More of it is said in Section 7.2, and on page 12 too.", []),
        ("It lies behind Warsaw's wall.", [("Warsaw", "name of 1")]),
        ("He wrote the Times Good University Guide 2005 himself.", [("2005", "year")]),
    ],
)
def test_whole_names_and_numbers_are_found_with_their_kinds(words: str, found: list[tuple[str, str]]) -> None:
    assert [(each.text, each.kind) for each in find_mentions(words)] == found


def test_the_lower_loss_is_the_likelier_sentence_and_the_gain_is_paired() -> None:
    pairs = [FactPair(f"t{n}", f"f{n}", "a", "b", str(n), "en") for n in range(20)]
    base = [(2.0, 1.0) if n % 2 else (1.0, 2.0) for n in range(20)]
    better = [(1.0, 2.0) if n < 19 else (2.0, 1.0) for n in range(20)]
    found = compare_facts(pairs, {"base": base, "tuned": better}, 0)
    assert (found.shares["base"].value, found.shares["tuned"].value) == (0.5, 0.95)
    assert found.gain is not None
    assert found.gain.value == pytest.approx(0.45)
    assert found.gain.differs
    assert found.margins["tuned"].value == pytest.approx(0.9)
    assert found.margin_gain is not None
    assert found.margin_gain.value == pytest.approx(0.9)


def test_a_batch_gives_the_losses_that_each_pair_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    chat, pairs = small_chat(), make_fact_pairs([document()], 5, 0)
    alone = [loss for pair in pairs for loss in sentence_losses(chat, None, [pair])]
    monkeypatch.setattr(fact_test, "ROWS", 2)
    together = sentence_losses(chat, None, pairs)
    assert [loss for pair in together for loss in pair] == pytest.approx([x for pair in alone for x in pair], abs=1e-4)


def test_base_and_adapter_are_measured_on_the_same_pairs() -> None:
    found = measure_facts(small_chat(), [document()], 6, tuned())
    assert found is not None
    assert found.losses["base"] != found.losses["tuned"]
    assert {len(each) for each in found.losses.values()} == {len(found.pairs)} == {6}
    bare = measure_facts(small_chat(), [document()], 6)
    assert bare is not None
    assert (set(bare.shares), bare.gain) == ({"base"}, None)


def test_a_stop_leaves_no_test(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measure_facts(small_chat(), [document()], 6, tuned(), should_stop=lambda: True) is None
    assert measure_facts(small_chat(), [Document("a.txt", "It rains.")], 6, tuned()) is None


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    found = measure_facts(small_chat(), [document()], 6, tuned())
    assert found is not None
    assert fact_test.read_facts(tmp_path, 0) is None
    fact_test.write_facts(found, tmp_path)
    assert fact_test.read_facts(tmp_path, 0) == found
