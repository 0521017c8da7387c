"""What a visitor's conversation keeps when several questions are under way at once."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from playground.chat import turns
from playground.chat.answer import Answer, Decoding
from playground.errors import UserError
from playground.evaluation.answer_warnings import SAME, answer_warning
from playground.services import conversations
from playground.services.app import Services
from playground.storage.run_folder import write_documents
from playground.storage.store import new_secret
from retrieval.chunks import Passage
from retrieval.document import Document, Pair
from retrieval.grounding import Claim, claims_with_evidence
from retrieval.search import Hit
from tests.fakes.answers import answer_of
from tests.fakes.texts import CLUB_RULES


@pytest.fixture
def services(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    def stream(visitor: str, arms: Sequence[Any], question: str, *more: Any) -> Iterator[list[Answer]]:
        yield [answer_of("", False, ahead=2)] * len(arms)
        yield [answer_of(f"{question} Yes.", True)] * len(arms)

    monkeypatch.setattr(services.answers, "stream", stream)
    return services


@pytest.fixture
def visitor(services: Services) -> str:
    return services.store.visitor(new_secret())


@dataclass
class Gate:
    """Holds up the thread that loads one visitor's conversation next, between its load and its save."""

    loaded: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def gate(services: Services, visitor: str, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate, load = Gate(), services.store.conversation

    def slow(of: str) -> dict[str, Any]:
        found = load(of)
        if of == visitor and not gate.loaded.is_set():
            gate.loaded.set()
            gate.go_on.wait(20)
        return found

    monkeypatch.setattr(services.store, "conversation", slow)
    return gate


def questions(services: Services, visitor: str) -> list[str]:
    return [turn.question for turn in services.conversations.load(visitor).get("base", [])]


def test_two_questions_at_a_time_both_stay_in_the_conversation(services: Services, visitor: str) -> None:
    first = services.conversations.ask(visitor, "One?", ["base"], Decoding(), False)
    second = services.conversations.ask(visitor, "Two?", ["base"], Decoding(), False)
    next(first)
    next(second)
    assert [turn.question for turn in list(first)[-1]["base"]] == ["One?"]
    list(second)
    assert questions(services, visitor) == ["One?", "Two?"]


def test_a_question_left_in_the_line_is_kept_as_stopped(services: Services, visitor: str) -> None:
    waiting = services.conversations.ask(visitor, "One?", ["base"], Decoding(), False)
    assert next(waiting)["base"][-1].ahead == 2
    waiting.close()
    (kept,) = services.conversations.load(visitor)["base"]
    assert (kept.ahead, kept.done, kept.stopped) == (0, True, True)


def test_a_conversation_cleared_meanwhile_keeps_only_what_came_after(services: Services, visitor: str) -> None:
    list(services.conversations.ask(visitor, "One?", ["base"], Decoding(), False))
    going = services.conversations.ask(visitor, "Two?", ["base"], Decoding(), False)
    next(going)
    services.conversations.clear(visitor)
    list(going)
    assert questions(services, visitor) == ["Two?"]


def ask(services: Services, visitor: str, question: str) -> None:
    list(services.conversations.ask(visitor, question, ["base"], Decoding(), False))


def test_clearing_waits_for_an_answer_that_is_being_saved(services: Services, visitor: str, gate: Gate) -> None:
    gate.loaded.set()
    ask(services, visitor, "One?")
    going = services.conversations.ask(visitor, "Two?", ["base"], Decoding(), False)
    next(going)
    gate.loaded.clear()
    with ThreadPoolExecutor(2) as pool:
        answered = pool.submit(list, going)
        gate.loaded.wait(20)  # the answer has loaded the conversation and is about to save it
        changed = pool.submit(services.conversations.clear, visitor)
        time.sleep(0.3)
        assert not changed.done(), "it waits for the answer that is being saved"
        gate.go_on.set()
        answered.result(20)
        changed.result(20)
    assert questions(services, visitor) == []


def test_an_answer_waits_for_another_that_is_being_saved(services: Services, visitor: str, gate: Gate) -> None:
    gate.loaded.set()
    first, second = (
        services.conversations.ask(visitor, question, ["base"], Decoding(), False) for question in ("One?", "Two?")
    )
    next(first)
    next(second)
    gate.loaded.clear()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(list, first)
        gate.loaded.wait(20)
        two = pool.submit(list, second)
        time.sleep(0.3)
        gate.go_on.set()
        one.result(20)
        two.result(20)
    assert questions(services, visitor) == ["One?", "Two?"]


def test_one_visitor_does_not_wait_for_another_s_conversation(services: Services, visitor: str, gate: Gate) -> None:
    stranger = services.store.visitor(new_secret())
    gate.loaded.set()
    ask(services, visitor, "One?")
    gate.loaded.clear()
    with ThreadPoolExecutor(2) as pool:
        shown = pool.submit(services.conversations.shown, visitor)
        gate.loaded.wait(20)
        pool.submit(ask, services, stranger, "Mine?").result(10)
        assert questions(services, stranger) == ["Mine?"]
        assert not shown.done()
        gate.go_on.set()


def test_a_question_asked_again_takes_the_place_of_its_answer_once_there_is_a_new_one(
    services: Services, visitor: str
) -> None:
    ask(services, visitor, "One?")
    ask(services, visitor, "Two?")
    assert services.conversations.last_question(visitor, ["rag", "base"]) == "Two?"
    going = services.conversations.ask(visitor, "Two?", ["base"], Decoding(), False, again=True)
    assert [turn.question for turn in next(going)["base"]] == ["One?", "Two?"]
    assert [turn.done for turn in services.conversations.shown(visitor)["base"]] == [True, False]
    assert [turn.done for turn in services.conversations.load(visitor)["base"]] == [True, True]
    list(going)
    assert questions(services, visitor) == ["One?", "Two?"]
    ask(services, visitor, "Two?")
    assert questions(services, visitor) == ["One?", "Two?", "Two?"], "asked anew"


def test_no_question_can_be_asked_again_before_there_is_one(services: Services, visitor: str) -> None:
    with pytest.raises(UserError, match="no question to ask again yet"):
        services.conversations.last_question(visitor, ["base"])


def test_an_answer_whose_visitor_starts_over_is_shown_no_further_and_not_kept(services: Services) -> None:
    secret = new_secret()
    visitor = services.store.visitor(secret)
    going = services.conversations.ask(visitor, "Two?", ["base"], Decoding(), False)
    next(going)
    services.visitors.forget(visitor)
    assert list(going) == []
    assert questions(services, services.store.visitor(secret)) == []


def test_a_question_that_waits_for_its_adapter_while_its_visitor_starts_over_is_not_kept(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = new_secret()
    visitor = services.store.visitor(secret)
    stream = services.answers.stream

    def start_over_first(*asked: Any) -> Iterator[list[Answer]]:
        services.visitors.forget(visitor)
        yield from stream(*asked)

    monkeypatch.setattr(services.answers, "stream", start_over_first)
    frames = services.conversations.ask(visitor, "Two?", ["base"], Decoding(max_new_tokens=3), False)
    assert list(frames) == []
    assert questions(services, services.store.visitor(secret)) == []


def test_the_claims_of_a_finished_answer_are_looked_for_once(
    services: Services, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passage = Passage("The lamp is red.", "lamp.txt", "", "", 0, 16, 5)
    done = replace(answer_of("The lamp is red.", True), passages=(Hit(passage, 1.0, 1.0, 1.0, 1.0),))
    checked: list[str] = []

    def stream(*_: Any) -> Iterator[list[Answer]]:
        yield [replace(done, text="The", done=False)]
        for _ in range(5):
            yield [done]

    def find(text: str, *more: Any) -> list[Claim]:
        checked.append(text)
        return claims_with_evidence(text, *more)

    monkeypatch.setattr(services.answers, "stream", stream)
    monkeypatch.setattr(turns, "claims_with_evidence", find)
    frames = list(services.conversations.ask(visitor, "Is it red?", ["base"], Decoding(), False))
    assert checked == ["The lamp is red."]
    assert [len(each["base"][-1].claims) for each in frames] == [0, 1, 1, 1, 1, 1]


def test_every_arm_gets_the_words_that_a_follow_up_leaves_out_and_a_searching_pane_says_so(
    services: Services, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[tuple[str, ...]] = []

    def stream(visitor: str, arms: Sequence[Any], *more: Any) -> Iterator[list[Answer]]:
        searched.append(tuple(more[-1]))
        yield [answer_of("The packages are listed.", True)] * len(arms)

    services.library.add_text(visitor, "Debian packages are installed with apt.", "a")
    monkeypatch.setattr(services.answers, "stream", stream)
    for question, arms in (("How do I install packages?", ["base"]), ("And how do I remove one?", ["base", "rag"])):
        *_, last = services.conversations.ask(visitor, question, arms, Decoding(), False)
    assert searched == [(), ("install", "packages")]
    assert list(last["rag"][-1].left_out) == ["install", "packages"]
    assert list(last["base"][-1].left_out) == []
    assert list(services.conversations.load(visitor)["rag"][-1].left_out) == ["install", "packages"]


def test_a_pane_that_answers_two_questions_alike_is_marked_once_its_answer_is_whole(
    services: Services, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def stream(*_: Any) -> Iterator[list[Answer]]:
        for done in (False, True, True):
            yield [answer_of("The tool is apt itself.", done)]

    def warn(question: str, *more: Any) -> str:
        looked.append(question)
        return answer_warning(question, *more)

    monkeypatch.setattr(services.answers, "stream", stream)
    monkeypatch.setattr(conversations, "answer_warning", warn)
    ask(services, visitor, "What is a package?")
    frames = list(services.conversations.ask(visitor, "Why is the archive signed?", ["base"], Decoding(), False))
    assert [each["base"][-1].warning for each in frames] == ["", SAME, SAME]
    assert [each.warning for each in services.conversations.load(visitor)["base"]] == ["", SAME]
    assert looked == ["What is a package?", "Why is the archive signed?"]


def test_a_stopped_answer_is_not_called_short(
    services: Services, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = replace(answer_of("apt", True), stopped=True)
    monkeypatch.setattr(services.answers, "stream", lambda *_: iter([[stopped]]))
    ask(services, visitor, "How do I install a package?")
    assert services.conversations.load(visitor)["base"][-1].warning == ""


@pytest.mark.parametrize(
    ("answers", "prose", "short"),
    [
        (["yes", "no", "A whole sentence as it should be."], "", True),
        (["yes"], "Some prose.", False),
        ([], "Prose.", False),
    ],
)
def test_a_run_that_learnt_only_short_pairs_is_known(
    services: Services, visitor: str, answers: list[str], prose: str, short: bool
) -> None:
    pairs = tuple(Pair(f"Question {n}?", answer, n, n + 1) for n, answer in enumerate(answers))
    documents = [Document("pairs.csv", "", pairs=pairs)] if pairs else []
    documents += [Document("prose.txt", prose)] if prose else []
    run = services.store.runs.add_imported(
        visitor, "train", "mine", "lora", {}, lambda folder: write_documents(folder, documents)
    )
    assert services.runs.learnt_short_answers(visitor, run.id) is short


def test_what_is_shown_has_the_turns_that_are_being_written_and_the_store_does_not(
    services: Services, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(visitor: str, arms: Sequence[Any], question: str, *more: Any) -> Iterator[list[Answer]]:
        yield [answer_of("At noon.", True), answer_of("At", False)]
        yield [answer_of("At noon.", True), answer_of("At one.", True)]

    ask(services, visitor, "Who?")
    services.library.add_text(visitor, CLUB_RULES)
    monkeypatch.setattr(services.answers, "stream", stream)
    going = services.conversations.ask(visitor, "When?", ["base", "few_shot"], Decoding(), False)
    next(going)
    shown = services.conversations.shown(visitor)
    assert {arm: [turn.answer for turn in turns] for arm, turns in shown.items()} == {
        "base": ["Who? Yes.", "At noon."], "few_shot": ["At"],
    }  # fmt: skip
    assert questions(services, visitor) == ["Who?"]
    list(going)
    assert services.conversations.shown(visitor) == services.conversations.load(visitor)
