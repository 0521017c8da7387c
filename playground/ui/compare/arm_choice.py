"""The arms that a visitor's panes can show, over one base model or several, and which they show at first."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground.chat.turns import BASE, BOTH, FEW_SHOT, RAG, TUNED, arm_id
from playground.services.app import Services
from playground.services.runs import runs_with_adapter
from playground.storage.store import RunRow
from playground.ui.shared.format import model_name, run_name
from playground.ui.shared.i18n import say

NONE = "none"
ALWAYS = (BASE, RAG, FEW_SHOT)  # arms that need no adapter
AT_FIRST = (BASE, RAG, NONE, NONE)  # so that a question can be asked before the page knows the visitor's adapters


@dataclass(frozen=True)
class BasesInPlay:
    """The base models that a visitor's panes can show, the chosen one first; `default` is the host's own."""

    names: tuple[str, ...]
    default: str

    @property
    def chosen(self) -> str:
        """The visitor's choice."""
        return self.names[0]

    def arm(self, kind: str, base: str) -> str:
        """The id of an arm without an adapter over a base."""
        return arm_id(kind, base="" if base == self.default else base)

    def of(self, run: RunRow) -> str:
        """The base of a run."""
        return run.base or self.default


def bases_in_play(services: Services, visitor: str, runs: Sequence[RunRow]) -> BasesInPlay:
    """The chosen base, those of the visitor's runs, and the host's own."""
    chats = services.chats
    names = [chats.name(visitor), *(run.base for run in runs if run.base), chats.default]
    return BasesInPlay(tuple(dict.fromkeys(names)), chats.default)


def arm_choices(language: str, runs: Sequence[RunRow], bases: BasesInPlay) -> list[tuple[str, str]]:
    """(label, arm id) of all arms that can be asked; runs without an adapter are left out.

    A label names its base where there are several.
    """

    def label(kind: str, base: str, **values: str) -> str:
        words = say(language, f"compare.{kind}", **values)
        return f"{words} · {model_name(base)}" if len(bases.names) > 1 else words

    choices = [(say(language, f"compare.{NONE}"), NONE)]
    choices += [(label(kind, base), bases.arm(kind, base)) for base in bases.names for kind in ALWAYS]
    for run in reversed(runs_with_adapter(runs)):
        name, base = run_name(language, run), bases.of(run)
        choices += [(label(kind, base, name=name), arm_id(kind, run.id)) for kind in (TUNED, BOTH)]
    return choices


def chosen_arms(before: Sequence[str], runs: Sequence[RunRow], bases: BasesInPlay) -> list[str]:
    """The arm of each pane: the one that was chosen, if it still exists; empty panes take the newest adapter's arms.

    Where no pane is of the chosen base, which is another one now, all panes are.
    """
    ready = runs_with_adapter(runs)
    base_of = {bases.arm(kind, base): base for base in bases.names for kind in ALWAYS}
    base_of |= {arm_id(kind, run.id): bases.of(run) for run in ready for kind in (TUNED, BOTH)}
    kept = [arm if arm in base_of else NONE for arm in before]
    if all(base_of.get(arm) != bases.chosen for arm in kept):
        kept = [NONE] * len(kept)
    newest = [run for run in ready if bases.of(run) == bases.chosen][-1:]
    wanted = [bases.arm(kind, bases.chosen) for kind in (BASE, RAG)] if all(arm == NONE for arm in kept) else []
    wanted += [arm_id(kind, run.id) for run in newest for kind in (TUNED, BOTH)]
    missing = [arm for arm in wanted if arm not in kept]
    return [missing.pop(0) if arm == NONE and missing else arm for arm in kept]


def arms_of_two(runs: Sequence[RunRow]) -> list[str]:
    """The arms of the two newest adapters: each alone, then each with retrieval."""
    newest = list(reversed(runs_with_adapter(runs)))[:2]
    return [arm_id(kind, run.id) for kind in (TUNED, BOTH) for run in newest]
