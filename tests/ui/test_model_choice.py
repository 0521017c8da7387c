"""The choice of the chat model through the page's handlers: hidden without one, cards, progress, and the way back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.errors import UserError
from playground.models.chat_choice import ChatFacts
from playground.services.app import Services
from playground.services.chat_models import ChatOffer
from playground.settings import NOTHING, Settings
from playground.ui.api.endpoints import Endpoints
from playground.ui.compare.arm_choice import BasesInPlay, arm_choices, bases_in_play, chosen_arms
from playground.ui.model_choice import ModelChoice, card, offer_label
from tests.fakes.hub import SmallHub
from tests.fakes.page import event_handler, page_request
from tests.fakes.prepared import prepare, train
from tests.fakes.texts import CLUB_RULES
from tests.fakes.two_bases import LISTED_ON_HUB, OTHER
from tests.fakes.waiting import wait_until

PARTS = ("panel", "listed", "misfit", "back", "progress", "cancel", "state", "timer")
TINY = ChatOffer("owner/Big-1B", False, ChatFacts(1_000_000_000, 2_000, "MIT", 8, 4_096, gated=True), 4 * 10**9, 8.76)


@pytest.fixture
def settings(settings: Settings, bases: Path) -> Settings:
    """A host that lists a folder, and a model of the Hub."""
    return replace(settings, chat_models=f"{bases / OTHER},{LISTED_ON_HUB}", reserve_bytes=1)


class Visit:
    """A visitor at the choice; every call is that of a page's handler."""

    def __init__(self, services: Services) -> None:
        self.services, self.request = services, page_request()
        (secret,) = self.request.cookies.values()
        self.visitor = services.store.visitor(secret)
        with gr.Blocks() as self.page:
            self.choice = ModelChoice(services)

    def shown(self) -> dict[str, Any]:
        """What stands there, by its parts."""
        return dict(zip(PARTS, self.choice.refresh(self.request), strict=True))

    def card(self, listed: str | None) -> tuple[Any, ...]:
        """The card and the button while a model is chosen in the list."""
        return event_handler(self.page, self.choice.listed, "change")(self.request, listed)

    def press(self, button: gr.Button, *values: Any) -> tuple[Any, ...]:
        """The updates that follow a click."""
        return event_handler(self.page, button, "click")(self.request, *values)

    def settle(self) -> dict[str, Any]:
        """What stands there once no change is under way."""
        assert wait_until(lambda: not self.shown()["timer"]["active"])
        return self.shown()


def test_without_a_choice_there_is_nothing_to_see(settings: Settings) -> None:
    shown = Visit(Services(replace(settings, chat_models=NOTHING))).shown()
    assert [shown[part]["visible"] for part in ("panel", "misfit", "back", "progress", "cancel")] == [False] * 5
    assert shown["timer"]["active"] is False


def test_a_choice_shows_its_card_and_then_the_page_is_drawn_anew(services: Services) -> None:
    visit = Visit(services)
    before = visit.shown()
    own = services.chats.default
    assert before["panel"]["visible"]
    assert before["panel"]["label"] == f"Chat model: {own}"
    assert [name for _, name in before["listed"]["choices"]] == [own, OTHER]
    assert visit.card(own)[1] == visit.card(None)[1] == gr.update(value="In use", interactive=False)
    shown, use_it, token = visit.card(OTHER)
    assert token == gr.update(visible=False)
    assert shown.startswith(f"**{OTHER}**")
    assert "tokens per second here, estimated" in shown
    assert use_it == gr.update(value="Use this model", interactive=True)
    visit.press(visit.choice.use, OTHER, "")
    after = visit.settle()
    assert after["panel"]["label"] == f"Chat model: {OTHER}"
    assert after["listed"]["value"] == OTHER
    assert after["state"] != before["state"]
    assert visit.card(OTHER)[1] == gr.update(value="In use", interactive=False)


def test_a_redraw_keeps_the_model_that_is_chosen_in_the_list(services: Services) -> None:
    visit = Visit(services)
    own = services.chats.default
    for listed, kept in ((OTHER, OTHER), (own, own), (None, own), ("gone", own)):
        shown = dict(zip(PARTS, visit.choice.refresh(visit.request, listed), strict=True))
        assert shown["listed"]["value"] == kept


def test_a_model_is_fetched_with_progress_and_a_button_that_cancels(services: Services, hub: SmallHub) -> None:
    services.chats.ask_hub()
    visit = Visit(services)
    assert visit.shown()["listed"]["choices"][-1] == ("tiny-chat · to be fetched", LISTED_ON_HUB)
    hub.go_on.clear()
    visit.press(visit.choice.use, LISTED_ON_HUB, "")
    assert wait_until(lambda: visit.shown()["progress"]["value"].startswith("Fetching tiny-chat: 0 of 1 MB"))
    assert visit.shown()["cancel"]["visible"]
    visit.press(visit.choice.cancel)
    hub.go_on.set()
    assert visit.settle()["progress"]["visible"] is False
    hub.gated.add(LISTED_ON_HUB)
    visit.press(visit.choice.use, LISTED_ON_HUB, "")
    assert visit.settle()["progress"]["value"].startswith(f"{LISTED_ON_HUB} is gated")
    assert visit.shown()["listed"]["value"] == services.chats.default
    assert visit.card(LISTED_ON_HUB)[2] == gr.update(visible=True)
    hub.tokens.add("hf_ann")
    *_, token = visit.press(visit.choice.use, LISTED_ON_HUB, " hf_ann ")
    assert token == "", "it leaves the page"
    assert visit.settle()["listed"]["value"] == LISTED_ON_HUB


def test_a_model_that_is_not_on_offer_is_refused_beside_the_choice(services: Services) -> None:
    visit = Visit(services)
    notice, *_ = visit.press(visit.choice.use, "owner/other", "")
    assert notice["value"].startswith("There is no chat model 'owner/other' here.")


def test_what_is_ready_for_another_model_says_so_and_offers_the_switch(services: Services) -> None:
    visit = Visit(services)
    prepare(services, "us_constitution")
    services.prepared.give(visit.visitor, "us_constitution")
    assert visit.shown()["misfit"]["visible"] is False
    services.store.choose_base(visit.visitor, OTHER)
    own, shown = services.chats.default, visit.shown()
    assert shown["misfit"]["value"].startswith(f"The adapters that are ready for you belong to {own}, and you have")
    assert shown["back"] == gr.update(value=f"Switch to {own}", visible=True)
    assert visit.press(visit.choice.back)[-1] == gr.update(value=own)
    assert visit.settle()["listed"]["value"] == own
    assert visit.shown()["misfit"]["visible"] is False


def test_an_adapter_of_the_chosen_model_leaves_nothing_to_say(services: Services) -> None:
    visit = Visit(services)
    services.library.add_text(visit.visitor, CLUB_RULES)
    train(services, visit.visitor)
    services.store.choose_base(visit.visitor, OTHER)
    assert visit.shown()["misfit"]["visible"]
    train(services, visit.visitor)
    assert visit.shown()["misfit"]["visible"] is False


def test_panes_name_their_model_where_two_are_in_play_and_follow_the_choice(services: Services) -> None:
    visit, own = Visit(services), services.chats.default
    services.library.add_text(visit.visitor, CLUB_RULES)
    first = train(services, visit.visitor)
    runs = services.runs.with_adapter(visit.visitor)
    alone = bases_in_play(services, visit.visitor, runs)
    assert alone == BasesInPlay((own,), own)
    assert ("Base model", "base") in arm_choices("en", runs, alone)
    services.store.choose_base(visit.visitor, OTHER)
    second = train(services, visit.visitor)
    runs = services.runs.with_adapter(visit.visitor)
    both = bases_in_play(services, visit.visitor, runs)
    labels = dict(map(reversed, arm_choices("en", runs, both)))
    assert labels[f"base@{OTHER}"] == f"Base model · {OTHER}"
    assert labels["rag"] == f"Base + retrieval · {own}"
    assert labels[f"tuned:{first.id}"].endswith(f" · {own}")
    assert labels[f"tuned:{second.id}"].endswith(f" · {OTHER}")
    before = chosen_arms(["none"] * 4, runs, alone)
    assert before == ["base", "rag", f"tuned:{first.id}", f"both:{first.id}"]
    followed = chosen_arms(before, runs, both)
    assert followed == [f"base@{OTHER}", f"rag@{OTHER}", f"tuned:{second.id}", f"both:{second.id}"]
    mixed = ["rag", f"base@{OTHER}", f"tuned:{first.id}", "none"]
    assert chosen_arms(mixed, runs, both)[:3] == mixed[:3]


def test_a_program_changes_the_model_too(services: Services) -> None:
    program, own = Endpoints(services), services.chats.default
    visit = program.open_visit()
    state = {"model": own, "coming": None, "error": "", "fetched_bytes": 0, "bytes": 0}
    assert program.use_model(visit) == state
    assert program.use_model(visit, OTHER)["model"] in (own, OTHER)
    assert wait_until(lambda: program.use_model(visit) == {**state, "model": OTHER})
    chats = [each for each in program.models() if each["role"] == "chat"]
    assert [(each["name"], each["available"]) for each in chats] == [(own, True), (OTHER, True)]
    assert chats[1]["parameters"] == services.chats.get(OTHER).model.num_parameters()
    with pytest.raises(UserError, match="There is no chat model 'nowhere' here"):
        program.use_model(visit, "nowhere")


def test_a_card_says_all_that_is_known_and_no_more() -> None:
    assert offer_label("en", TINY) == "Big-1B · 1.0 B · to be fetched"
    assert card("en", TINY).split("\n- ")[1:] == [
        "1.0 B parameters · 2,000 MB · licence: MIT",
        "8 languages · reads up to 4,096 tokens",
        "takes 4.0 GB of memory · about 8.8 tokens per second here, estimated",
        "not on this machine: fetched from the Hugging Face Hub when you choose it",
        "its authors ask for a login and a consent first",
    ]
    named = card("en", ChatOffer("/m/![x](http://a.b/c.png)<img src=d>", True, ChatFacts(licence="[MIT](e)"), 0, 0.0))
    assert not any(sign in named for sign in ("![", "](", "<", "http:"))
    unknown = ChatOffer("mine", True, ChatFacts(), 0, 0.0)
    assert card("en", unknown) == "**mine**\n\n- on this machine"
