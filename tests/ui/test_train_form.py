"""The Fine-tune form, without a browser: what to teach, what would be read of the text, what to be warned of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import new_secret
from playground.training.config import MIX_KNOBS, MIXES, mix_values
from playground.ui.train.mix_choice import NAMES
from playground.ui.train.tab import TrainTab
from retrieval.document import Document, Pair
from tests.fakes.page import event_handler, page_request
from tests.fakes.texts import CLUB_RULES


def pairs_file(answer: str) -> Document:
    lines = [f"What is thing {n}?\n{answer} {n}." for n in range(40)]
    text = "\n\n".join(lines)
    starts = [text.index(line) for line in lines]
    pairs = [Pair(*line.split("\n"), start, start + len(line)) for line, start in zip(lines, starts, strict=True)]
    return Document("pairs.jsonl", text, pairs=tuple(pairs))


class Form:
    """The tab, a visitor who meets it, and their text."""

    def __init__(self, page: gr.Blocks, tab: TrainTab, document: Document, language: str = "en") -> None:
        secret = new_secret()
        self.page, self.tab, self.request = page, tab, page_request(secret, **{"accept-language": language})
        self.id = tab.services.store.visitor(secret)
        size = len(document.text)
        tab.services.store.add_document(self.id, document.name, document.to_dict(), size, size)

    def look(self, **run: Any) -> dict[str, Any]:
        """What the form shows beside its knobs, by name, with these settings of the run."""
        values = [each.value for each in self.tab.controls.flat]
        for name, value in {"window": 256, **run}.items():
            values[self.tab.controls.flat.index(self.tab.controls.for_run[name])] = value
        parts = ("estimate", "warning", "reading")
        return dict(
            zip(parts, self.handler(self.tab.reading)(self.request, "seen", "lora", "quick", *values), strict=True)
        )

    def handler(self, output: Any) -> Callable[..., Any]:
        """What the page calls to fill a part of the form."""
        return next(each.fn for each in self.page.fns.values() if output in each.outputs and each.fn)


@pytest.fixture(scope="module")
def built(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[gr.Blocks, TrainTab]:
    services = Services(Settings(data=tmp_path_factory.mktemp("data"), chat_model=str(tiny_model_folder)))
    with gr.Blocks() as page, gr.Tab() as opening:
        tab = TrainTab(services, opening)
    return page, tab


def test_a_choice_sets_the_knobs_of_the_mix_and_a_knob_unmakes_the_choice(built: tuple[gr.Blocks, TrainTab]) -> None:
    page, tab = built
    assert sorted(NAMES) == sorted(MIX_KNOBS)
    choose = event_handler(page, tab.mix.choice, "input")
    match = event_handler(page, tab.mix.knobs[0], "input")
    for mix in MIXES:
        values = [update["value"] for update in choose(mix)]
        assert dict(zip(NAMES, values, strict=True)) == mix_values(mix)
        assert match(*values) == mix
    assert match(*[mix_values("sentences")[name] if name != "pairs_share" else 0.77 for name in NAMES]) is None


def test_a_text_of_pairs_chooses_its_mix_once_and_a_text_goes_back(built: tuple[gr.Blocks, TrainTab]) -> None:
    pairs, text = Form(*built, pairs_file("It is a thing numbered")), Form(*built, Document("a.txt", CLUB_RULES))
    suggested, choice, *knobs = built[1].mix.refresh(pairs.id, "sentences")
    assert (suggested, choice) == ("pairs", "pairs")
    assert [each["value"] for each in knobs] == [mix_values("pairs")[name] for name in NAMES]
    assert all(each == gr.skip() for each in built[1].mix.refresh(pairs.id, "pairs"))
    assert built[1].mix.refresh(text.id, "pairs")[0] == "sentences"


def test_the_form_shows_what_the_run_would_read(built: tuple[gr.Blocks, TrainTab]) -> None:
    shown = Form(*built, Document("a.txt", CLUB_RULES)).look(steps=500)
    assert shown["reading"]["visible"]
    assert "The text as answers" in shown["reading"]["value"]
    assert "<details>" not in shown["reading"]["value"]
    assert not shown["warning"]["visible"]


def test_a_text_that_the_time_does_not_reach_for_is_named_by_its_part(built: tuple[gr.Blocks, TrainTab]) -> None:
    text = "\n\n".join(f"# Part {n}\n\nRule {n} of the house is that door {n} is closed at night." for n in range(200))
    form = Form(*built, Document("a.md", text), "vi")
    shown = form.look(steps=4, batch_tokens=512)
    assert "mục" in shown["reading"]["value"]
    assert "<details>" in shown["reading"]["value"]
    other = Form(*built, Document("a.md", text)).look(steps=4, batch_tokens=512, text_tokens=3_000)
    assert "As set above, the model reads only" in other["reading"]["value"]


@pytest.mark.parametrize(("answer", "language", "words"), [("Yes", "en", "fewer than 4 words"), ("Có", "vi", "4 từ")])
def test_a_file_of_one_word_answers_is_warned_of(
    built: tuple[gr.Blocks, TrainTab], answer: str, language: str, words: str
) -> None:
    shown = Form(*built, pairs_file(answer), language).look(steps=4)
    assert shown["warning"]["visible"]
    assert words in shown["warning"]["value"]
    assert "pairs.jsonl" in shown["warning"]["value"]
