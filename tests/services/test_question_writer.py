"""Questions that a model writes: what is kept of them, that a weak model is refused, and that a run learns them."""

from collections.abc import Callable, Sequence

import gradio as gr
import pytest
from transformers import PreTrainedTokenizerFast

from playground.data import dataset
from playground.data.mix import MixSettings
from playground.data.qa import synthetic
from playground.data.qa.synthetic import QuestionDraft
from playground.data.quality import cut_spans
from playground.data.sections import cut_sections
from playground.errors import UserError
from playground.inference.engine import complete
from playground.prompts import Messages
from playground.services.app import Services
from playground.services.chat_models import ChatModels
from playground.services.library import Library
from playground.services.question_writer import TRIED, QuestionWriter
from playground.services.training_text import TrainingText
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from playground.training.config import TrainSettings
from playground.ui.shared.session import COOKIE
from playground.ui.text.written_questions import WrittenView
from retrieval.document import Document, Pair
from tests.fakes.chat_model import small_chat
from tests.fakes.page import event_handler, page_request

PASSAGE = (
    "The club keeps its boats in the old\nsalt store, which the town lent it in 1931. Members may borrow a boat on any "
    "day but Sunday, when the harbour is closed to all rowing. The keeper, Martha Quill, holds the key and the log."
)
GOOD = "Question: Who holds the key of the salt store?\nAnswer: Martha Quill"


def draft(*answers: str) -> list[QuestionDraft]:
    """What becomes of these answers about as many sections that all say the same."""
    document = Document("club.txt", "\n\n".join([PASSAGE] * len(answers)))
    sections = cut_sections(document)
    reader = synthetic.DraftReader(document, [])
    return [reader.read(0, sections[0], each) for each in answers]


def test_an_answer_is_found_in_its_passage_whatever_the_line_breaks() -> None:
    (found,) = draft("Question: Where does the club keep its boats?\nAnswer: in the old salt store.")
    assert found.pair
    assert found.pair.answer == "in the old salt store"
    assert PASSAGE[found.pair.start : found.pair.end] == "in the old\nsalt store"


@pytest.mark.parametrize(
    ("said_of_it", "fault"),
    [
        ("Who holds the key? Martha Quill", "form"),
        (f"{GOOD}\nQuestion: And the log?", "form"),
        ("Question: Tell me who holds the key of the store.\nAnswer: Martha Quill", "question"),
        ("Question: Who?\nAnswer: Martha Quill", "question"),
        ("Question: Who holds the key of the salt store?\nAnswer: Martin Quill", "span"),
        ("Question: Who holds the key of the salt store?\nAnswer: Martha Qui", "span"),
        (f"Question: What does the text say of the club?\nAnswer: {PASSAGE}".replace("\nsalt", " salt"), "span"),
        ("Question: Is Martha Quill the keeper of boats?\nAnswer: Martha Quill", "given_away"),
        ("Question: Who won the football cup in Brazil?\nAnswer: Martha Quill", "elsewhere"),
    ],
)
def test_a_bad_draft_is_told_by_what_is_wrong_with_it(said_of_it: str, fault: str) -> None:
    (found,) = draft(said_of_it)
    assert (found.fault, found.pair) == (fault, None)


def test_a_question_that_nearly_repeats_another_is_dropped() -> None:
    first, second = draft(GOOD, "Question: Who is it that holds the salt store key?\nAnswer: The keeper")
    assert first.pair
    assert second.fault == "repeat"


@pytest.mark.parametrize(
    ("said_of_it", "kept"),
    [
        ("In whose hands is the key to the salt store?", True),
        ("In whose hands is the key to the salt store?\nAnswer: Martha Quill", True),
        ("Who holds the key of the salt store?", False),
        ("In whose hands is the salt store's key", False),
        ("Is it Martha Quill that has the key of the salt store?", False),
        ("Who won the football cup in Brazil?", False),
    ],
)
def test_a_good_question_is_kept_in_other_words_too(said_of_it: str, kept: bool) -> None:
    document = Document("club.txt", PASSAGE)
    (found,) = next(synthetic.write_drafts(document, [0], lambda some: [GOOD if len(some[0]) > 2 else said_of_it]))
    assert found.pair
    assert (found.paraphrase is not None) == kept
    assert {(each.answer, each.start) for each in found.pairs} == {("Martha Quill", PASSAGE.index("Martha"))}


def test_only_sections_with_enough_text_are_asked_about_each_once() -> None:
    document = Document("club.txt", f"Short.\n\n{PASSAGE}\n\n" + "\n\n".join([f"{PASSAGE * 4}"] * 5))
    asked: list[Messages] = []

    def write(some: Sequence[Messages]) -> list[str]:
        about = [each for each in some if "Passage:" in each[-1]["content"]]
        asked.extend(about)
        return [GOOD if each in about else "I cannot." for each in some]

    places = synthetic.sections_worth_asking(document)
    found = [each for some in synthetic.write_drafts(document, places, write) for each in some]
    assert [each.section for each in found] == places
    assert sorted(places) == sorted(set(places))
    assert len(asked) == len(places) > synthetic.BATCH
    assert all("salt store" in each[-1]["content"] for each in asked)


def test_a_written_pair_moves_with_what_is_left_out_before_it_and_goes_with_its_own_place() -> None:
    text = f"Write to a@b.example.\n\n{PASSAGE}"
    start = text.index("Martha")
    document = Document("a", text, questions=(Pair("Who?", "Martha Quill", start, start + 12),))
    (kept,) = cut_spans(document, [(0, 21)]).questions
    assert cut_spans(document, [(0, 21)]).text[kept.start : kept.end] == "Martha Quill"
    assert cut_spans(document, [(start - 3, start + 4)]).questions == ()


def test_written_pairs_survive_json_and_a_text_without_them_keeps_its_form() -> None:
    document = Document("a", PASSAGE, questions=(Pair("Who?", "Martha", 3, 9),))
    assert Document.from_dict(document.to_dict()) == document
    assert "written" not in Document("a", PASSAGE).to_dict()


def town(rules: int = 90) -> str:
    return "\n\n".join(
        f"Rule {n} of the harbour says that boat {n} leaves from pier {n} at {n} past noon. Its master is Captain "
        f"Brown{n}, who carries {n} barrels of salt to the town and comes home with {n} sacks of flour for the mill. "
        f"Whoever meets boat {n} gives way to it on the left, rings bell number {n} twice and waits until it is gone."
        for n in range(rules)
    )


def capable(asked: Sequence[Messages], should_stop: Callable[[], bool]) -> list[str]:
    """A model that knows the harbour's rules."""
    return [said_of(each[-1]["content"]) for each in asked]


def said_of(asked: str) -> str:
    if "other words" in asked:
        return f"Which captain commands the harbour's boat {asked.split()[-4]}?"
    number = asked.partition("Rule ")[2].split()[0]
    return f"Question: Who is the master of boat {number} of the harbour?\nAnswer: Captain Brown{number}"


def weak(asked: Sequence[Messages], should_stop: Callable[[], bool]) -> list[str]:
    return ["I do not know."] * len(asked)


@pytest.fixture
def visitor(visitor: str, library: Library) -> str:
    library.add_text(visitor, town())
    return visitor


Answer = Callable[[Sequence[Messages], Callable[[], bool]], Sequence[str]]
Begin = Callable[[Answer], QuestionWriter]


@pytest.fixture
def begin(store: Store, library: Library) -> Begin:
    return lambda complete: QuestionWriter(library, store, lambda _, *request: complete(*request))


def test_a_model_whose_drafts_mostly_fail_is_refused_with_what_was_measured(begin: Begin, visitor: str) -> None:
    writing, told = begin(weak), []
    with pytest.raises(UserError, match=f"of {TRIED} about parts of your text, 0 passed the checks, and 50% must"):
        told.extend(writing.write(visitor))
    assert writing.pairs(visitor) == []
    with pytest.raises(UserError, match="cannot write good questions"):
        list(writing.write(visitor))


def test_a_stopped_request_keeps_what_it_has_and_the_next_goes_on_from_there(begin: Begin, visitor: str) -> None:
    writing = begin(capable)
    for each in writing.write(visitor):
        if each.done >= TRIED:
            writing.stop(visitor)
            first, before = each, writing.pairs(visitor)
    assert first.done < first.total
    assert len(before) == first.kept == len(writing.pairs(visitor))
    *_, last = writing.write(visitor)
    assert last.total == first.total - first.done
    assert len(writing.pairs(visitor)) == 2 * first.total, "each question, and once more in other words"
    with pytest.raises(UserError, match="has been asked about"):
        list(writing.write(visitor))


def test_two_requests_of_one_visitor_do_not_run_at_once(begin: Begin, visitor: str) -> None:
    writing = begin(capable)
    request = writing.write(visitor)
    next(request)
    with pytest.raises(UserError, match="being written already"):
        next(writing.write(visitor))
    request.close()
    assert next(writing.write(visitor)).done == 0


def test_written_pairs_are_deleted_alone_and_with_their_document(
    begin: Begin, visitor: str, store: Store, library: Library, settings: Settings
) -> None:
    writing = begin(capable)
    list(writing.write(visitor))
    first, *others = writing.pairs(visitor)
    writing.remove(visitor, first.question)
    assert writing.pairs(visitor) == others
    (row,) = store.documents(visitor)
    with pytest.raises(UserError, match="not found among yours"):
        store.synthetic_questions(store.visitor(new_secret()), row.id)
    library.remove(visitor, row.id)
    assert writing.pairs(visitor) == []
    assert not [each for each in settings.data.rglob("*") if each.parent.name == "written"]


def test_a_run_learns_written_pairs_of_its_own_side_only_and_the_preview_shows_them(
    begin: Begin, visitor: str, store: Store, library: Library, tokenizer: PreTrainedTokenizerFast, settings: Settings
) -> None:
    text = TrainingText(library, store, ChatModels(settings, store))
    mix = TrainSettings(window=256, pairs_share=0.5)
    assert "written" not in {row.kind for row in text.preview(visitor, mix)}
    plain = dataset.data_hash(text.documents(visitor))
    list(begin(capable).write(visitor))
    documents = text.documents(visitor)
    assert dataset.data_hash(documents) != plain
    made = dataset.build_split(documents, tokenizer, MixSettings(256, mix.heldout_share, 0, 0.9))
    names = [
        {str(tokenizer.decode(each.input_ids)).split("Brown")[-1][:-10] for each in side if each.kind == "written"}
        for side in (made.train, made.heldout)
    ]
    read = [str(tokenizer.decode(each.input_ids)) for each in made.train if each.kind == "text"]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]
    assert not any(f"Brown{name}," in each for name in names[1] for each in read)
    again = dataset.build_split(
        [Document.from_dict(each.to_dict()) for each in documents], tokenizer, MixSettings(256, 0.1, 0, 0.9)
    )
    assert again.train == dataset.build_split(documents, tokenizer, MixSettings(256, 0.1, 0, 0.9)).train
    (row,) = [row for row in text.preview(visitor, mix) if row.kind == "written"]
    assert row.shown[0].pieces[-1][0].startswith("Captain Brown")


def test_what_a_model_says_in_a_batch_is_cut_short_when_it_is_stopped() -> None:
    chat = small_chat()
    asked = [[{"role": "user", "content": each}] for each in ("Who?", "Where is the salt store?")]
    whole = complete(chat, asked)
    assert whole == [complete(chat, [each])[0] for each in asked]
    assert complete(chat, asked, lambda: True) == ["", ""]


def test_the_page_refuses_a_weak_model_in_a_sentence_and_shows_what_a_capable_one_wrote(services: Services) -> None:
    with gr.Blocks() as page:
        view = WrittenView(services)
    request = page_request()
    visitor = services.store.visitor(request.cookies[COOKIE])
    assert view.refresh(request)[0]["visible"] is False, "there is no text"
    services.library.add_text(visitor, town())
    write = event_handler(page, view.write, "click")
    *_, last = write(request, 0)
    assert "cannot write good questions" in last[0]["value"]
    assert view.refresh(request)[3] == "None yet."
    assert [each["visible"] for each in view.refresh(request)[1:3]] == [True, False], "Write again, nothing to stop"
    services.question_writer = QuestionWriter(services.library, services.store, lambda _, *request: capable(*request))
    *lines, last = write(request, 0)
    assert [each["visible"] for each in lines[0][1:3]] == [False, True]
    assert lines[0][3].startswith("0 of ")
    _, _, _, state, table, _, chosen, changed = last
    kept = len(table["value"]["data"])
    assert (state, changed) == (f"Pairs kept: {kept}", 1)
    assert kept >= TRIED
    event_handler(page, view.remove, "click")(request, chosen["value"], 1)
    assert view.refresh(request)[3] == f"Pairs kept: {kept - 1}"
    assert chosen["value"] not in view.refresh(request)[6]["choices"]
