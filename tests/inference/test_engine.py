"""All arms in one batch: each answer is what the arm would say alone, and the base model stays as it was."""

import threading
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch import nn
from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

from adapters.base import PlainLora, target_layers
from adapters.options import build, knobs
from playground import prompts
from playground.errors import USER_FACING
from playground.inference import hooks
from playground.inference.engine import Prompt, generate
from playground.inference.forward import forward_of
from playground.inference.kv_cache import KVCache
from playground.inference.ragged_batch import Segment
from playground.inference.sampling import Decoding, sample_token
from playground.inference.scheduler import PREFILL_CHUNK
from playground.models.chat_model import ChatModel
from tests.fakes.chat_model import generate_rows, lively, lora, untouched

GREEDY = Decoding(max_new_tokens=24, repetition_penalty=1.0)
DRAWN = Decoding(max_new_tokens=24, temperature=0.9, top_p=0.95, seed=3)
NEAR = 2e-3  # between logits: more than sums in another order differ by
QUESTIONS = ["What is a museum?", "Who may visit a library, and when? Name three rules.", "Tell me of the sea. " * 20]
SHORT, MIDDLE, LONG = (
    [(7 * place + start) % 250 + 5 for place in range(length)]
    for start, length in ((1, 5), (2, 40), (3, PREFILL_CHUNK + 60))
)


def reference(model: nn.Module, ids: list[int], length: int = 24) -> list[int]:
    """What transformers' own greedy generation says."""
    out = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=length)  # type: ignore[operator]
    return out[0, len(ids) :].tolist()


def four(chat: ChatModel) -> list[Prompt]:
    """As in a question to all arms: two prompts, two owners; and a second adapter of another rank and fewer layers."""
    mine, other = lora(1), lora(2, rank=2, part="q_proj")
    return [Prompt(MIDDLE), Prompt(LONG), Prompt(SHORT, mine), Prompt(LONG, mine), Prompt(MIDDLE, other)]


def test_base_rows_in_a_batch_with_adapters_say_what_the_clean_model_says(chat: ChatModel) -> None:
    rows = generate_rows(chat, four(chat), GREEDY)
    assert rows[0] == reference(lively(), MIDDLE)
    assert rows[1] == reference(lively(), LONG)
    assert rows[1] != rows[3]


def test_adapter_rows_say_what_peft_says(chat: ChatModel, tmp_path: Path) -> None:
    rows = generate_rows(chat, four(chat), GREEDY)
    for number, prompt in [(2, SHORT), (3, LONG)]:
        lora(1).save(tmp_path / "one", "tiny")
        assert rows[number] == reference(PeftModel.from_pretrained(lively(), tmp_path / "one"), prompt)
    lora(2, rank=2, part="q_proj").save(tmp_path / "two", "tiny")
    assert rows[4] == reference(PeftModel.from_pretrained(lively(), tmp_path / "two"), MIDDLE)


@pytest.mark.parametrize("settings", [GREEDY, DRAWN, replace(GREEDY, repetition_penalty=1.3)])
def test_every_row_says_in_the_batch_what_it_says_alone(chat: ChatModel, settings: Decoding) -> None:
    prompts = four(chat)
    assert generate_rows(chat, prompts, settings) == [generate_rows(chat, [each], settings)[0] for each in prompts]


def test_two_answers_at_a_time_do_not_mix(chat: ChatModel) -> None:
    prompts = four(chat)
    alone = [generate_rows(chat, [each], GREEDY)[0] for each in prompts]
    found: list[list[int]] = [[] for _ in prompts]

    def work(number: int) -> None:
        found[number] = generate_rows(chat, [prompts[number]], GREEDY)[0]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone


def test_rows_without_an_adapter_are_computed_as_if_there_were_none(chat: ChatModel) -> None:
    ids = torch.tensor([SHORT, SHORT, SHORT])
    with torch.inference_mode():
        clean = chat.model(ids).logits
        with hooks.apply_adapters(chat.model, [None, lora(1), None]):
            mixed = chat.model(ids).logits
    assert torch.equal(mixed[[0, 2]], clean[[0, 2]])
    assert not torch.allclose(mixed[1], clean[1], atol=1e-2)


@pytest.mark.parametrize("rows", [1, 2, 4, 6])
def test_few_rows_are_computed_faster_but_alike(rows: int) -> None:
    model = nn.Sequential(nn.Linear(24, 40), nn.Linear(40, 8, bias=False))
    x = torch.randn(rows, 1, 24, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        usual = model(x)
        with hooks.transposed_matmul(model):  # type: ignore[arg-type]
            assert all("forward" in vars(layer) for layer in model)
            torch.testing.assert_close(model(x), usual)
    assert not any("forward" in vars(layer) for layer in model)


def test_the_base_is_as_before_after_each_token_and_after_an_abandoned_answer(chat: ChatModel) -> None:
    tokens = generate(chat, four(chat), GREEDY)
    for _ in range(9):
        next(tokens)
        assert untouched(chat)
    tokens.close()
    assert untouched(chat)
    assert generate_rows(chat, [Prompt(SHORT)], GREEDY) == [reference(lively(), SHORT)]


def test_the_base_is_as_before_after_an_exception(chat: ChatModel) -> None:
    broken = PlainLora({**lora(1, part="q_proj").layers, "lm_head": (torch.zeros(1, 99), torch.zeros(259, 1))})
    with pytest.raises(RuntimeError):
        generate_rows(chat, [Prompt(SHORT, broken)], GREEDY)
    assert untouched(chat)
    assert generate_rows(chat, [Prompt(SHORT)], GREEDY) == [reference(lively(), SHORT)]


@pytest.mark.parametrize("after", [0, 1, 4, 9])
def test_stop_takes_effect_before_the_next_token(chat: ChatModel, after: int) -> None:
    count = 0

    def stop() -> bool:
        return count >= after

    for _ in generate(chat, four(chat), GREEDY, stop):
        count += 1
    assert count == after


def test_stop_takes_effect_while_a_long_prompt_is_read(chat: ChatModel) -> None:
    answers = iter([False, True])
    seen = widths(chat)
    assert list(generate(chat, [Prompt(LONG)], GREEDY, lambda: next(answers))) == []
    assert seen == [(PREFILL_CHUNK,)]


def widths(chat: ChatModel) -> list[tuple[int, ...]]:
    """A list that grows by the shape of the ids of every forward pass from now on."""
    forward_of(chat.model)  # which is looked for with passes of its own
    shapes: list[tuple[int, ...]] = []
    embedding = chat.model.get_input_embeddings()
    embedding.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    return shapes


def test_a_row_that_ends_leaves_the_batch_and_the_others_go_on_alike(chat: ChatModel) -> None:
    prompts = four(chat)
    free = generate_rows(chat, prompts, GREEDY)
    place, end = next((n, each) for n, each in enumerate(free[1]) if n > 3 and each not in free[1][:n])
    chat.model.generation_config.eos_token_id = [end, 2]
    shapes = widths(chat)
    rows = generate_rows(chat, prompts, GREEDY)
    assert rows[1] == free[1][: place + 1]
    assert all(row == whole[: len(row)] for row, whole in zip(rows, free, strict=True))
    assert shapes[-1] == (1,)


def test_the_penalty_is_transformers_own_over_the_answer_alone() -> None:
    logits = torch.randn(50, generator=torch.Generator().manual_seed(1))
    prompt, so_far = [1, 2, 3, int(logits.argmax())], [int(logits.topk(2).indices[1]), 7, 7]
    theirs = RepetitionPenaltyLogitsProcessor(1.7, prompt_ignore_length=len(prompt))
    expected = theirs(torch.tensor([prompt + so_far]), logits[None].clone())[0].argmax()
    random = torch.Generator().manual_seed(0)
    assert sample_token(logits, so_far, replace(GREEDY, repetition_penalty=1.7), random) == int(expected)


def test_draws_keep_to_the_nucleus_and_follow_the_probabilities() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    random = torch.Generator().manual_seed(0)
    settings = Decoding(temperature=1.0, top_p=0.7, repetition_penalty=1.0)
    drawn = [sample_token(logits, [], settings, random) for _ in range(2000)]
    assert set(drawn) == {0, 1}
    assert drawn.count(0) / 2000 == pytest.approx(0.5 / 0.8, abs=0.04)


def test_a_draw_does_not_turn_on_which_of_two_equal_tokens_is_ahead() -> None:
    logits = torch.randn(20, generator=torch.Generator().manual_seed(1)).repeat(2)
    ahead = torch.tensor([0.0, 1e-6]).repeat_interleave(20)
    settings = Decoding(temperature=1.0, top_p=0.95, repetition_penalty=1.0)

    def drawn(of: torch.Tensor) -> list[int]:
        return [sample_token(of, [], settings, torch.Generator().manual_seed(seed)) for seed in range(50)]

    assert drawn(logits - ahead) == drawn(logits + ahead)


def test_decoding_is_a_form_with_limits() -> None:
    assert [each.name for each in knobs(Decoding)][:2] == ["max_new_tokens", "temperature"]
    assert build(Decoding, {"max_new_tokens": "64", "temperature": 0.5}).max_new_tokens == 64
    with pytest.raises(USER_FACING, match="Answer length must be between 1 and 512"):
        build(Decoding, {"max_new_tokens": 513})


@pytest.mark.slow
def test_on_the_real_model_an_arm_says_in_the_batch_what_it_says_alone(real_chat: ChatModel) -> None:
    """Where they part, the two likeliest tokens must be as near as the order of sums can move them; counted."""
    chat = real_chat
    texts = [prompts.render(chat.tokenizer, prompts.messages(each)) for each in QUESTIONS]
    adapters_ = [None, drawn_lora(chat, 1, 3), drawn_lora(chat, 2, 64)]
    rows = [Prompt(text, each) for each in adapters_ for text in texts]
    settings = replace(GREEDY, max_new_tokens=24)
    together, parted = generate_rows(chat, rows, settings), 0
    for row, found in zip(rows, together, strict=True):
        alone = generate_rows(chat, [row], settings)[0]
        if alone != found:
            parted += 1
            assert gap(chat, row, alone, found) < NEAR
    warnings.warn(f"{parted} of {len(rows)} answers part at a near-tie", stacklevel=1)
    assert parted <= len(rows) // 4


def gap(chat: ChatModel, row: Prompt, one: list[int], other: list[int]) -> float:
    """How far apart the logits of two answers' first different tokens are, of the answers' common beginning."""
    same = next(n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    ids = [*row.ids, *one[:same]]
    logits = forward_of(chat.model)([Segment(ids, KVCache(len(ids)), row.adapter)])[0][0]
    return abs(float(logits[one[same]] - logits[other[same]]))


def drawn_lora(chat: ChatModel, seed: int, rank: int) -> PlainLora:
    """An adapter of all linear layers, strong enough to change what is said."""
    random = torch.Generator().manual_seed(seed)
    return PlainLora(
        {
            name: (torch.randn(rank, wide, generator=random) / 50, torch.randn(high, rank, generator=random) / 50)
            for name, (wide, high) in target_layers(chat.model).items()
        }
    )
