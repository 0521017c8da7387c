"""A further language is one file of words: it stands in the switch, and says in English what it lacks."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from playground.services.app import Services
from playground.ui.shared import i18n
from playground.ui.shared.client_scripts import LANGUAGE_COOKIE
from playground.ui.shared.format import count
from playground.ui.shared.session import language_in
from playground.ui.shared.translation import translate
from playground.ui.status_bar import StatusBar

LADIN = {
    "language.name": "Ladin",
    "number.thousands": "’",
    "tab.text": "1 · Test",
    "raised": {"sentences": {"{} is empty. Add a file with text.": "{0} é ueit."}},
}


@pytest.fixture
def third(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The code of a language that has one small file beside the page's own."""
    words = shutil.copytree(i18n.WORDS, tmp_path / "words")
    (words / "lld.json").write_text(json.dumps(LADIN), encoding="utf-8")
    monkeypatch.setattr(i18n, "WORDS", words)
    i18n.languages.cache_clear()
    i18n.i18n.cache_clear()
    yield "lld"
    monkeypatch.undo()
    i18n.languages.cache_clear()
    i18n.i18n.cache_clear()


def test_its_file_puts_it_into_the_switch(third: str) -> None:
    with gr.Blocks():
        bar = StatusBar(cast(Services, SimpleNamespace()))
    assert ("Ladin", third) in cast(Any, bar.language.choices)
    assert third in i18n.i18n().translations_dict


def test_a_visitor_may_choose_it_or_have_it_from_the_browser(third: str) -> None:
    assert language_in({LANGUAGE_COOKIE: third}, "vi-VN") == third
    assert language_in({}, "lld-IT,de;q=0.8") == third
    assert language_in({}, "de-DE") == "en"
    assert language_in({LANGUAGE_COOKIE: "xx"}, "vi-VN") == "en"


def test_it_says_what_it_has_and_the_rest_in_english(third: str) -> None:
    assert i18n.say(third, "tab.text") == "1 · Test"
    assert i18n.say(third, "time.minutes", count=3) == i18n.say("en", "time.minutes", count=3)
    assert count(third, 12_345) == "12’345"
    assert translate(third, "a{b}.txt is empty. Add a file with text.") == "a{b}.txt é ueit."
    assert translate(third, "The question is blank. Type a question.") == "The question is blank. Type a question."


def test_gradio_has_the_words_that_are_translated_for_it() -> None:
    """Its English stands in a script of its page, as `name:` beside the text."""
    scripts = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    core = next(text for each in scripts.glob("core-*.js") if "click_to_upload" in (text := each.read_text("utf-8")))
    words = json.loads((i18n.WORDS / "vi.json").read_text(encoding="utf-8"))["gradio"]
    names = {key.partition(".")[2] for key in words}
    assert sorted(name for name in names if not re.search(rf"\b{name}:`", core)) == []
