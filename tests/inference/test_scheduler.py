"""Questions that share a batch: nobody disturbs another, who came first is served first, and nothing is read twice."""

import gc
import threading
from dataclasses import replace

import pytest
import torch

from adapters.base import PlainLora
from playground.inference import scheduler as batch_module
from playground.inference.engine import Decoding, Prompt, Token, generate, open_request, scheduler_of
from playground.inference.forward import forward_of
from playground.inference.kv_cache import KVCache, PrefixCache
from playground.inference.prompt_lookup import PromptLookup
from playground.inference.scheduler import MAX_UNREAD
from playground.models.chat_model import ChatModel
from tests.fakes.chat_model import generate_rows, lively, lora, small_chat
from tests.fakes.tiny_model import tiny_llama

GREEDY = Decoding(max_new_tokens=24, repetition_penalty=1.0)
SHORT, LONG = ([(7 * place + start) % 250 + 5 for place in range(length)] for start, length in ((1, 12), (3, 300)))
AGAIN = [5, 9, 7, 30, 31, 32, 33, 34, 35, 36] * 9


@pytest.fixture
def chat() -> ChatModel:
    found = small_chat()
    forward_of(found.model)
    return found


@pytest.fixture
def no_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tokens of passes can be counted."""
    monkeypatch.setattr(batch_module, "MAX_DRAFT", 0)


def computed(chat: ChatModel) -> list[int]:
    """A list that grows by the number of tokens of every pass from now on."""
    tokens: list[int] = []
    embedding = chat.model.get_input_embeddings()
    embedding.register_forward_pre_hook(lambda _, inputs: tokens.append(inputs[0].numel()))
    return tokens


def test_questions_that_come_and_go_share_passes_and_say_what_they_say_alone(chat: ChatModel) -> None:
    mine, theirs = lora(1), lora(2, rank=9)
    alone = [
        generate_rows(chat, [each], GREEDY)[0] for each in (Prompt(SHORT, mine), Prompt(LONG, theirs), Prompt(LONG))
    ]
    passes = computed(chat)
    first = generate(chat, [Prompt(SHORT, mine)], GREEDY)
    begun = [next(first).id for _ in range(5)]
    second = generate(chat, [Prompt(LONG, theirs), Prompt(LONG)], replace(GREEDY, seed=4))
    came = [next(second), next(second)]
    rest = [each.id for each in first]
    came += second
    assert begun + rest == alone[0]
    assert [[each.id for each in came if each.row == row] for row in (0, 1)] == alone[1:]
    assert len(passes) < 24 + 24 + 3
    assert max(passes) > batch_module.PREFILL_CHUNK


def test_many_threads_get_what_they_get_alone(chat: ChatModel) -> None:
    prompts = [Prompt(SHORT), Prompt(LONG, lora(1)), Prompt(AGAIN, lora(2, rank=3)), Prompt(SHORT[:7])]
    alone = [generate_rows(chat, [each], replace(GREEDY, temperature=0.8, seed=n)) for n, each in enumerate(prompts)]
    found: list[list[list[int]]] = [[] for _ in prompts]

    def work(number: int) -> None:
        found[number] = generate_rows(chat, [prompts[number]], replace(GREEDY, temperature=0.8, seed=number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone


@pytest.mark.usefixtures("no_guesses")
def test_who_is_read_no_more_waits_and_holds_up_nobody(chat: ChatModel) -> None:
    left = generate(chat, [Prompt(LONG)], GREEDY)
    next(left)
    passes = computed(chat)
    assert len(generate_rows(chat, [Prompt(SHORT)], GREEDY)[0]) == 24
    assert sum(passes) == len(SHORT) + 23 + MAX_UNREAD
    rest = [each.id for each in left]
    assert len(rest) == 23


def test_a_fault_in_one_question_is_told_to_nobody_else(chat: ChatModel) -> None:
    broken = PlainLora({"model.layers.0.self_attn.q_proj": (torch.zeros(1, 99), torch.zeros(32, 1))})
    expected = generate_rows(chat, [Prompt(SHORT, lora(1))], GREEDY)
    good, bad = generate(chat, [Prompt(SHORT, lora(1))], GREEDY), generate(chat, [Prompt(SHORT, broken)], GREEDY)
    begun = [next(good).id]
    with pytest.raises(RuntimeError):
        next(bad)
    assert [[*begun, *(each.id for each in good)]] == expected
    assert generate_rows(chat, [Prompt(SHORT, lora(1))], GREEDY) == expected


def test_where_memory_is_short_questions_are_answered_in_the_order_they_came(
    chat: ChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (len(SHORT) + 24) * forward_of(chat.model).bytes_per_token
    monkeypatch.setattr(batch_module, "BATCH_BYTES", 2 * one)
    monkeypatch.setattr(batch_module, "POLL_SECONDS", 0.0)
    questions = [open_request(chat, [Prompt(SHORT)], GREEDY) for _ in range(4)]
    batch = scheduler_of(chat.model)
    for each in questions:
        each.__enter__()
    assert [batch.place(each).ahead for each in questions] == [0, 0, 2, 3]
    assert next(questions[3].queue_positions()).ahead == 3
    assert len(list(questions[1].tokens())) == 24
    questions[1].__exit__(None, None, None)
    assert [batch.place(each).ahead for each in (questions[0], questions[2], questions[3])] == [0, 0, 2]
    assert list(questions[2].queue_positions()) == []
    large = open_request(chat, [Prompt(LONG)], GREEDY, lambda: True)
    for each in (questions[0], questions[2], questions[3]):
        each.__exit__(None, None, None)
    with large:
        assert batch.place(large).ahead == 0


def test_whoever_waits_with_a_second_question_lets_the_others_first(
    chat: ChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "BATCH_BYTES", 0)
    readers = ["ann", "ann", "ann", "bob", "cem", "bob"]
    questions = [open_request(chat, [Prompt(SHORT, scope=reader)], GREEDY) for reader in readers]
    batch = scheduler_of(chat.model)
    for each in questions:
        each.__enter__()
    assert [batch.place(each).ahead for each in questions] == [0, 3, 5, 1, 2, 4]
    for each in questions:
        each.__exit__(None, None, None)


def test_the_time_to_wait_follows_the_pace_at_which_questions_end(
    chat: ChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "BATCH_BYTES", 0)
    now = [100.0]
    monkeypatch.setattr(batch_module.time, "monotonic", lambda: now[0])
    questions = [open_request(chat, [Prompt(SHORT)], GREEDY) for _ in range(5)]
    for each in questions:
        each.__enter__()
    batch = scheduler_of(chat.model)
    assert [batch.place(each).seconds for each in questions] == [0.0, None, None, None, None]
    for each in questions[:2]:
        now[0] += 6.0
        each.__exit__(None, None, None)
    assert [batch.place(each).seconds for each in questions[2:]] == [0.0, 6.0, 12.0]
    for each in questions[2:]:
        each.__exit__(None, None, None)


@pytest.mark.usefixtures("no_guesses")
def test_everybody_is_begun_before_anybody_has_a_second_prompt_read(chat: ChatModel) -> None:
    pair = [Prompt(SHORT), Prompt(LONG)]
    first, second = (open_request(chat, [replace(each, scope=reader) for each in pair], GREEDY) for reader in "ab")
    passes = computed(chat)
    with first, second:
        next(first.tokens())
        assert passes == [2 * len(SHORT)]
        assert second.rows[0].generated


def test_who_stops_while_waiting_leaves_the_line(chat: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "BATCH_BYTES", 0)
    with open_request(chat, [Prompt(SHORT)], GREEDY):
        assert list(generate(chat, [Prompt(SHORT)], GREEDY, lambda: True)) == []
    assert len(generate_rows(chat, [Prompt(SHORT)], GREEDY)[0]) == 24


def test_a_model_of_its_own_answers_beside_the_resident_one(chat: ChatModel) -> None:
    other = lively()
    with torch.no_grad():
        other.model.layers[0].self_attn.q_proj.weight.mul_(-1)
    prompts = [Prompt(SHORT), Prompt(SHORT, model=other), Prompt(LONG, model=other)]
    together = generate_rows(chat, prompts, GREEDY)
    assert together == [generate_rows(chat, [each], GREEDY)[0] for each in prompts]
    assert together[0] != together[1]


@pytest.mark.usefixtures("no_guesses")
def test_a_second_turn_reads_only_what_is_new_and_says_the_same(chat: ChatModel) -> None:
    adapter = lora(1)
    first = generate_rows(chat, [Prompt(LONG, adapter, scope="ann")], GREEDY)[0]
    later = [*LONG, *first, *SHORT]
    expected = generate_rows(chat, [Prompt(later, adapter)], GREEDY)
    passes = computed(chat)
    assert generate_rows(chat, [Prompt(later, adapter, scope="ann")], GREEDY) == expected
    assert passes[0] == len(SHORT) + 1  # the last token of an answer is said, and not read


@pytest.mark.usefixtures("no_guesses")
def test_rows_of_one_question_read_their_common_beginning_once(chat: ChatModel) -> None:
    passes = computed(chat)
    generate_rows(chat, [Prompt(LONG, scope="ann"), Prompt(LONG[:200] + SHORT, scope="ann")], GREEDY)
    assert passes[0] == 200 + len(SHORT)
    assert passes[1] == 1 + len(LONG) - 200


@pytest.mark.usefixtures("no_guesses")
@pytest.mark.parametrize("other", ["person", "adapter", "model", "nobody", "forgotten", "reloaded"])
def test_what_one_has_read_answers_nobody_else(chat: ChatModel, other: str) -> None:
    mine = lora(1)
    generate_rows(chat, [Prompt(LONG, mine, scope="ann")], GREEDY)
    reader = {"person": "bob", "nobody": ""}.get(other, "ann")
    adapter = {"adapter": lora(2), "model": None, "reloaded": lora(1)}.get(other, mine)
    if other == "forgotten":
        scheduler_of(chat.model).forget("ann")
    passes = computed(chat)
    generate_rows(chat, [Prompt(LONG, adapter, lively() if other == "model" else None, scope=reader)], GREEDY)
    assert sum(passes) == (0 if other == "model" else len(LONG) + 23)


def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    reader, other = lively(), lively()
    memory = KVCache(40)
    memory.write(0, torch.randn(4, 40, 8))
    memory.length = 40
    size = 4 * 40 * 8 * 4
    kept = PrefixCache(2 * size)
    texts = [[start, *range(100, 139)] for start in range(3)]
    for each in texts[:2]:
        kept.store("ann", reader, each, memory)
    assert kept.find("ann", reader, [*texts[0], 7], 50).length == 40
    kept.store("ann", reader, texts[2], memory)
    assert kept.nbytes == 2 * size
    assert [kept.find("ann", reader, [*each, 7], 50).length for each in texts] == [40, 0, 40]
    assert kept.find("ann", reader, texts[0], 50).length == 39
    kept.store("ann", other, texts[1], memory)
    del other
    gc.collect()
    kept.store("ann", reader, texts[1][:20], memory)
    assert kept.nbytes == 1.5 * size
    mine, _ = kept.find("ann", reader, [*texts[0], 7], 50).write(0, torch.zeros(4, 1, 8))
    assert torch.equal(mine[:, :40], memory.write(0, torch.zeros(4, 0, 8))[0])
    kept.keep_within(size)
    assert [kept.find("ann", reader, [*each, 7], 50).length for each in texts] == [40, 0, 0]


def test_what_was_read_before_makes_room_for_a_full_batch(chat: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    token = forward_of(chat.model).bytes_per_token
    monkeypatch.setattr(batch_module, "LEAST_PREFIX_BYTES", 0)
    monkeypatch.setattr(batch_module, "PREFIX_CACHE_BYTES", 1_000 * token)
    known = [*SHORT, 7]

    def cached() -> int:
        return scheduler_of(chat.model).cached_prefix("ann", chat.model, known, 100).length

    generate_rows(chat, [Prompt(SHORT, scope="ann")], GREEDY)
    assert cached() == len(SHORT)
    monkeypatch.setattr(batch_module, "BATCH_BYTES", 0)
    generate_rows(chat, [Prompt(SHORT)], GREEDY)
    assert cached() == 0


@pytest.mark.parametrize(
    "settings",
    [GREEDY, replace(GREEDY, repetition_penalty=1.4), replace(GREEDY, temperature=0.7, seed=5)],
    ids=["greedy", "penalty", "drawn"],
)
def test_guesses_change_no_answer(chat: ChatModel, settings: Decoding, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(settings, max_new_tokens=60)
    prompts = [Prompt(AGAIN), Prompt(LONG, lora(1)), Prompt(AGAIN, lora(2))]
    monkeypatch.setattr(batch_module, "MAX_DRAFT", 0)
    plain = generate_rows(chat, prompts, settings)
    # The prompt has the answer already, as where one copies from its passages.
    copying = [replace(each, ids=[*each.ids, *answer, *each.ids]) for each, answer in zip(prompts, plain, strict=True)]
    expected = generate_rows(chat, copying, settings)
    monkeypatch.setattr(batch_module, "MAX_DRAFT", 6)
    assert generate_rows(chat, copying, settings) == expected


def test_right_guesses_save_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = replace(small_chat(), model=tiny_llama())  # it says its last token for ever
    forward_of(chat.model)
    passes = computed(chat)
    generate_rows(chat, [Prompt(SHORT)], GREEDY)
    assert len(passes) < 10
    monkeypatch.setattr(batch_module, "MAX_DRAFT", 0)
    generate_rows(chat, [Prompt(SHORT)], GREEDY)
    assert passes[-24:] == [len(SHORT), *[1] * 23]


def test_an_answer_that_ends_or_stops_among_guesses_has_no_token_more(
    chat: ChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = generate_rows(chat, [Prompt(AGAIN)], replace(GREEDY, max_new_tokens=60))[0]
    monkeypatch.setattr(batch_module, "MAX_DRAFT", 6)
    for length in range(1, 12):
        assert generate_rows(chat, [Prompt(AGAIN)], replace(GREEDY, max_new_tokens=length))[0] == free[:length]
    heard: list[Token] = []
    for token in generate(chat, [Prompt(AGAIN)], GREEDY, lambda: len(heard) == 7):
        heard.append(token)
    assert [each.id for each in heard] == free[:7]


def test_guesses_are_what_followed_before_and_more_where_more_stood_before() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6, 7, 8, 9, 1])
    assert lookup.draft(20) == [2]
    lookup.add(2)
    assert lookup.draft(20) == [3]
    lookup.add(3)
    assert lookup.draft(20) == [4, 5, 6]
    assert lookup.draft(2) == [4, 5]
    lookup.add(77)
    assert lookup.draft(20) == []
    for each in [77, 77, 77]:
        lookup.add(each)
    assert lookup.draft(20) == [77] * 3
