"""The page through its own HTTP interface, with the tiny model: visitors apart, limits held, errors in one sentence."""

import math
import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client

from benchmarks.journey import Visitor, drawn, free_port
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import new_secret
from playground.ui.compare.arm_choice import NONE, BasesInPlay, chosen_arms
from playground.ui.shared.client_scripts import LANGUAGE_COOKIE
from playground.ui.shared.format import escape_html
from playground.ui.shared.session import COOKIE
from playground.ui.train.run_view import loss_panels, plot_update, trend_sentence
from tests.fakes.page import served_page
from tests.fakes.texts import CLUB_RULES

CANARY = "The secret password of visitor one is marzipan-4711."
ATTACK = '<img src="http://127.0.0.1:9/x.png"><script>alert(1)</script>![](http://127.0.0.1:9/y.png)'


@pytest.fixture(scope="module")
def app(
    long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory, forked_workers: None
) -> Iterator[tuple[str, Services]]:
    """The whole page on a free port, jobs running, the tiny model resident."""
    settings = Settings(
        data=tmp_path_factory.mktemp("data"), chat_model=str(long_window_folder), port=free_port(), text_chars=50_000
    )
    services = Services(settings)
    services.supervisor.start()
    with closing(services.supervisor), served_page(services) as url:
        yield url, services


@pytest.fixture
def visitor(app: tuple[str, Services]) -> Visitor:
    return Visitor(app[0])


def told(updates: list[Any]) -> str:
    """The sentence in the notice box."""
    notice = updates[0]
    return str(notice["value"] if isinstance(notice, dict) else notice)


def test_the_page_makes_the_secret_and_keeps_it_from_scripts(app: tuple[str, Services]) -> None:
    answer = httpx.get(app[0])
    cookie = answer.headers["set-cookie"]
    assert re.match(rf"{COOKIE}=[\w-]{{43}}; HttpOnly", cookie)
    again = httpx.get(app[0], headers={"Cookie": cookie.partition(";")[0]})
    assert again.headers["set-cookie"].partition(";")[0] == cookie.partition(";")[0]


def test_without_the_cookie_nothing_is_done(app: tuple[str, Services]) -> None:
    client = Client(app[0], verbose=False)
    assert "cookie" in told(client.predict(CLUB_RULES, api_name="/paste_text")[1:])


def test_a_text_is_read_and_indexed_and_the_figures_agree(visitor: Visitor) -> None:
    updates = visitor.add_text(CLUB_RULES)
    assert told(updates) == ""
    lines = [each for each in updates if isinstance(each, str) and "vectors" in each]
    files, characters, passages, vectors = re.findall(r"[\d,]+", lines[0])[:4]
    assert (files, characters) == ("1", f"{len(CLUB_RULES):,}")
    assert passages == vectors


def test_one_visitor_never_meets_the_text_of_another(app: tuple[str, Services]) -> None:
    first, second = Visitor(app[0]), Visitor(app[0])
    first.add_text(f"{CLUB_RULES}\n\n{CANARY}")
    second.add_text(CLUB_RULES)
    question = "What is the secret password of visitor one?"
    asked = list(second.ask(question, ["rag"]))
    assert "marzipan" in str(list(first.ask(question, ["rag"]))[-1])
    assert "marzipan" not in str(asked)
    assert "marzipan" not in str(second.client.predict(api_name="/text"))


def test_whatever_a_run_left_is_listed_and_answers(app: tuple[str, Services]) -> None:
    visitor = Visitor(app[0])
    visitor.add_text(CLUB_RULES)
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    for method in ("dora", "full", "adalora"):
        config, _ = services.runs.plan(id_, method, "quick", {}, {"steps": 3})
        services.runs.start(id_, config, method)
        assert _wait_for(visitor, "Done:")
    arms = [each for each in visitor.arms() if each.startswith("tuned:")]
    said = list(visitor.ask("What does rule 3 say?", ["base", *arms]))[-1]
    assert told(said) == ""
    assert len(arms) == 3
    hashes = {services.adapters.get(id_, arm.partition(":")[2]).hash for arm in arms}
    assert len(hashes) == 3
    assert all(each in str(said) for each in hashes)
    listed = str(visitor.client.predict(api_name="/runs"))
    assert all(name in listed for name in ("DoRA", "Full fine-tuning", "AdaLoRA"))
    kept = [run.folder for run in services.store.runs.all(id_) if (run.folder / "checkpoint").exists()]
    assert kept == []


def test_each_pane_shows_what_exactly_was_sent_to_it_as_plain_text(visitor: Visitor) -> None:
    visitor.add_text(f"{ATTACK}\n\n{CLUB_RULES}")
    visitor.arms()
    asked = list(visitor.ask(f"What does rule 3 say? {ATTACK}", ["base", "rag"]))[-1]
    sent = [each for each in asked if isinstance(each, str) and each.startswith("<|im_start|>system")]
    assert len(sent) == 2
    assert all(each.count(f"What does rule 3 say? {ATTACK}<|im_end|>") == 1 for each in sent)
    assert ("[1] " in sent[0], "[1] " in sent[1]) == (False, True)


def test_a_text_without_pairs_says_so_to_whoever_asks_for_few_shot(visitor: Visitor) -> None:
    visitor.add_text(CLUB_RULES)
    visitor.arms()
    assert "pairs" in told(list(visitor.ask("Why?", ["base", "few_shot"]))[-1])


def test_a_run_of_another_visitor_cannot_be_asked(app: tuple[str, Services]) -> None:
    first, second = Visitor(app[0]), Visitor(app[0])
    first.add_text(CLUB_RULES)
    first.train("mine")
    assert _wait_for(first, "Done:")
    run = next(arm for arm in first.arms() if arm.startswith("tuned:")).partition(":")[2]
    first_answer = list(first.ask("What does rule 3 say?", [f"tuned:{run}"]))[-1]
    assert told(first_answer) == ""
    services = app[1]
    stranger = services.store.visitor(second.secret)
    with pytest.raises(ValueError, match="not found"):
        services.adapters.get(stranger, run)


def test_an_export_is_downloaded_brought_back_and_compared(app: tuple[str, Services], tmp_path: Path) -> None:
    first, second = Visitor(app[0]), Visitor(app[0])
    first.add_text(CLUB_RULES)
    services, id_ = app[1], app[1].store.visitor(first.secret)
    config, _ = services.runs.plan(id_, "dora", "quick", {}, {"steps": 2})
    run = services.runs.start(id_, config, "my <b>DoRA</b>")
    assert _wait_for(first, "Done:")
    notice, file = first.export(run, "native")
    assert notice["visible"] is False, notice
    packed = Path(file["value"] if isinstance(file, dict) else file)
    assert packed.name == "my-b-DoRA-b-native.zip"
    assert told(second.bring(packed, name="borrowed")) == "borrowed has been imported; you can compare it in tab 3."
    (brought,) = services.store.runs.all(services.store.visitor(second.secret))
    assert (brought.method, brought.state) == ("dora", "done")
    assert "Imported" in second.run_line()
    assert f"tuned:{brought.id}" in second.arms()
    answers = [
        list(each.ask("What does rule 3 say?", [f"tuned:{id_}"]))[-1]
        for each, id_ in ((first, first.arms() and run), (second, brought.id))
    ]
    said = [next(each["value"] for each in updates if "role" in str(each)) for updates in answers]
    assert said[0] == said[1]


def test_the_files_of_an_upload_are_not_kept_where_an_address_could_reach_them(
    app: tuple[str, Services], visitor: Visitor, tmp_path: Path
) -> None:
    name = f"adapter_model_{tmp_path.name}.bin"
    (tmp_path / name).write_bytes(b"no pickle is read")
    visitor.arms()
    assert "pickle" in told(visitor.bring(tmp_path / name))
    assert list(app[1].exchange.folder.rglob(name)) == []


def test_a_blind_question_tells_nothing_before_the_vote(app: tuple[str, Services]) -> None:
    visitor = Visitor(app[0])
    visitor.add_text(CLUB_RULES)
    updates = visitor.ask_blind("What does rule 3 say?", "base", "rag")
    assert told(updates[-1]) == ""
    ballot = app[1].votes.waiting(app[1].store.visitor(visitor.secret))
    assert ballot
    shown = str(updates)
    hidden = ["rag", "Base model", "retrieval", "tokens/s", *(str(each["prompt_hash"]) for each in ballot.stamps)]
    assert [word for word in hidden if word in shown] == []
    left, right = (str(each) for each in updates[-1][2:4])
    assert "so this vote was not counted" in told(visitor.vote("tie", left, "of an older question"))
    revealed = str(visitor.vote("tie", left, right))
    assert "Base model" in revealed
    assert "Base + retrieval" in revealed
    assert "too early" in revealed
    assert "nothing to vote on" in told(visitor.vote("tie", left, right))
    files = [
        each["value"] if isinstance(each, dict) else each for each in visitor.client.predict(api_name="/votes")[1:]
    ]
    assert [Path(each).name for each in files] == ["votes.csv", "votes.jsonl"]
    assert "What does rule 3 say?" in Path(files[1]).read_text()


def test_all_visitors_standings_are_shown_only_where_the_host_says_so(app: tuple[str, Services]) -> None:
    assert not app[1].settings.share_votes
    listed = httpx.get(f"{app[0]}/gradio_api/info", params={"all_endpoints": True}).json()
    assert "everyone" not in str(listed["named_endpoints"]["/vote_tie"])


def test_a_loaded_adapter_was_tested_and_its_pane_says_so(app: tuple[str, Services]) -> None:
    visitor = Visitor(app[0])
    visitor.add_text(CLUB_RULES)
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    config, _ = services.runs.plan(id_, "lora", "quick", {}, {"steps": 2})
    run = services.runs.start(id_, config, "mine")
    assert _wait_for(visitor, "Done:")
    visitor.arms()
    said = list(visitor.ask("What does rule 3 say?", ["base", f"tuned:{run}"]))[-1]
    proofs = [each["self_test"] for each in said if isinstance(each, dict) and "self_test" in each]
    assert [each["passed"] for each in proofs] == [True, True]
    assert {check["arm"] for check in proofs[1]["checks"]} == {"base", services.adapters.get(id_, run).hash}
    notice, found, checks = visitor.client.predict(api_name="/self_test")
    assert "Passed: all 8 comparisons" in str(found)
    assert "Fine-tuned · mine: " in str(found)


def test_a_run_of_another_visitor_cannot_be_exported(app: tuple[str, Services], tmp_path: Path) -> None:
    services = app[1]
    first, second = (services.store.visitor(Visitor(app[0]).secret) for _ in range(2))
    run = services.store.runs.add_imported(first, "train", "mine", "lora", {}, lambda folder: None).id
    with pytest.raises(ValueError, match="not found among yours"):
        services.runs.export(second, run, "native", tmp_path)
    with pytest.raises(ValueError, match="left no adapter"):
        services.runs.export(first, run, "native", tmp_path)


def test_a_second_visitor_is_answered_while_the_first_one_trains(app: tuple[str, Services]) -> None:
    first, second = Visitor(app[0]), Visitor(app[0])
    first.add_text(CLUB_RULES)
    services, id_ = app[1], app[1].store.visitor(first.secret)
    long, _ = services.runs.plan(id_, "lora", "quick", {}, {"steps": 2_000})
    services.runs.start(id_, long, "busy")
    said = list(second.ask("Who are you?", ["base"]))[-1]
    active = services.jobs.active_run(id_)
    assert told(said) == ""
    assert "Who are you?" in str(said)
    assert active is not None
    services.jobs.stop(active.visitor, active.id)


def test_an_upload_leaves_nothing_in_the_cache_that_an_address_could_reach(
    app: tuple[str, Services], visitor: Visitor, tmp_path: Path
) -> None:
    name = f"canary-{tmp_path.name}.txt"
    (tmp_path / name).write_text(CLUB_RULES)
    assert told(visitor.add(tmp_path / name)) == ""
    assert list(app[1].exchange.folder.rglob(name)) == []


def test_a_cookie_that_is_not_ours_is_replaced(app: tuple[str, Services]) -> None:
    answer = httpx.get(app[0], headers={"Cookie": f"{COOKIE}=short"})
    assert re.match(rf"{COOKIE}=[\w-]{{43}}; HttpOnly", answer.headers["set-cookie"])


def test_starting_over_deletes_everything(app: tuple[str, Services], visitor: Visitor) -> None:
    visitor.add_text(CLUB_RULES)
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    services.visitors.forget(id_)
    assert services.store.documents(services.store.visitor(visitor.secret)) == []
    assert visitor.draw("visit")[1] == "none yet"


def test_a_second_press_on_start_is_the_same_run(app: tuple[str, Services], visitor: Visitor) -> None:
    visitor.add_text(CLUB_RULES)
    assert told(visitor.train("one")) == ""
    visitor.train("two")
    runs = app[1].store.runs.all(app[1].store.visitor(visitor.secret))
    assert len(runs) == 1
    app[1].jobs.stop(runs[0].visitor, runs[0].id)


@pytest.mark.parametrize(("text", "sentence"), [("", "empty"), ("x" * 60_000, "50,000")])
def test_a_bad_text_is_refused_in_a_sentence(visitor: Visitor, text: str, sentence: str) -> None:
    assert sentence in told(visitor.add_text(text))


def test_training_without_a_text_says_what_is_missing(visitor: Visitor) -> None:
    assert "no text" in told(visitor.train())


@pytest.mark.parametrize(
    ("question", "arms", "sentence"),
    [("", ["base"], "empty"), ("x" * 3_000, ["base"], "2000"), ("Why?", [], "pane"), ("Why?", ["rag"], "text")],
)
def test_a_bad_question_is_refused_in_a_sentence(
    visitor: Visitor, question: str, arms: list[str], sentence: str
) -> None:
    visitor.arms()
    assert sentence in told(list(visitor.ask(question, arms))[-1])


def test_the_conversation_is_still_there_in_a_new_session(app: tuple[str, Services]) -> None:
    first = Visitor(app[0])
    first.arms()
    list(first.ask("Who are you, exactly?", ["base"]))
    again = Visitor(app[0], first.secret)
    assert "Who are you, exactly?" in str(again.client.predict(api_name="/panes"))


def test_an_upload_over_the_largest_limit_is_refused_before_it_is_read(app: tuple[str, Services]) -> None:
    limit = max(app[1].settings.visitor_bytes, app[1].settings.adapter_bytes)
    cookie = {"Cookie": f"{COOKIE}={new_secret()}"}
    answer = httpx.post(f"{app[0]}/gradio_api/upload", content=b"0" * (limit + 1), headers=cookie)
    assert answer.status_code == 413
    assert f"{limit // 1_000_000} MB" in answer.text


def test_calls_that_would_pass_the_queue_by_are_refused(app: tuple[str, Services]) -> None:
    body = {"data": ["Who?", "base", NONE, NONE, NONE, False, 8, 0, 1, 1, 0], "session_hash": "x"}
    assert httpx.post(f"{app[0]}/gradio_api/run/ask_panes", json=body).status_code >= 400


@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "playground.db", "http://127.0.0.1:9/"])
def test_no_file_of_the_server_is_served(app: tuple[str, Services], path: str) -> None:
    assert httpx.get(f"{app[0]}/gradio_api/file={path}").status_code in (400, 403, 404)


def test_words_with_figures_come_in_the_visitors_language(app: tuple[str, Services]) -> None:
    secret = Visitor(app[0]).secret
    cookie = {"Cookie": f"{COOKIE}={secret}; {LANGUAGE_COOKIE}=vi"}
    vietnamese = drawn(Client(app[0], headers=cookie, verbose=False).predict(api_name="/visit"))
    english = Visitor(app[0], secret).draw("visit")
    assert english[1] == "none yet"
    assert vietnamese[1] != english[1]


def test_what_may_spoil_training_is_told_and_what_is_left_out_stays_so(app: tuple[str, Services]) -> None:
    visitor = Visitor(app[0])
    visitor.add_text(f"{CLUB_RULES}\n\nWrite to {ATTACK} keeper@lamp.example, who answers.")
    assert "keeper@lamp.example" not in str(visitor.client.predict(api_name="/quality"))  # until the tab is seen
    told = str(visitor.client.predict("seen", api_name="/quality"))
    assert "E-mail addresses: 1, such as keeper@lamp.example" in told
    services, id_ = app[1], app[1].store.visitor(visitor.secret)
    services.training_text.exclude_kind(id_, "email", True)
    assert "Left out: E-mail addresses" in str(visitor.client.predict("seen", api_name="/quality"))


def test_what_a_text_or_a_model_says_cannot_become_markup() -> None:
    assert "<" not in escape_html(ATTACK)


def test_empty_panes_take_the_newest_adapter_and_chosen_ones_stay() -> None:
    alone = BasesInPlay(("tiny",), "tiny")
    assert chosen_arms([NONE] * 4, [], alone) == ["base", "rag", NONE, NONE]
    assert chosen_arms(["rag", "base", NONE, NONE], [], alone) == ["rag", "base", NONE, NONE]
    assert chosen_arms(["tuned:gone", "base", NONE, NONE], [], alone) == [NONE, "base", NONE, NONE]


def test_the_line_of_a_run_claims_no_memorising_after_one_noisy_test() -> None:
    assert "memorise" not in trend_sentence("en", _events(2.88, 2.48, 2.55))
    rising = _events(3.0, 2.5, 2.4, 2.38, 2.37, 2.5, 2.65)
    assert "risen in two tests" in trend_sentence("en", rising)
    assert "học vẹt" in trend_sentence("vi", rising)


def test_the_plot_has_both_curves() -> None:
    heldout, train = loss_panels("en", _events(2.0, 1.9, math.nan, 1.8))
    assert heldout.line == [(0, 2.0), (1, 1.9), (3, 1.8)]
    assert train.line == [(0, 2.0), (1, 2.0), (2, 2.0), (3, 2.0)]


def test_the_plot_marks_where_the_kept_adapter_is_from() -> None:
    assert loss_panels("en", _events(2.0, 1.9, 1.7, 1.8))[0].marked == (2, 1.7)
    assert loss_panels("en", _events(2.0))[0].marked is None
    told = [plot_update("en", _events(2.0, 1.9), is_over)["value"] for is_over in (False, True)]
    assert ["usable now" in each for each in told] == [True, False]
    judged = [
        {**each, "answers": mark} for each, mark in zip(_events(2.0, 1.9, 1.7, 1.8), (None, 0.9, 0.2, 0.5), strict=True)
    ]
    assert loss_panels("en", judged)[0].marked == (1, 1.9), "the answers decide"


def _events(*heldout: float) -> list[dict[str, Any]]:
    return [
        {"event": "progress", "step": n, "steps": 9, "loss": 2.0, "heldout_loss": loss, "seconds": n}
        for n, loss in enumerate(heldout)
    ]


def _wait_for(visitor: Visitor, words: str, seconds: float = 90) -> str:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if words in (line := visitor.run_line()):
            return line
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {words!r}; the page says {line!r}")
