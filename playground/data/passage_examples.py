"""Pairs with passages in their prompts, as retrieval asks them; pairs about one passage are read together."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from playground.data.passage_pool import PassagePool
from playground.data.tokenize import INSTRUCTION, MAX_PAIR_WINDOWS, Example, TrainingPair, pair_example
from playground.data.training_pairs import refusal
from retrieval.chunks import Passage

REFUSALS = 0.02  # of the pairs with passages, those that get only other passages; with .04 a short run refused too much
GROUP = 4  # pairs at most that are asked of the same passages; they cost little more than one of them


class PassageExamples:
    """Decides which pairs get passages, and builds their examples.

    The same pairs, `share` and `seed` give the same examples.
    """

    def __init__(
        self, pool: PassagePool, tokenizer: PreTrainedTokenizerBase, window: int, share: float, seed: int
    ) -> None:
        self._pool, self._tokenizer = pool, tokenizer
        self._window, self._share, self._seed = window, share, seed

    def alone(self, number: int, pair: TrainingPair, bare: Example) -> Example:
        """The pair with passages, if it is drawn to have some and its own passage fits; else `bare`. Never refuses."""
        if not self._drawn(self._share, pair.question):
            return bare
        passages = self._pool.with_distractors(number, [pair], self._room([bare]), self._seed)
        return self._asked_of(pair, passages) if passages else bare

    def together(self, pairs: Iterable[tuple[int, TrainingPair, Example]], turn: int = 0) -> Iterator[Example]:
        """The examples of pairs, each given with its document's number and its bare example.

        Pairs about the same passage either all have passages, the same for up to GROUP of them, or none. `turn` counts
        how often the pairs were read: each time others have passages.
        """
        by_passage: dict[object, list[tuple[int, TrainingPair, Example]]] = {}
        for number, pair, bare in pairs:
            place = self._pool.place(number, pair.start)
            by_passage.setdefault(pair.question if place is None else place, []).append((number, pair, bare))
        groups = list(by_passage.values())
        random.Random(f"{self._seed} {turn}").shuffle(groups)
        wanted = self._share * sum(map(len, groups))
        for about in groups:
            if wanted >= len(about) / 2:
                yield from self._groups(about, turn)
            else:
                yield from (bare for *_, bare in about)
            wanted -= len(about)

    def _groups(self, about: Sequence[tuple[int, TrainingPair, Example]], turn: int) -> Iterator[Example]:
        held: list[tuple[int, TrainingPair, Example]] = []
        for number, pair, bare in about:
            if self._drawn(REFUSALS, turn, "refusal", pair.question):
                yield self._refused(number, pair, bare)
                continue
            tokens = sum(len(each.input_ids) for *_, each in held) + len(bare.input_ids)
            if held and (len(held) == GROUP or tokens > self._window):
                yield from self._group(held, turn)
                held = []
            held.append((number, pair, bare))
        if held:
            yield from self._group(held, turn)

    def _group(self, held: Sequence[tuple[int, TrainingPair, Example]], turn: int) -> Iterator[Example]:
        """The examples of pairs about one passage, asked of the same passages."""
        asked, bare = [pair for _, pair, _ in held], [each for *_, each in held]
        passages = self._pool.with_distractors(held[0][0], asked, self._room(bare), self._seed + turn)
        if not passages:
            yield from bare
            return
        name = f"{turn} {asked[0].source} {asked[0].question}" if len(held) > 1 else ""
        yield from (replace(self._asked_of(each, passages), group=name) for each in asked)

    def _refused(self, number: int, pair: TrainingPair, bare: Example) -> Example:
        passages = self._pool.distractors(number, pair, self._room([bare]), self._seed)
        if not passages:
            return bare
        return replace(self._asked_of(replace(pair, answer=refusal(pair.question)), passages), prompt_kind="refusal")

    def _asked_of(self, pair: TrainingPair, passages: Sequence[Passage]) -> Example:
        return pair_example(pair, self._tokenizer, self._window, passages)

    def _room(self, bare: Sequence[Example]) -> int:
        """Tokens for passages beside the longest of the pairs."""
        return MAX_PAIR_WINDOWS * self._window - max(len(each.input_ids) for each in bare) - INSTRUCTION

    def _drawn(self, share: float, *of: object) -> bool:
        return random.Random(" ".join(map(str, (self._seed, *of)))).random() < share
