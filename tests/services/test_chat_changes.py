"""A visitor changes the chat model: fetched from a Hub on this machine, with progress, cancelled, or refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from playground.errors import UserError
from playground.models.registry import fetched_folder
from playground.services.app import Services
from playground.services.chat_changes import ChatChanges
from playground.settings import Settings
from playground.storage.store import new_secret
from tests.fakes.hub import SmallHub
from tests.fakes.two_bases import LISTED_ON_HUB, OTHER
from tests.fakes.waiting import wait_until


@pytest.fixture
def settings(settings: Settings, bases: Path) -> Settings:
    """A host that lists a folder, and a model of the Hub."""
    return replace(settings, chat_models=f"{bases / OTHER},{LISTED_ON_HUB}", reserve_bytes=1)


@pytest.fixture
def changes(services: Services, hub: SmallHub) -> ChatChanges:
    services.chats.ask_hub()
    return services.chat_changes


@pytest.fixture
def visitor(services: Services) -> str:
    return services.store.visitor(new_secret())


def settled(changes: ChatChanges, visitor: str) -> str:
    """Why a change failed, once it has ended; nothing where it did not."""

    def has_ended() -> bool:
        change = changes.change(visitor)
        return change is None or not change.under_way

    assert wait_until(has_ended)
    change = changes.change(visitor)
    return change.error if change else ""


def test_a_model_on_this_machine_is_loaded_and_then_it_is_the_visitors(
    services: Services, changes: ChatChanges, visitor: str
) -> None:
    assert services.chats.offered_names() == [services.chats.default, OTHER, LISTED_ON_HUB]
    changes.choose(visitor, OTHER)
    assert settled(changes, visitor) == ""
    assert services.chats.name(visitor) == OTHER
    assert services.chats.is_loaded(OTHER)
    assert services.self_tests.report(None, OTHER).passed
    with pytest.raises(UserError, match=r"no chat model 'owner/unlisted' here\. Choose one of .*, other, owner/tiny"):
        changes.choose(visitor, "owner/unlisted")


def test_a_model_is_fetched_with_progress_while_the_one_before_answers(
    services: Services, changes: ChatChanges, visitor: str, hub: SmallHub
) -> None:
    hub.go_on.clear()
    changes.choose(visitor, LISTED_ON_HUB)
    assert wait_until(lambda: changes.fetched(LISTED_ON_HUB)[0] > 0)
    done, total = changes.fetched(LISTED_ON_HUB)
    assert done < total
    assert services.chats.name(visitor) == services.chats.default
    hub.go_on.set()
    assert settled(changes, visitor) == ""
    assert services.chats.name(visitor) == services.chats.of(visitor).name == LISTED_ON_HUB
    assert changes.fetched(LISTED_ON_HUB) == (0, 0)


def test_a_cancelled_transfer_leaves_nothing_and_can_begin_anew(
    services: Services, changes: ChatChanges, visitor: str, hub: SmallHub, settings: Settings
) -> None:
    hub.go_on.clear()
    changes.choose(visitor, LISTED_ON_HUB)
    assert wait_until(lambda: changes.fetched(LISTED_ON_HUB)[0] > 0)
    changes.cancel(visitor)
    hub.go_on.set()
    folder = fetched_folder(settings, LISTED_ON_HUB).parent
    assert wait_until(lambda: changes.fetched(LISTED_ON_HUB) == (0, 0) and not list(folder.iterdir()))
    assert services.chats.name(visitor) == services.chats.default
    changes.choose(visitor, LISTED_ON_HUB)
    assert settled(changes, visitor) == ""
    assert services.chats.name(visitor) == LISTED_ON_HUB


def test_one_who_cancels_does_not_end_the_transfer_of_another(
    services: Services, changes: ChatChanges, visitor: str, hub: SmallHub
) -> None:
    other = services.store.visitor(new_secret())
    hub.go_on.clear()
    for each in (visitor, other):
        changes.choose(each, LISTED_ON_HUB)
    changes.cancel(visitor)
    hub.go_on.set()
    assert settled(changes, other) == ""
    assert services.chats.name(other) == LISTED_ON_HUB
    assert services.chats.name(visitor) == services.chats.default


def test_a_model_that_is_refused_says_why_and_the_one_before_stays(
    services: Services, changes: ChatChanges, visitor: str, hub: SmallHub
) -> None:
    hub.gated.add(LISTED_ON_HUB)
    changes.choose(visitor, LISTED_ON_HUB)
    assert settled(changes, visitor).startswith(f"{LISTED_ON_HUB} is gated: its authors ask for a login")
    assert services.chats.name(visitor) == services.chats.default
    hub.gated.clear()
    hub.wrong.add(LISTED_ON_HUB)
    changes.choose(visitor, LISTED_ON_HUB)
    assert "is not the file that the Hub announced" in settled(changes, visitor)


def test_a_gated_model_comes_with_a_visitors_login_and_goes_to_those_alone_who_have_access(
    services: Services, changes: ChatChanges, visitor: str, hub: SmallHub, settings: Settings
) -> None:
    hub.gated.add(LISTED_ON_HUB)
    hub.tokens.add("hf_ann")
    other = services.store.visitor(new_secret())
    changes.choose(visitor, LISTED_ON_HUB, "hf_ann")
    assert settled(changes, visitor) == ""
    assert services.chats.of(visitor).name == LISTED_ON_HUB
    assert services.chats.offer(LISTED_ON_HUB).by_login
    for token in ("", "hf_eve"):
        with pytest.raises(UserError, match=r"is gated: .* choose it again with a token of yours that may read it"):
            changes.choose(other, LISTED_ON_HUB, token)
    assert services.chats.name(other) == services.chats.default
    hub.tokens.add("hf_bob")
    changes.choose(other, LISTED_ON_HUB, "hf_bob")
    assert settled(changes, other) == ""
    kept = [path.read_bytes() for path in settings.data.rglob("*") if path.is_file()]
    assert not any(b"hf_ann" in each or b"hf_bob" in each for each in kept), "no token is kept"


def test_a_visitor_without_access_does_not_join_anothers_transfer(
    services: Services, changes: ChatChanges, visitor: str, hub: SmallHub
) -> None:
    hub.gated.add(LISTED_ON_HUB)
    hub.tokens.add("hf_ann")
    hub.go_on.clear()
    changes.choose(visitor, LISTED_ON_HUB, "hf_ann")
    assert wait_until(lambda: changes.fetched(LISTED_ON_HUB)[0] > 0)
    with pytest.raises(UserError, match="is gated"):
        changes.choose(services.store.visitor(new_secret()), LISTED_ON_HUB)
    hub.go_on.set()
    assert settled(changes, visitor) == ""


def test_a_model_that_cannot_chat_is_refused_when_it_is_chosen(
    services: Services, changes: ChatChanges, visitor: str, hub: SmallHub, tmp_path: Path
) -> None:
    hub.folders[LISTED_ON_HUB] = Path(shutil.copytree(hub.folders[LISTED_ON_HUB], tmp_path / "mute"))
    (tmp_path / "mute" / "chat_template.jinja").unlink()
    changes.choose(visitor, LISTED_ON_HUB)
    assert settled(changes, visitor).startswith(f"The chat model {LISTED_ON_HUB} has no chat template.")
    assert services.chats.name(visitor) == services.chats.default
