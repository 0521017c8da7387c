"""Prepared examples: whoever takes one finds its adapters and exam, can change none, and an adapter of theirs wins."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.chat.answer import Decoding
from playground.data import examples as texts
from playground.data.examples import examples
from playground.errors import UserError
from playground.jobs import processes
from playground.jobs.queue import Snapshot
from playground.jobs.worker import NO_ROOM
from playground.services import preparing
from playground.services.app import Services
from playground.services.preparing import pieces_of
from playground.settings import Settings
from playground.storage.run_folder import EVENTS
from playground.storage.store import new_secret
from tests.fakes.exams import brief
from tests.fakes.prepared import prepare, train
from tests.fakes.runs import config
from tests.fakes.texts import CLUB_RULES


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of the one example there is: a short text."""
    (tmp_path / "club.txt").write_text(CLUB_RULES)
    (tmp_path / "other.txt").write_text(f"{CLUB_RULES} The other club has no rules.")
    about = {"language": "en", "questions": ["What does rule 3 say?"]}
    (tmp_path / "about.json").write_text(json.dumps({"club.txt": about, "other.txt": about}))
    monkeypatch.setattr(texts, "TEXTS", tmp_path)
    monkeypatch.setattr(texts, "ABOUT", tmp_path / "about.json")
    examples.cache_clear()
    yield "club"
    examples.cache_clear()


@pytest.fixture
def services(settings: Settings, long_window_folder: Path) -> Services:
    return Services(replace(settings, chat_model=str(long_window_folder)))


@pytest.fixture
def guest(services: Services) -> str:
    """A visitor without a text."""
    return services.store.visitor(new_secret())


def test_every_example_has_a_licence_a_language_and_three_questions() -> None:
    assert examples()
    for each in examples().values():
        assert each.path.with_name(f"{each.path.name}.license").is_file()
        assert each.language in ("en", "vi")
        assert len(set(each.questions)) == 3


def test_a_guest_finds_what_was_prepared_and_asks_it(services: Services, guest: str, short: str) -> None:
    owner = prepare(services, short, ("lora", "vera"))
    assert not services.prepared.give(guest, short)
    assert services.indexes.ready(guest), "the prepared index, without building one"
    assert list(services.store.index_folder(guest).glob("*")) == []
    vera, lora = services.runs.with_adapter(guest)
    assert (vera.method, lora.method, lora.visitor) == ("vera", "lora", owner)
    frames = list(
        services.conversations.ask(
            guest, "What does rule 3 say?", [f"both:{lora.id}"], Decoding(max_new_tokens=3), True
        )
    )
    assert frames[-1][f"both:{lora.id}"][-1].done
    other = services.store.visitor(new_secret())
    assert services.conversations.load(other) == {}
    assert services.runs.with_adapter(other) == [], "whoever has another text is not offered it"
    out = services.settings.data / "export"
    out.mkdir()
    services.runs.export(guest, lora.id, "native", out)
    assert list(out.glob("*.safetensors"))


def test_a_guest_can_neither_rename_nor_delete_it(services: Services, guest: str, short: str) -> None:
    prepare(services, short)
    services.prepared.give(guest, short)
    (run,) = services.runs.with_adapter(guest)
    for change in (lambda: services.runs.rename(guest, run.id, "mine"), lambda: services.runs.delete(guest, run.id)):
        with pytest.raises(UserError, match="prepared by this host"):
            change()
    assert services.runs.with_adapter(guest) == [run]


def test_an_adapter_of_their_own_takes_its_place(services: Services, guest: str, short: str) -> None:
    prepare(services, short)
    services.prepared.give(guest, short)
    own = train(services, guest)
    assert services.runs.with_adapter(guest) == [own]
    services.prepared.give(guest, "other")
    assert services.runs.with_adapter(guest) == [own]
    services.library.remove(guest, services.library.rows(guest)[0].id)


def test_a_prepared_adapter_that_is_listed_no_more_can_still_be_voted_on(
    services: Services, guest: str, short: str
) -> None:
    prepare(services, short)
    services.prepared.give(guest, short)
    (run,) = services.runs.with_adapter(guest)
    train(services, guest)
    arms = ["base", f"tuned:{run.id}"]
    *_, ballot = services.votes.ask(guest, "What does rule 3 say?", arms, Decoding(max_new_tokens=2))
    assert ballot
    assert {ballot.left_arm, ballot.right_arm} == set(arms)


def test_what_pauses_on_a_full_disk_waits_for_room(
    services: Services, short: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "LOOK_SECONDS", 0.01)
    made = Services(replace(services.settings, prepare="lora"))
    owner = made.preparing.offer_known()[short]
    made.library.add_example(owner, short)
    run = made.runs.start(owner, config(), "LoRA")
    made.store.runs.claim_next()
    made.store.runs.transition(owner, run, ["running"], "stopped", NO_ROOM)
    closing, looks, snapshot = threading.Event(), [0], made.jobs.snapshot

    def look(*of: str) -> Snapshot:
        looks[0] += 1
        if looks[0] == 5:
            closing.set()
        return snapshot(*of)

    monkeypatch.setattr(made.jobs, "snapshot", look)
    made.preparing.work(closing)
    assert (made.store.runs.get(owner, run).state, made.store.runs.get(owner, run).error) == ("stopped", NO_ROOM)


def test_an_example_takes_the_place_of_another_but_not_of_a_visitors_text(
    services: Services, guest: str, short: str
) -> None:
    prepare(services, short)
    names = lambda: [row.name for row in services.library.rows(guest)]  # noqa: E731
    assert not services.prepared.give(guest, short)
    assert not services.prepared.give(guest, short)
    assert names() == ["club.txt"]
    assert services.prepared.give(guest, "other")
    assert names() == ["other.txt"]
    services.library.add_text(guest, "The bakery is in Rose Street.", "mine")
    assert not services.prepared.give(guest, short)
    assert sorted(names()) == ["club.txt", "mine.txt", "other.txt"]
    assert services.runs.with_adapter(guest), "the prepared adapter knows that part of the text"


def test_what_a_guest_asks_leaves_nothing_with_the_owner(services: Services, guest: str, short: str) -> None:
    owner = prepare(services, short)
    services.prepared.give(guest, short)
    services.library.add_text(guest, "The password is marzipan-4711.", "secret")
    services.indexes.index(guest)
    (run,) = services.runs.with_adapter(guest)
    arms = ["rag", f"tuned:{run.id}"]
    list(services.conversations.ask(guest, "What is marzipan-4711?", arms, Decoding(max_new_tokens=2), True))
    assert services.store.conversation(owner) == {}
    kept = [path for path in (services.settings.data / "visitors" / owner).rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"marzipan" in path.read_bytes()]


@pytest.mark.parametrize(("prepare_", "pieces"), [("none", []), ("lora exam", ["lora", "exam"])])
def test_the_setting_chooses_what_is_prepared(settings: Settings, prepare_: str, pieces: list[str]) -> None:
    assert pieces_of(replace(settings, prepare=prepare_)) == pieces


def test_an_unknown_word_of_the_setting_is_named(settings: Settings) -> None:
    with pytest.raises(UserError, match="'lorra'.*none"):
        pieces_of(replace(settings, prepare="lorra"))


def test_where_nothing_is_prepared_an_example_is_only_its_text(services: Services, guest: str, short: str) -> None:
    services.preparing.work(threading.Event())
    assert services.store.prepared.owners() == {}
    assert services.preparing.state(short) == "text"
    services.prepared.give(guest, short)
    assert services.runs.with_adapter(guest) == []


def test_a_run_that_fails_is_told_in_the_log(
    settings: Settings,
    long_window_folder: Path,
    short: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    services = Services(replace(settings, chat_model=str(long_window_folder), prepare="lora"))
    start = services.runs.start

    def fail(*of: Any) -> str:
        run = start(*of)
        claimed = services.store.runs.claim_next()
        assert claimed
        (claimed.folder / EVENTS).write_text(json.dumps({"event": "failed", "error": "The disk is full."}) + "\n")
        services.supervisor.record_ending(claimed, 1)
        return run

    monkeypatch.setattr(services.runs, "start", fail)
    services.preparing.work(threading.Event())
    assert "The disk is full." in caplog.text
    assert services.preparing.state(short) == "preparing"


@pytest.mark.slow
def test_all_of_an_example_is_prepared_once(
    settings: Settings, long_window_folder: Path, short: str, monkeypatch: pytest.MonkeyPatch, forked_workers: None
) -> None:
    monkeypatch.setattr(processes, "LOWEST", 0)  # beside other tests it would hardly get a core
    monkeypatch.setattr(preparing, "QUESTIONS", 4)
    monkeypatch.setattr(preparing, "STEPS", 4)
    monkeypatch.setattr(preparing, "LOOK_SECONDS", 0.1)
    services = Services(replace(settings, chat_model=str(long_window_folder), prepare="lora exam"))
    monkeypatch.setattr(services.exams, "create_draft", brief(services.exams.create_draft))
    assert services.preparing.state(short) == "preparing"
    services.supervisor.start()
    closing = threading.Event()
    services.preparing.work(closing)
    assert services.prepared.done(short) == ["lora", "exam"]
    assert services.preparing.state(short) == "ready"
    guest = services.store.visitor(new_secret())
    services.prepared.give(guest, short)
    (exam,) = services.exams.listed(guest)
    assert services.exams.outcome(guest, exam.id)
    before = [row.id for owner in services.store.prepared.owners().values() for row in services.store.runs.all(owner)]
    services.preparing.work(closing)
    after = [row.id for owner in services.store.prepared.owners().values() for row in services.store.runs.all(owner)]
    assert after == before
    services.supervisor.close()
    restarted = Services(services.settings)
    restarted.preparing.offer_known()
    assert restarted.preparing.state(short) == "ready", "before any model is loaded"
