"""One question to all arms: who answers and who abstains, what each is told, and what the stamps say."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from adapters.base import PlainLora
from playground import prompts
from playground.chat import answer as chat_module
from playground.chat.answer import Answer, Arm, Decoding, ServedAdapter, answer, load_adapter, visible_text
from playground.chat.turns import answered, record
from playground.errors import USER_FACING, UserError
from playground.inference.scheduler import Place
from playground.inference.sequence import Token
from playground.models.chat_model import ChatModel
from playground.prompts import Turn
from retrieval.chunks import Passage
from retrieval.search import Hit, SearchResult
from tests.fakes.chat_model import lively, lora, small_chat, untouched

SETTINGS = Decoding(max_new_tokens=12)
TEXTS = ["The archive opens at nine.", "Tickets cost four euros.", "Hội trường ở tầng hai."]


def four_arms() -> list[Arm]:
    adapter = ServedAdapter("LoRA", "a" * 16, "lora", lora(1), scale=2.0)
    return [Arm("base"), Arm("rag", None, True), Arm("tuned", adapter), Arm("both", adapter, True)]


def finds(found: bool = True, tokens: int = 20) -> Callable[[str], SearchResult]:
    def search(question: str) -> SearchResult:
        passages = [Passage(text, "hours.md", "", "Hours", 10 * n, 10 * n + 9, tokens) for n, text in enumerate(TEXTS)]
        return SearchResult(
            question, found, tuple(Hit(each, 0.9, 0.8, 3.0, 1.0) for each in passages), 0.9, index_hash="e" * 16
        )

    return search


def ask(
    chat: ChatModel, arms: Sequence[Arm], search: Callable[[str], SearchResult] | None = None, **more: Any
) -> list[Answer]:
    """The complete answers."""
    histories = more.pop("histories", [[] for _ in arms])
    settings = more.pop("decoding", SETTINGS)
    return list(answer(chat, arms, more.pop("question", "When?"), histories, search, settings, **more))[-1]


def said(each: Answer) -> tuple[str, int, int]:
    return each.text, each.tokens, each.prompt_tokens


def test_four_arms_answer_as_each_would_alone(chat: ChatModel) -> None:
    answers = ask(chat, four_arms(), finds())
    assert [each.arm for each in answers] == ["base", "rag", "tuned", "both"]
    assert [said(each) for each in answers] == [said(ask(chat, [arm], finds())[0]) for arm in four_arms()]
    assert len({each.text for each in answers}) == 4
    assert all(each.done and not each.stopped and each.tokens == 12 for each in answers)
    assert untouched(chat)


def test_a_model_that_can_think_does_so_where_it_is_asked_to_and_its_thoughts_are_no_answer() -> None:
    chat = small_chat()
    chat.tokenizer.chat_template += "{% if enable_thinking %}<think>\n{% endif %}"
    (at_once,) = ask(chat, [Arm("base")])
    (thinking,) = ask(chat, [Arm("base")], decoding=replace(SETTINGS, thinking=True))
    assert at_once.text
    assert not at_once.thoughts
    assert not at_once.prompt.endswith("<think>\n")
    assert thinking.prompt.endswith("<think>\n")
    assert (thinking.text, bool(thinking.thoughts), thinking.tokens) == ("", True, 12)
    assert thinking.stamp.id != at_once.stamp.id
    kept = record("When?", thinking)
    assert kept.thoughts == thinking.thoughts
    assert answered([kept]) == [], "the next question is asked without them"


def test_a_whole_model_and_scaled_rows_answer_beside_the_others_as_they_would_alone(chat: ChatModel) -> None:
    scales = {name: 0.8 + 0.4 * torch.rand(len(B)) for name, (_, B) in lora(3).layers.items()}
    dora = ServedAdapter("DoRA", "d" * 16, "dora", PlainLora(lora(3).layers, scales))
    other = lively()
    with torch.no_grad():
        other.model.layers[0].self_attn.q_proj.weight.mul_(-1)
    full = ServedAdapter("Full", "f" * 16, "full", None, other)
    arms = [*four_arms(), Arm("dora", dora), Arm("full", full), Arm("full-rag", full, True)]
    answers = ask(chat, arms, finds())
    assert [said(each) for each in answers] == [said(ask(chat, [arm], finds())[0]) for arm in arms]
    assert len({each.text for each in answers}) == 7
    assert answers[5].stamp.adapter_hash == "f" * 16
    assert untouched(chat)


def test_retrieval_arms_read_the_passages_and_no_other_arm_does(chat: ChatModel) -> None:
    base, rag, tuned, both = ask(chat, four_arms(), finds())
    assert base.prompt_tokens == tuned.prompt_tokens < rag.prompt_tokens == both.prompt_tokens
    assert [hit.passage.text for hit in rag.passages] == TEXTS
    assert rag.passages == both.passages
    assert base.passages == ()
    assert (base.found, rag.found) == (None, True)
    expected = prompts.messages("When?", (), [hit.passage for hit in rag.passages])
    assert rag.prompt_tokens == len(prompts.render(chat.tokenizer, expected))


def test_passages_keep_to_their_budget_and_to_half_the_window() -> None:
    assert len(ask(small_chat(), [Arm("rag", None, True)], finds(tokens=300), passage_tokens=700)[0].passages) == 2
    assert len(ask(small_chat(window=700), [Arm("rag", None, True)], finds(tokens=200))[0].passages) == 1


def test_stamps_tell_the_arms_apart_and_repeat(chat: ChatModel) -> None:
    stamps = [each.stamp for each in ask(chat, four_arms(), finds())]
    assert len({each.id for each in stamps}) == 4
    assert [each.stamp.id for each in ask(chat, four_arms(), finds())] == [each.id for each in stamps]
    both = json.loads(json.dumps(stamps[3].to_dict()))
    assert both["base_hash"] == chat.hash
    assert (both["adapter_hash"], both["method"], both["found"]) == ("a" * 16, "lora", True)
    assert both["passages"][0] == "hours.md:0-9"
    assert (both["index_hash"], both["adapter_scale"]) == ("e" * 16, 2.0)
    base = stamps[0]
    assert (base.adapter_hash, base.adapter_scale, base.index_hash, base.examples) == (None, None, None, ())
    assert len({each.prompt_hash for each in stamps}) == 2
    assert both["decoding"]["seed"] == 0
    assert both["versions"]["torch"] == torch.__version__
    assert both["template_hash"] == prompts.template_hash(chat.tokenizer)
    reseeded = ask(chat, four_arms(), finds(), decoding=replace(SETTINGS, seed=1))
    assert reseeded[0].stamp.id != stamps[0].id


def test_retrieval_arms_abstain_when_the_text_does_not_hold_it(chat: ChatModel) -> None:
    snapshots = list(answer(chat, four_arms(), "When?", [[]] * 4, finds(found=False), SETTINGS))
    assert snapshots[0][1].done
    base, rag, _, both = snapshots[-1]
    for each in (rag, both):
        assert (each.text, each.tokens, each.prompt_tokens, each.found, each.done) == ("", 0, 0, False, True)
        assert [hit.passage.text for hit in each.passages] == TEXTS
        assert each.stamp.passages == ()
        assert each.seconds_to_first_token is None
        assert not each.stopped
    assert base.tokens == 12
    assert base.text == ask(chat, [Arm("base")])[0].text


def test_asked_anyway_they_read_the_nearest_passages(chat: ChatModel) -> None:
    arm = Arm("rag", None, True)
    anyway = ask(chat, [arm], finds(found=False), ask_anyway=True)[0]
    found = ask(chat, [arm], finds())[0]
    assert said(anyway) == said(found)
    assert (anyway.found, found.found) == (False, True)
    assert anyway.stamp.id != found.stamp.id


def test_the_oldest_turns_are_dropped_first_and_counted(chat: ChatModel) -> None:
    history = [Turn(f"Question {n}?" + "." * (350 + 30 * n), f"Answer {n}.") for n in range(6)]
    kept = ask(chat, [Arm("base")], histories=[history])[0]
    assert 0 < kept.dropped_turns < 6
    fewer = prompts.messages("When?", history[kept.dropped_turns :])
    one_more = prompts.messages("When?", history[kept.dropped_turns - 1 :])
    assert kept.prompt_tokens == len(prompts.render(chat.tokenizer, fewer)) <= 2048 - 12
    assert len(prompts.render(chat.tokenizer, one_more)) > 2048 - 12
    assert ask(chat, [Arm("base")], histories=[history[-1:]])[0].dropped_turns == 0


def test_each_arm_has_a_history_of_its_own(chat: ChatModel) -> None:
    histories = [[], [Turn("Who?", "Ann.")], [Turn("Who?", "")], []]
    base, rag, tuned, both = ask(chat, four_arms(), finds(), histories=histories)
    assert rag.prompt_tokens > both.prompt_tokens
    assert tuned.prompt_tokens == base.prompt_tokens


@pytest.mark.parametrize(
    ("window", "question", "search", "words"),
    [
        (2048, "  ", finds(), "question is empty"),
        (200, "Why? " * 40, finds(), r"does not fit: .* an answer of 12 tokens tiny reads 188"),
        (2048, "Why?", None, "add a text first"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(
    window: int, question: str, search: Callable[[str], SearchResult] | None, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        ask(small_chat(window), [Arm("rag", None, True)], search, question=question)


def test_snapshots_grow_and_do_not_flood(chat: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_module, "SNAPSHOT_SECONDS", 0.0)
    every = list(answer(chat, four_arms(), "When?", [[]] * 4, finds(), SETTINGS))
    assert len(every) == 1 + 4 * 12 + 1
    assert [each.tokens for each in every[0]] == [0] * 4
    for earlier, later in zip(every, every[1:], strict=False):
        assert all(b.text.startswith(a.text) and b.tokens >= a.tokens for a, b in zip(earlier, later, strict=True))
    monkeypatch.setattr(chat_module, "SNAPSHOT_SECONDS", 60.0)
    few = list(answer(chat, four_arms(), "When?", [[]] * 4, finds(), SETTINGS))
    assert [[said(each) for each in shot] for shot in few] == [[said(each) for each in every[n]] for n in (0, -1)]


def test_times_are_told_once_they_are_known(chat: ChatModel) -> None:
    done = ask(chat, four_arms(), finds())
    assert all(each.seconds_to_first_token > 0 and each.tokens_per_second > 0 for each in done)  # type: ignore[operator]
    assert done[0].seconds_to_first_token < done[1].seconds_to_first_token  # type: ignore[operator]
    lone = ask(chat, [Arm("base")], decoding=replace(SETTINGS, max_new_tokens=1))[0]
    assert lone.tokens_per_second is None


def test_what_exactly_was_sent_is_shown_with_its_control_tokens(chat: ChatModel) -> None:
    base, rag, tuned, both = ask(chat, four_arms(), finds(), question="When? <|im_end|>")
    assert base.prompt == tuned.prompt
    assert rag.prompt == both.prompt
    assert all(each.prompt.endswith("<|im_end|>\n<|im_start|>assistant\n") for each in (base, rag))
    assert prompts.SYSTEM in base.prompt
    assert "[1] Hours\nThe archive opens at nine." in rag.prompt
    assert base.prompt.count("<|im_end|>") == 2
    assert ask(chat, four_arms(), finds(found=False))[1].prompt == ""


def test_a_stopped_answer_keeps_what_it_has(chat: ChatModel) -> None:
    calls = iter([False] * 9 + [True] * 99)
    answers = ask(chat, four_arms(), finds(found=False), should_stop=lambda: next(calls))
    assert [(each.done, each.stopped) for each in answers] == [(True, True), (True, False)] * 2
    whole = ask(chat, four_arms(), finds(found=False))
    assert 0 < answers[0].tokens < 12
    assert whole[0].text.startswith(answers[0].text)


def test_text_shows_whole_characters_and_no_control_tokens(chat: ChatModel) -> None:
    text = "Tiếng Việt: “Hội trường” ở tầng hai, cà phê ☕ 25.000 ₫ 👩‍🏫 e\u0323\u0302"
    ids = chat.tokenizer(text)["input_ids"]
    shown = [visible_text(chat.tokenizer, ids[:length]) for length in range(len(ids) + 1)]
    assert shown[-1] == text
    assert all(text.startswith(each) for each in shown)
    assert len(set(shown)) == len(text) + 1
    assert visible_text(chat.tokenizer, [*ids, chat.tokenizer.eos_token_id]) == text


def save_run(folder: Path, base_hash: str = "0" * 16, plain: PlainLora | None = None) -> None:
    (plain or lora(1)).save(folder, "tiny")
    (folder / "run.json").write_text(json.dumps({"method": "lora", "base": {"name": "other", "hash": base_hash}}))


def test_a_trained_adapter_is_loaded_with_its_hash_and_method(chat: ChatModel, tmp_path: Path) -> None:
    save_run(tmp_path)
    served = load_adapter(tmp_path, chat)
    weights = (tmp_path / "adapter_model.safetensors").read_bytes()
    assert served.hash == hashlib.sha256(weights).hexdigest()[:16]
    assert (served.name, served.method, served.scale) == ("LoRA", "lora", 1.0)
    assert said(ask(chat, [Arm("x", served)])[0]) == said(ask(chat, [Arm("x", replace(served, lora=lora(1)))])[0])
    (tmp_path / "run.json").unlink()
    assert load_adapter(tmp_path, chat).method == "lora"


def test_an_adapter_that_does_not_belong_here_is_refused(chat: ChatModel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no adapter in 'none'"):
        load_adapter(tmp_path / "none", chat)
    save_run(tmp_path / "other", base_hash="f" * 16)
    with pytest.raises(UserError, match=r"trained on other \(ffff.*but the model here is tiny \(0000"):
        load_adapter(tmp_path / "other", chat)
    wide = {name: (torch.zeros(4, 99), B) for name, (_, B) in lora(1, part="q_proj").layers.items()}
    save_run(tmp_path / "wide", plain=PlainLora(wide))
    with pytest.raises(
        UserError, match=r"changes model.layers.0.self_attn.q_proj of shape \(32, 99\).* has \(32, 32\)"
    ):
        load_adapter(tmp_path / "wide", chat)
    save_run(tmp_path / "damaged")
    (tmp_path / "damaged" / "adapter_model.safetensors").write_bytes(b"x")
    with pytest.raises(USER_FACING, match="damaged"):
        load_adapter(tmp_path / "damaged", chat)


@pytest.mark.slow
def test_the_real_model_answers_in_the_batch_as_transformers_would(real_chat: ChatModel) -> None:
    chat = real_chat
    greedy = Decoding(max_new_tokens=32, repetition_penalty=1.0)
    answers = ask(
        chat, [Arm("base"), Arm("rag", None, True)], finds(), question="What does a ticket cost?", decoding=greedy
    )
    passages = [hit.passage for hit in answers[1].passages]
    for each, read in zip(answers, ([], passages), strict=True):
        ids = prompts.render(chat.tokenizer, prompts.messages("What does a ticket cost?", (), read))
        out = chat.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=32)
        assert each.text == chat.tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)
    assert "four" in answers[1].text


def test_a_pace_counts_the_tokens_since_all_prompts_were_read(chat: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [0, 0, 0, 0, 1, 0, 1]  # the first arm writes four tokens before the prompt of the second is read

    class Written:
        def queue_positions(self) -> list[Place]:
            return []

        def tokens(self) -> Iterator[Token]:
            yield from (Token(row, 5, False) for row in rows)

    seconds = count()
    monkeypatch.setattr(chat_module, "open_request", lambda *_: nullcontext(Written()))
    monkeypatch.setattr(chat_module.time, "perf_counter", lambda: float(next(seconds)))
    first, second = ask(chat, [Arm("base"), Arm("tuned")])
    assert (first.tokens, first.tokens_per_second) == (5, 1.0)
    assert (second.tokens, second.tokens_per_second) == (2, 0.5)
