"""The chat models of an exam: that of the adapter, and that of the arms without one, which may be another."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from playground.chat.turns import TUNING
from playground.evaluation.arms import ARMS, UNTUNED
from playground.models.chat_model import ChatModel

OWN_BASE = "own_base"  # the adapter's model without the adapter, in a test that compares these two alone
ENDING = re.compile(r"-(instruct|it|chat)$", re.IGNORECASE)  # that the names of most chat models have
ModelNames = Mapping[str, str]  # each arm's chat model, in short; empty where all arms have the same one
ONE_MODEL: ModelNames = {}


@dataclass(frozen=True)
class ArmModels:
    """`tuned` is the adapter's base, `untuned` answers for the arms without an adapter; often the same object."""

    tuned: ChatModel
    untuned: ChatModel

    @classmethod
    def one(cls, chat: ChatModel) -> "ArmModels":
        """The same model for all arms."""
        return cls(chat, chat)

    @classmethod
    def load(cls, names: tuple[str, str], load: Callable[[str], ChatModel]) -> "ArmModels":
        """The models of these two names, as `Plan.models` has them; `load` is called once for the same name."""
        chat = load(names[0])
        return cls(chat, chat if names[1] == names[0] else load(names[1]))

    def of(self, arm: str) -> ChatModel:
        """The model that an arm answers with."""
        return self.tuned if arm in TUNING else self.untuned

    @property
    def are_two(self) -> bool:
        """Whether the arms with and without an adapter answer with different models."""
        return self.tuned is not self.untuned

    @property
    def names(self) -> ModelNames:
        """Each arm's model in short, and that of OWN_BASE, if there are two."""
        if not self.are_two:
            return ONE_MODEL
        tuned, untuned = short_names(self.tuned, self.untuned)
        return {**{arm: tuned if arm in TUNING else untuned for arm in ARMS}, OWN_BASE: tuned}


def counterparts(models: ModelNames) -> Mapping[str, str]:
    """Each tuned arm with the same arm without its adapter; none where that answers with another model.

    Only such a pair shows what training did to the model: what it lost, or a fault of form that it brought.
    """
    return {tuned: untuned for tuned, untuned in UNTUNED.items() if models.get(tuned) == models.get(untuned)}


def short_names(one: ChatModel, two: ChatModel) -> tuple[str, str]:
    """The names of two models, as short as tells them apart; the same for both only if nothing does."""
    found = one.name, two.name
    for shorten in (_without_ending, _without_owner, _whole, _with_hash):
        found = shorten(one), shorten(two)
        if found[0] != found[1]:
            break
    return found


def _without_ending(chat: ChatModel) -> str:
    return ENDING.sub("", _without_owner(chat))


def _without_owner(chat: ChatModel) -> str:
    return chat.name.rpartition("/")[2]


def _whole(chat: ChatModel) -> str:
    return chat.name


def _with_hash(chat: ChatModel) -> str:
    return f"{chat.name} {chat.hash}"
