"""Warns of arms whose answers have a fault of form that makes their scores worthless, such as one word to everything.

Words overlap well with a short true answer, so such an arm can win a comparison. Says nothing of which arm is better.
"""

from collections.abc import Iterator, Mapping

from playground.evaluation.arm_models import ONE_MODEL, ModelNames, counterparts
from playground.evaluation.arms import UNTUNED
from playground.evaluation.bootstrap import Figure
from playground.evaluation.figures import ArmFigures, Figures
from playground.evaluation.statements import Statement, share_text

TOPIC = "form"
# The share of an arm's answers with a fault from which it is degenerate. The base model leaves up to half of its
# answers without an end (docs/log.md), so that fault counts only above this.
MOST_FAULTY: Mapping[str, float] = {"short": 0.2, "unended": 0.5, "looping": 0.2, "echo": 0.2, "same": 0.2}
BY_TRAINING = 0.1  # above the share of the same arm without its adapter, from which training caused the fault
ENOUGH = 5  # answers


def warn_of_degenerate(figures: Figures, models: ModelNames = ONE_MODEL) -> Iterator[Statement]:
    """One warning per arm and fault, with what to do where training caused it."""
    untuned = counterparts(models)
    for name, arm in figures.arms.items():
        for fault, most in MOST_FAULTY.items():
            found = arm.quality.shares[fault]
            if found.questions >= ENOUGH and found.value >= most:
                before = figures.arms.get(untuned.get(name, ""))
                key = fault if name in UNTUNED and _is_by_training(fault, found, before) else "manner"
                yield Statement(TOPIC, f"form.{key}", {"arm": name, "fault": fault, "share": share_text(found)})


def _is_by_training(fault: str, found: Figure, before: ArmFigures | None) -> bool:
    """Whether a tuned arm has the fault clearly more often than it had `before`; yes where that was not examined."""
    share = before.quality.shares[fault] if before else None
    return share is None or not share.questions or found.value >= share.value + BY_TRAINING
