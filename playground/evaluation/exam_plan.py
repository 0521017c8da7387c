"""The plan of an exam and its questions, as they lie in its folder. Loads no model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from adapters.options import build
from playground.chat.turns import TUNING
from playground.errors import UserError
from playground.evaluation import questions
from playground.evaluation.config import ExamSettings
from playground.evaluation.contamination import QuestionFault
from playground.evaluation.question_set import QuestionSet
from playground.evaluation.questions import Question
from playground.storage.run_folder import read_config, read_hashes, write_config, write_documents
from retrieval.document import Document

QUESTIONS = "questions.jsonl"


@dataclass(frozen=True)
class Plan:
    """The plan of an exam. `adapter` and `index` are folders, `hashes` identify their content at planning time.

    If the index has been deleted since, it is built again with the embedder of the name `embedder`, or with the host's
    own where that is empty. `base` names the chat model; empty is the host's own. `untuned_base` names that of the arms
    without an adapter; empty is the same.

    Raises:
        UserError: a drill with two models; it changes and asks one.
    """

    settings: ExamSettings
    arms: tuple[str, ...]
    adapter: Path | None
    index: Path | None
    findings: tuple[QuestionFault, ...] = ()
    hashes: Mapping[str, str] | None = None
    embedder: str = ""
    drill: bool = False
    base: str = ""
    untuned_base: str = ""

    def __post_init__(self) -> None:
        tuned, untuned = self.models
        if self.drill and tuned != untuned:
            raise UserError(
                f"The edit-a-fact drill trains and asks one chat model, but the ways of answering without an adapter "
                f"are to use {untuned}. Let all of them use the same model, or leave the drill out."
            )

    @property
    def models(self) -> tuple[str, str]:
        """The names of the chat models of the arms with an adapter and of those without, where both are asked.

        Where only one kind is asked, both names are that kind's: no other model has to be loaded.
        """
        other = self.untuned_base or self.base
        if self.adapter is None:
            return other, other
        only_tuned = self.arms and all(arm in TUNING for arm in self.arms)
        return self.base, self.base if only_tuned else other

    def to_dict(self) -> dict[str, Any]:
        """JSON form as in the exam's folder; `kind` distinguishes it from a training run's config."""
        paths = {name: str(path) if path else None for name, path in (("adapter", self.adapter), ("index", self.index))}
        return {"kind": "exam", **asdict(self), **paths}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Plan":
        """The inverse of `to_dict`."""
        return cls(
            settings=build(ExamSettings, stored["settings"]),
            arms=tuple(stored["arms"]),
            adapter=Path(stored["adapter"]) if stored["adapter"] else None,
            index=Path(stored["index"]) if stored["index"] else None,
            findings=tuple(QuestionFault(**each) for each in stored["findings"]),
            hashes=stored["hashes"],
            embedder=stored["embedder"],
            drill=stored["drill"],
            base=stored.get("base", ""),
            untuned_base=stored.get("untuned_base", ""),
        )


def write_exam(folder: Path, plan: Plan, drawn: QuestionSet, documents: Sequence[Document]) -> None:
    """Write the plan, the questions and the text of an exam that starts later."""
    folder.mkdir(parents=True, exist_ok=True)
    write_documents(folder, documents)
    write_config(folder, plan.to_dict())
    questions.write_questions(drawn.questions, folder / QUESTIONS)


def read_exam(folder: Path) -> tuple[Plan, list[Question]]:
    """The plan and the questions in an exam's folder.

    Raises:
        UserError: the folder is damaged, or has no exam.
    """
    try:
        plan = Plan.from_dict(read_config(folder))
        plan = replace(plan, hashes=plan.hashes or read_hashes(folder))
        return plan, questions.read_questions(folder / QUESTIONS)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise UserError(f"The exam in {folder.name} is damaged and cannot go on. Start it anew.") from fault
