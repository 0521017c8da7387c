"""Both catalogues say all that the page asks for and nothing else. Reads the page's source; opens no page."""

import ast
import json
import re
import string
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.data.examples import examples
from playground.ui.shared import i18n

UI = Path(i18n.__file__).parents[1]
WORDS = UI / "shared" / "words"
LANGUAGES = sorted(i18n.languages())


def own_words(language: str) -> dict[str, str]:
    """The page's words in a file, without the groups of other words."""
    content = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    return {key: text for key, text in content.items() if isinstance(text, str)}


ENGLISH, VIETNAMESE = own_words("en"), own_words("vi")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def source() -> Iterator[ast.AST]:
    for path in sorted(UI.rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def calls() -> Iterator[tuple[ast.Call, str, ast.expr]]:
    """Every say(language, key, …) and mark(key) in the page: the call, its name, the key's expression."""
    for node in source():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "mark"):
            yield node, node.func.id, node.args[1 if node.func.id == "say" else 0]


def literal_calls() -> Iterator[tuple[ast.Call, str, str]]:
    for call, name, key in calls():
        if isinstance(key, ast.Constant):
            yield call, name, str(key.value)


def named_keys() -> set[str]:
    """Keys the page spells out: in a call, or anywhere else as a string that begins like a key."""
    sections = "|".join({key.partition(".")[0] for key in ENGLISH})
    shape = re.compile(rf"({sections})\.[a-z0-9_.]+")
    strings = {node.value for node in source() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    built = {part for _, _, key in calls() if isinstance(key, ast.JoinedStr) for part in fixed_parts(key)}
    return {key for _, _, key in literal_calls()} | {each for each in strings - built if shape.fullmatch(each)}


def fixed_parts(key: ast.JoinedStr) -> set[str]:
    return {str(each.value) for each in key.values if isinstance(each, ast.Constant)}


def built_keys() -> dict[str, set[str]]:
    """Keys the page builds with an f-string: its source, and the catalogue's keys that it can become."""
    found = {}
    for _, _, key in calls():
        if isinstance(key, ast.JoinedStr):
            parts = [re.escape(str(p.value)) if isinstance(p, ast.Constant) else "[a-z0-9_]+" for p in key.values]
            shape = re.compile("".join(parts))
            found[ast.unparse(key)] = {each for each in i18n.catalogue("en") if shape.fullmatch(each)}
    return found


def test_vietnamese_says_all_that_english_and_the_code_say_and_nothing_else() -> None:
    wanted = set(i18n.catalogue("en"))
    assert sorted(wanted - set(VIETNAMESE)) == [], "not in vi.json yet"
    assert sorted(set(VIETNAMESE) - wanted) == [], "in vi.json, but nothing says it"


def test_the_words_of_methods_and_knobs_live_in_their_code_alone() -> None:
    assert [key for key in ENGLISH if key.startswith(("method.", "knob."))] == []


def test_placeholders_and_markdown_are_the_same_in_both() -> None:
    for key, text in i18n.catalogue("en").items():
        translated = VIETNAMESE[key]
        assert placeholders(translated) == placeholders(text), key
        marks = re.compile(r"^#+ |\*\*|`|\n", re.MULTILINE)
        assert marks.findall(translated) == marks.findall(text), key


def test_vietnamese_is_written_with_composed_letters() -> None:
    assert [key for key, text in VIETNAMESE.items() if not unicodedata.is_normalized("NFC", text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_said(language: str) -> None:
    for key, text in i18n.catalogue(language).items():
        said = i18n.say(language, key, **dict.fromkeys(placeholders(text), 7))
        assert said.strip(), key
        assert "{" not in said, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unknown_key_is_a_fault_of_ours(language: str) -> None:
    with pytest.raises(KeyError, match="no.such.word"):
        i18n.say(language, "no.such.word")
    with pytest.raises(KeyError, match="no.such.word"):
        i18n.mark("no.such.word")


def test_vietnamese_visitors_read_vietnamese() -> None:
    assert i18n.say("vi", "time.minutes", count=3) == "3 phút"
    assert i18n.say("en", "time.minutes", count=3) == "3 min"


def test_every_key_the_page_names_exists() -> None:
    assert sorted(named_keys() - set(i18n.catalogue("en"))) == []
    assert [key for key, found in built_keys().items() if not found] == []


def test_every_example_has_its_words() -> None:
    wanted = {f"{part}.{name}" for name in examples() for part in ("example", "start.title", "start.about")}
    assert sorted(wanted - set(ENGLISH)) == []


def test_every_english_key_is_used() -> None:
    used = named_keys().union(*built_keys().values())
    assert sorted(set(ENGLISH) - used) == []


def test_a_sentence_gets_the_figures_it_asks_for() -> None:
    """A word that the browser fills in can have none."""
    for call, name, key in literal_calls():
        given = {each.arg for each in call.keywords} if name == "say" else set()
        assert given == placeholders(ENGLISH[key]), f"{key}, line {call.lineno}"
