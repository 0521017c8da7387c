"""Paraphrases by rules and by a model."""

import pytest

from playground.evaluation.paraphrase import paraphrase_by_model, paraphrase_by_rules


@pytest.mark.parametrize(
    ("question", "language", "reworded"),
    [
        ("Who was Anna Bergman?", "en", "Tell me about the person named Anna Bergman."),
        ("What is a museum?", "en", "How would you define a museum?"),
        (
            "Fill in the blank: In ____, the museum was founded.",
            "en",
            "Which words or figures are left out at ____ here? The museum was established, in ____.",
        ),
        ("Bảo tàng là gì?", "vi", "Hãy định nghĩa Bảo tàng."),
        ("Fill in the blank: It has ____ rooms.", "en", ""),
        ("Whither now?", "en", ""),
    ],
)
def test_rules_say_a_question_in_other_words_or_not_at_all(question: str, language: str, reworded: str) -> None:
    assert paraphrase_by_rules(question, language) == reworded


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("In which year did Anna Bergman establish it?", True),
        ("In which year did Anna Bergman establish it, 1884?", False),
        ("In which year was it established?", False),
        ("When did Anna Bergman found the museum?", False),
        ("", False),
    ],
)
def test_a_models_rewording_must_keep_names_change_words_and_tell_nothing(said: str, kept: bool) -> None:
    assert bool(paraphrase_by_model("When did Anna Bergman found the museum?", ["1884"], lambda _: said)) == kept
