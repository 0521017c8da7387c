"""The figures of an exam: what each arm reached, with intervals, and which arms differ. Plain data, no model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from playground.evaluation.bootstrap import Difference, Figure


@dataclass(frozen=True)
class QualityFigures:
    """What one arm's free answers to questions that want a sentence are worth, and in which form they come.

    The means of `ArmResult`'s values. `same` is the share of answers that the arm gave before to a question with
    another true answer, `words` the mean number of words, `general_useful` the share of useful answers to general
    questions. A figure over no question was not measured.
    """

    useful: Figure
    fact_recall: Figure
    term_support: Figure
    short: Figure
    unended: Figure
    looping: Figure
    echo: Figure
    same: Figure
    new_names: Figure
    words: Figure
    general_useful: Figure

    @property
    def shares(self) -> dict[str, Figure]:
        """The figures about questions of the text that lie in 0…1, by name."""
        others = ("words", "general_useful")
        return {each.name: vars(self)[each.name] for each in fields(self) if each.name not in others}


@dataclass(frozen=True)
class ArmFigures:
    """One arm's figures on the questions of the text; shares lie in 0…1.

    `choice` is the share of right choices, `kinds` the same by kind of question. Of free answers, `right` is the share
    that contain the true answer, `worded` that contain it among other words, `broken` that are malformed; `invention`
    is the share of unanswerable questions that got an answer. `recall` maps k to the share of questions whose right
    passage is among the first k. `seconds`, `tokens`, `prompt_tokens` and `memory_bytes` are means per answer.
    """

    arm: str
    questions: int
    choice: Figure
    right: Figure
    exact: Figure
    f1: Figure
    rouge_l: Figure
    worded: Figure
    broken: Figure
    perplexity: Figure
    invention: Figure
    abstention_precision: float
    abstention_recall: float
    support: Figure
    recall: Mapping[int, Figure]
    kinds: Mapping[str, Figure]
    general_choice: Figure
    general_loss: Figure
    seconds: float
    tokens: float
    prompt_tokens: float
    memory_bytes: float
    quality: QualityFigures

    @property
    def shares(self) -> dict[str, Figure]:
        """The figures that lie in 0…1, by name."""
        return {
            "choice": self.choice,
            "right": self.right,
            "exact": self.exact,
            "f1": self.f1,
            "rouge_l": self.rouge_l,
            "worded": self.worded,
            "broken": self.broken,
            "invention": self.invention,
            "support": self.support,
        }


@dataclass(frozen=True)
class Figures:
    """All figures of an exam; the p-values of each list of differences are corrected together.

    `choices` compares all pairs of arms by right choices, `by_kind` fine-tuned with retrieval by kind of question.
    `readings` compares the planned pairs by right free answers, their F1, and the loss of the true answers, all
    corrected together; `qualities` compares them by useful answers and key-fact recall. `on_leaks` and `without_leaks`
    are the shares of right choices of each tuned arm on the questions that its adapter was trained on, and on the
    others.
    """

    arms: Mapping[str, ArmFigures]
    choices: Sequence[Difference]
    readings: Mapping[str, Sequence[Difference]]
    qualities: Mapping[str, Sequence[Difference]]
    by_kind: Mapping[str, Difference]
    reworded: Mapping[str, Difference]
    forgetting: Mapping[str, Difference]
    on_leaks: Mapping[str, Figure]
    without_leaks: Mapping[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, ready for JSON."""
        return asdict(self)
