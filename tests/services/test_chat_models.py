"""The chat models in memory: each visitor's own, as many as memory holds, never one out that is in use."""

import gc
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from playground.errors import UserError
from playground.inference.engine import Decoding, Prompt, open_request
from playground.inference.forward import forward_of
from playground.models.chat_choice import fits, listed_chats
from playground.models.known_chat import CHAT_MODELS
from playground.services import chat_models as module
from playground.services.app import Services
from playground.services.chat_models import ChatModels
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from tests.fakes.runs import config
from tests.fakes.texts import CLUB_RULES
from tests.fakes.two_bases import OTHER, THIRD

GIGABYTE = 1_000_000_000


@pytest.fixture
def settings(settings: Settings, bases: Path) -> Settings:
    """A host that lists two chat models beside its own."""
    return replace(settings, chat_models=f"{bases / OTHER}, {bases / THIRD}")


@pytest.fixture
def chats(settings: Settings, store: Store) -> ChatModels:
    return ChatModels(settings, store)


class Memory:
    """A machine's memory: so many more models have room before the first that is resident must leave."""

    def __init__(self) -> None:
        self.room = 0

    def free(self, _: object) -> int:
        """Enough for a tiny model, or nothing, once."""
        self.room -= 1
        return 0 if self.room == -1 else GIGABYTE


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory()
    monkeypatch.setattr(module, "free_memory", memory.free)
    return memory


def test_a_host_lists_its_own_model_first_and_by_default_known_ones_that_fit(settings: Settings) -> None:
    own = Path(settings.chat_model).name
    assert [each.name for each in listed_chats(settings)] == [own, OTHER, THIRD]
    assert [each.name for each in listed_chats(replace(settings, chat_models="none"))] == [own]
    by_default = [each.name for each in listed_chats(replace(settings, chat_models=""), memory=4 * GIGABYTE)]
    assert by_default == [own, *(each.name for each in CHAT_MODELS if fits(each.parameters, 4 * GIGABYTE))]
    assert 1 < len(by_default) < 1 + len(CHAT_MODELS)


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        ("/nowhere", "PLAYGROUND_CHAT_MODELS names /nowhere, which is no folder"),
        ("not a name", "PLAYGROUND_CHAT_MODELS names not a name: no folder here, nor a Hub name"),
        ("{}/other,{}/copy/other", "PLAYGROUND_CHAT_MODELS names two models called other"),
        ("{}", "PLAYGROUND_CHAT_MODELS names .*, which has no .safetensors file"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_at_the_start(
    settings: Settings, bases: Path, listed: str, sentence: str
) -> None:
    shutil.copytree(bases / THIRD, bases / "copy" / OTHER, dirs_exist_ok=True)
    with pytest.raises(UserError, match=sentence):
        Services(replace(settings, chat_models=listed.replace("{}", str(bases))))


def test_a_choice_is_kept_and_is_nobody_elses(chats: ChatModels, store: Store, visitor: str, stranger: str) -> None:
    store.choose_base(visitor, OTHER)
    assert chats.of(visitor).name == chats.name(visitor) == OTHER
    assert chats.of(stranger) is chats.get()
    assert chats.of(stranger).hash != chats.of(visitor).hash
    assert sorted(chats.in_memory()) == sorted([OTHER, chats.default])


def test_a_model_that_is_gone_gives_way_to_the_hosts_own_and_what_was_made_with_it_says_so(
    settings: Settings, store: Store, visitor: str
) -> None:
    store.choose_base(visitor, OTHER)
    later = ChatModels(replace(settings, chat_models="none"), store)
    assert later.name(visitor) == later.default
    with pytest.raises(UserError, match="made with the chat model other, which is not on this machine"):
        later.get(OTHER)


def test_the_least_recently_used_model_leaves_and_its_memory_is_free(chats: ChatModels, memory: Memory) -> None:
    left = weakref.ref(chats.get().model)
    forward_of(chats.get().model)
    chats.get(OTHER)
    assert chats.in_memory() == [OTHER]
    gc.collect()
    assert left() is None


def test_a_model_that_answers_stays_and_the_next_in_line_leaves(chats: ChatModels, memory: Memory) -> None:
    memory.room = 1
    chat = chats.get()
    chats.get(OTHER)
    with open_request(chat, [Prompt([1, 5, 6])], Decoding(max_new_tokens=2)):
        chats.get(THIRD)
        assert chats.in_memory() == [chats.default, THIRD]


def test_a_model_that_a_run_trains_stays_and_who_wants_another_is_told(services: Services, memory: Memory) -> None:
    visitor, chats = services.store.visitor(new_secret()), services.chats
    services.store.choose_base(visitor, OTHER)
    services.library.add_text(visitor, CLUB_RULES)
    chats.get(OTHER)
    run = services.runs.start(visitor, config(steps=2), "mine")
    assert services.store.runs.claim_next().base == OTHER
    with pytest.raises(UserError, match=r"no room for third \(0\.0 GB\) beside the models that are in use"):
        chats.get(THIRD)
    assert chats.in_memory() == [OTHER]
    services.store.runs.transition(visitor, run, ["running"], "done")
    memory.room = 0
    chats.get(THIRD)
    assert chats.in_memory() == [THIRD]


def test_two_models_that_are_wanted_together_do_not_push_each_other_out(chats: ChatModels, memory: Memory) -> None:
    with pytest.raises(UserError, match="no room for other"):
        chats.together([chats.default, OTHER])
    assert list(chats.together([chats.default, OTHER])) == [chats.default, OTHER]
