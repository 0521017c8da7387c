"""The held-out tests of a run: the loss on held-out examples, and how good the answers to held-out questions are.

Knows how a model answers greedily, not what makes an answer good: that judgement is passed in.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import LogitsProcessorList, PreTrainedTokenizerBase, RepetitionPenaltyLogitsProcessor

from adapters.peft_method import unwrap
from playground.data.tokenize import NO_LOSS, Example, TrainingPair
from playground.inference.sampling import Decoding
from playground.prompts import end_of_answer
from playground.training.losses import count_targets, summed_losses
from playground.training.state import HeldoutResult, RunState

ANSWER_TOKENS = 40  # of each answer; one that goes on is judged as not ended
PENALTY = Decoding().repetition_penalty  # as visitors ask, by default

# The pair, what was answered and whether it ended by itself -> 0 (not worth reading) to 1 (useful).
AnswerJudge = Callable[[TrainingPair, str, bool], float]


class HeldoutTests:
    """The held-out examples of a run, and a few of their questions, the same ones at each test."""

    def __init__(
        self,
        examples: Sequence[Example],
        tokenizer: PreTrainedTokenizerBase,
        questions: int = 0,
        judge: AnswerJudge | None = None,
    ) -> None:
        self._examples, self._tokenizer, self._judge = examples, tokenizer, judge
        self._questions = _spread([each for each in examples if each.pair is not None], questions) if judge else []

    def measure(self, run: RunState, with_answers: bool = False) -> HeldoutResult:
        """Test the model as it is now. `loss` is the mean over every token that carries loss, never a model's own."""
        was_training = run.model.training
        run.model.eval()
        with torch.no_grad():
            total = sum(loss.item() for loss in summed_losses(unwrap(run.model), self._examples, run.activations))
            answers = self._score(unwrap(run.model)) if with_answers else None
        run.model.train(was_training)
        return HeldoutResult(total / max(count_targets(self._examples), 1), answers)

    def _score(self, model: Any) -> float | None:
        """The mean judgement of the answers."""
        if not self._questions or self._judge is None:
            return None
        answers = zip(self._questions, self._answers(model), strict=True)
        marks = [self._judge(each.pair, *answer) for each, answer in answers if each.pair]
        return sum(marks) / len(marks)

    def _answers(self, model: Any) -> list[tuple[str, bool]]:
        """Each answer's text, and whether it ended by itself."""
        prompts = [each.input_ids[: _prompt_length(each)] for each in self._questions]
        longest, end = max(map(len, prompts)), end_of_answer(self._tokenizer)
        blank = 0 if end is None else end  # masked, so any token will do
        ids = torch.tensor([[blank] * (longest - len(each)) + each for each in prompts], device=model.device)
        mask = torch.tensor([[0] * (longest - len(each)) + [1] * len(each) for each in prompts], device=model.device)
        found = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=ANSWER_TOKENS,
            do_sample=False,
            pad_token_id=blank,
            logits_processor=LogitsProcessorList([RepetitionPenaltyLogitsProcessor(PENALTY, longest)]),
        )
        answers = [row[longest:] for row in found.tolist()]
        texts = self._tokenizer.batch_decode(answers, skip_special_tokens=True)
        return [(text.strip(), end in answer) for text, answer in zip(texts, answers, strict=True)]


def _spread(examples: Sequence[Example], count: int) -> list[Example]:
    """At most `count` of them, evenly over their order."""
    if len(examples) <= count:
        return list(examples)
    return [examples[place * len(examples) // count] for place in range(count)]


def _prompt_length(example: Example) -> int:
    return next(place for place, label in enumerate(example.labels) if label != NO_LOSS)
