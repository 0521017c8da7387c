"""The forms that words are found by."""

import pytest

from retrieval.language import Terms
from retrieval.words import words_of


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("GH-3141", "ＧＨ－３１４１"),
        ("GH3141", "GH-3141"),
        ("rx 1042", "RX1042"),
        ("email", "e-mail"),
        ("wifi", "Wi-Fi"),
        ("U.S.", "US"),
        ("10000", "10 000"),
        ("1150", "1,150"),
        ("hòa", "hoà"),
        ("quý", "qúy"),
        ("siskin", "sis\u200bkin"),
        ("cafe\u0301", "café"),
        ("istanbul", "İSTANBUL"),
        ("οδος", "ΟΔΟΣ"),
        ("كتاب", "كِتَاب"),
        ("שלום", "שָׁלוֹם"),
        ("maxSeq".lower(), "max_seq"),
        ("version 2.1.10", "v2.1.10"),
        ("§§2", "§ 2"),
        ("80070005", "0x80070005"),
        ("oeuvre", "œuvre"),
        ("كتاب", "کتاب"),
        ("12345", "१२३४५"),
        ("011445566", "٠١١٤٤٥٥٦٦"),
        ("9783161484100", "978-3-16-148410-0"),
    ],
)
def test_two_ways_to_write_a_word_share_a_term(asked: str, written: str) -> None:
    assert set(Terms("und")(asked)) & set(Terms("und")(written))


@pytest.mark.parametrize(
    ("spaced", "joined"),
    [("32 GB", "32GB"), ("1.4 kg", "1.4kg"), ("7:30 pm", "7:30pm"), ("1,5 l", "1,5l"), ("1150 kg", "1,150kg")],
)
def test_an_amount_is_found_with_and_without_the_blank_before_its_unit(spaced: str, joined: str) -> None:
    assert set(Terms("und")(spaced)) <= set(Terms("und")(joined))


@pytest.mark.parametrize(("asked", "written"), [("10000", "10.000"), ("2000000", "2.000.000"), ("1150,50", "1.150,50")])
def test_points_between_groups_of_digits_change_no_amount(asked: str, written: str) -> None:
    assert asked in Terms("de")(written)


@pytest.mark.parametrize(
    ("asked", "written"), [("cooperation", "co-operation"), ("emails", "e-mail"), ("nodejs", "Node.js")]
)
def test_a_compound_and_its_joined_form_share_a_stem(asked: str, written: str) -> None:
    assert set(Terms("en")(asked)) & set(Terms("en")(written))


@pytest.mark.parametrize("one", ["1.1.10", "2024-05-03", "12:30", "39.30", "192.168.0.1"])
def test_a_number_with_points_is_one_term(one: str) -> None:
    assert one in Terms("en")(f"It came with {one}.")
    assert not {"1", "10", "12"} & set(Terms("en")(one))


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Who leads IT?", "IT"),
        ("IT", "IT"),
        ("The WHO says so.", "WHO"),
        ("It was made in the US.", "US"),
        ("Take vitamin A daily.", "A"),
    ],
)
def test_an_abbreviation_that_is_a_stop_word_otherwise_is_a_term(text: str, term: str) -> None:
    assert term in Terms("en")(text)


@pytest.mark.parametrize("text", ["Can it be led?", "WHO LEADS IT NOW", "A lamp. I am it.", "He gave us more."])
def test_stop_words_stay_out(text: str) -> None:
    assert not {"IT", "WHO", "A", "I", "US"} & set(Terms("en")(text))


def test_signs_that_belong_to_a_name_stay() -> None:
    assert Terms("en")("C, C++, C# or .NET") == ["c", "c++", "c#", "net", ".net"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("GH-3141の価格", ["gh", "3141", "gh3141", "の価", "価格"]),
        ("ภาษาไทย", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย"]),
        ("한국 사람", ["한국", "사람"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
    ],
)
def test_scripts_are_cut_by_their_own_rules(text: str, terms: list[str]) -> None:
    assert Terms("und")(text) == terms


def test_a_khmer_vowel_sign_stays_with_its_letter() -> None:
    assert Terms("km")("ភ្នំពេញ")[-1] == "ពេញ"


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("RX1042", True),
        ("GH-3141", True),
        ("1.1.10", True),
        ("C++", True),
        ("§ 2", True),
        ("§12a", True),
        ("4471003", True),
        ("1998", False),
        ("20th", False),
        ("12th-century", False),
        ("e-mail", False),
        ("10kg", False),
    ],
)
def test_identifiers_are_told_from_words_and_years(text: str, exact: bool) -> None:
    assert any(word.exact for word in words_of(text)) is exact


@pytest.mark.parametrize(
    ("term", "texts"),
    [
        ("2021-03-03", ["3 March 2021", "the 3rd of March, 2021", "Mar. 3, 2021", "3. März 2021", "3 de marzo de 2021",
                        "3/3/2021", "03.03.2021", "2021/03/03", "ngày 3 tháng 3 năm 2021", "2021年3月3日"]),
        ("2020-12-25", ["25/12/2020", "12/25/2020", "Dec 25th 2020"]),
        ("2021-04-03", ["03.04.2021", "03/04/2021", "04/03/2021"]),
        ("wd40", ["WD 40", "WD-40", "wd40"]),
        ("ab12cd", ["AB 12 CD", "AB-12-CD", "AB/12/CD", "AB12CD"]),
        ("de89370400440532013000", ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000"]),
        ("001b44113ab7", ["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7"]),
        ("tel 0301234567", ["030/1234567", "(030) 1234-567", "+49 30 1234567", "0049 (0)30 1234567"]),
        ("tel 5550142233", ["(555) 014-2233", "555.014.2233"]),
        ("chapter 4", ["Chapter IV", "chapter 4", "Chapter Four", "Kapitel 4", "chương IV"]),
        ("section 12", ["§ 12", "§12", "Section XII"]),
    ],
)  # fmt: skip
def test_what_is_written_in_several_ways_has_one_term(term: str, texts: list[str]) -> None:
    assert [text for text in texts if term not in [each for word in words_of(text) for each in word.terms]] == []


@pytest.mark.parametrize("text", ["31 February 2021", "part of it", "Appendix mix", "Section 3.2", "Part C", "10.000",
                                  "from 1999 to 2005", "192.168.0.17", "Monday 3, 2021"])  # fmt: skip
def test_what_is_no_such_name_has_no_further_term(text: str) -> None:
    assert not any(word.further for word in words_of(text))
