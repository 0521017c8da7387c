"""The language of a text, and the terms of an index."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from retrieval.language import MixedTerms, Terms, detect_language, language_of_part, languages_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat sat on the mat and it did not want to leave.", "en"),
        ("Việt Nam là một quốc gia nằm ở phía đông bán đảo Đông Dương.", "vi"),
        ("Le chat est sur la table et il ne veut pas descendre.", "fr"),
        ("Der Hund ist im Garten und spielt mit dem Ball.", "de"),
        ("El perro está en la casa y no quiere salir.", "es"),
        ("吾輩は猫である。名前はまだ無い。", "ja"),
        ("我们的祖国是花园", "zh"),
        ("Привет, как у тебя дела", "ru"),
        ("1 2 3 ok", "und"),
        ("", "und"),
    ],
)
def test_language_is_detected(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How many inhabitants did Warsaw have before World War Two?", "en"),
        ("Khi nào trường mở cửa?", "vi"),
        ("Combien coûte une nuit dans cet hôtel?", "fr"),
        ("Wie lange dauert die Reparatur?", "de"),
        ("¿Cuánto cuesta la entrada?", "es"),
        ("Hvornår åbner biblioteket?", "da"),
        ("Jak długo trwa naprawa roweru?", "pl"),
        ("Berapa lama masa garansi baterainya?", "id"),
        ("Скільки коштує квиток до музею?", "uk"),
    ],
)
def test_a_short_question_tells_its_language(question: str, language: str) -> None:
    assert detect_language(question) == language


def test_a_table_in_english_is_not_taken_for_polish() -> None:
    rows = [f"| AB-{1000 + row}-Z | Bolt {row} | {row}.50 | {300 - row} | Z{row} |" for row in range(40)]
    table = (
        "# Stock\n\nThe list below shows all parts.\n\n| Part | Name | Price | Left | Shelf |\n|---|---|---|---|---|\n"
    )
    assert detect_language(table + "\n".join(rows)) in ("en", "und")


@pytest.mark.parametrize(
    "text", ["Ada Lovelace", "https://example.org/a/b", "3.14 2.71 1.41", "A1 B2 C3", "QUJD" * 2_000]
)
def test_text_of_no_language_stays_unknown(text: str) -> None:
    assert detect_language(text) == "und"


def test_many_threads_share_one_detector() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(detect_language, ["Where does the river rise in spring?"] * 40)) == {"en"}


def test_terms_are_stemmed_words_and_pairs_of_characters() -> None:
    assert Terms("en")("Where are the installed packages?") == ["instal", "packag"]
    assert Terms("vi")("Các thành phố") == ["các", "thành", "phố"]
    assert Terms("zh")("祖国是 CD") == ["祖国", "国是", "cd"]
    assert Terms("en")("to be or not") == ["to", "be", "or", "not"]
    assert Terms("en")("?!") == []


ENGLISH = "The installed packages are listed in the first table, together with the day on which they were installed."
VIETNAMESE = "Các gói đã cài đặt được liệt kê trong bảng thứ nhất, cùng với ngày mà chúng được cài đặt vào máy."


def test_a_part_has_another_language_only_where_it_is_long_and_sure() -> None:
    assert language_of_part(VIETNAMESE, "en") == "vi"
    assert language_of_part(ENGLISH, "vi") == "en"
    assert language_of_part(VIETNAMESE[:40], "en") == "en"
    assert language_of_part("| AB-1 | Bolt | 3.50 | 300 | Z1 |\n" * 8, "en") == "en"


def test_a_text_has_the_languages_of_its_parts() -> None:
    assert languages_of([VIETNAMESE, ENGLISH, VIETNAMESE], "vi") == ("vi", "en")
    assert languages_of([ENGLISH] * 200 + [VIETNAMESE], "en") == ("en",)
    assert languages_of([ENGLISH, ENGLISH], "und") == ("und",)
    assert languages_of([ENGLISH, VIETNAMESE], "und") == ("und", "en", "vi")


def test_a_mixed_texts_passages_have_terms_of_each_language_and_a_question_those_of_its_own() -> None:
    terms = MixedTerms(("vi", "en"))
    assert {"install", "packages", "packag", "the"} <= set(terms("Install the packages"))
    asked = [term for word in terms.words("Which packages were installed?") for term in word.terms]
    assert asked == ["packag", "instal"]
    asked = [term for word in terms.words("Những gói nào đã được cài đặt?") for term in word.terms]
    assert asked == Terms("vi")("Những gói nào đã được cài đặt?")
    assert MixedTerms(("en",))("Install the packages") == Terms("en")("Install the packages")
