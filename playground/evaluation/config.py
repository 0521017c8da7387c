"""Settings of an exam, defined once for the form, the command line and the checks."""

from dataclasses import dataclass

from adapters.options import knob


@dataclass(frozen=True)
class ExamSettings:
    """The same settings, text and adapter give the same answers."""

    limit: int = knob(60, label="Questions", help="Made from the text; 24 general ones are added.", low=4, high=1_000)
    passage_tokens: int = knob(256, label="Passages", help="Tokens of passages per prompt.", low=64, high=512)
    answer_tokens: int = knob(64, label="Answer length", help="Most tokens in a free answer.", low=4, high=256)
    rows: int = knob(16, label="Rows", help="Answers written at the same time.", low=1, high=64)
    facts: int = knob(
        60,
        label="Facts",
        help="Sentences that are told apart from themselves with a name or number exchanged; 0 leaves this out.",
        low=0,
        high=500,
    )
    orders: int = knob(
        0,
        label="Planted orders",
        help="Instructions planted in passages, to count those that are followed; 0 leaves this out.",
        low=0,
        high=30,
    )
    seed: int = knob(0, label="Seed", help="The same seed gives the same exam.", low=0, high=2**31 - 1)
