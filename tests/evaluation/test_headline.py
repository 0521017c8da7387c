"""The headline names a way of answering only where the verdict allows it, and says why where it names none."""

import pytest

from playground.evaluation.headline import draw_headline
from playground.evaluation.statements import Statement, render_statement

BETTER, CLOSE = "who.better", "who.close"
SHARES = {
    "base": "40 % (30–50)",
    "rag": "80 % (70–90)",
    "tuned": "60 % (50–70)",
    "both": "85 % (75–95)",
    "gold": "99 %",
}


def contest(key: str, better: str, worse: str) -> Statement:
    values = {"better": better, "worse": worse, "one": SHARES[better], "two": SHARES[worse], "questions": 80}
    return Statement("who", key, values)


WARNING = Statement("form", "form.short", {"arm": "rag", "fault": "short", "share": "30 %"})
RAG_WINS = [contest(BETTER, "rag", "tuned"), contest(BETTER, "rag", "base"), contest(CLOSE, "tuned", "base")]


@pytest.mark.parametrize(
    ("verdict", "key", "said"),
    [
        (
            RAG_WINS,
            "best",
            "Best for this text is the base model with retrieval: 80 % (70–90) of choices right over ",
        ),
        (
            [WARNING, *RAG_WINS],
            "faulty",
            "No winner yet: the base model with retrieval makes most choices right, 80 % (70–90)",
        ),
        ([contest(BETTER, "gold", "rag"), *RAG_WINS], "best", "Best for this text is the base model with retrieval:"),
        (
            [contest(BETTER, "rag", "tuned"), contest(CLOSE, "both", "rag"), contest(BETTER, "both", "tuned")],
            "close",
            "Too close to call between the fine-tuned model with retrieval and the base model with retrieval. The",
        ),
        (
            [contest(CLOSE, "rag", "tuned"), contest(CLOSE, "rag", "base"), contest(CLOSE, "tuned", "base")],
            "none",
            "No way of answering is measurably better than the base model here: the base model with retrieval",
        ),
        (  # which of them is better than the base model was tested of two of three
            [
                contest(CLOSE, one, two)
                for one, two in (("both", "rag"), ("both", "tuned"), ("rag", "tuned"), ("rag", "base"))
            ],
            "close",
            "Too close to call between the fine-tuned model with retrieval, the base model with retrieval and the fine",
        ),
        ([contest(BETTER, "base", "tuned")], "best", "Best for this text is the base model:"),
        ([contest(BETTER, "tuned", "rag"), contest(BETTER, "base", "tuned")], "none", "No way of answering"),
    ],
)
def test_the_headline_claims_no_more_than_the_verdict(verdict: list[Statement], key: str, said: str) -> None:
    headline = draw_headline(verdict)
    assert headline
    assert headline.key == f"headline.{key}"
    assert render_statement(headline).startswith(said)
    assert render_statement(headline, "vi") != render_statement(headline)


def test_without_a_comparison_there_is_no_headline() -> None:
    assert draw_headline([]) is None
    assert draw_headline([contest(BETTER, "gold", "rag")]) is None
