"""A pass over rows of different lengths: the model's own logits, whatever its architecture and whoever is beside it."""

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Lfm2Config, Lfm2ForCausalLM, PreTrainedModel

import adapters
from adapters.base import PlainLora
from playground.errors import UserError
from playground.inference import matmul
from playground.inference.decoder_forward import OurForward
from playground.inference.forward import TheirForward, forward_of
from playground.inference.hooks import apply_adapters
from playground.inference.kv_cache import KVCache
from playground.inference.lora_matmul import LoraSliceCache
from playground.inference.matmul import fast_linear
from playground.inference.ragged_batch import Forward, Segment
from playground.models.known_chat import CHAT_MODELS
from tests.fakes.architectures import KINDS, OURS, SHAPE, TOKENS, fit, strong
from tests.fakes.chat_model import lively, lora, small_chat
from tests.fakes.trained import STEPS, Trained, make


@torch.inference_mode()
def own(model: PreTrainedModel, ids: list[int]) -> Tensor:
    return model(input_ids=torch.tensor([ids])).logits[0]


def read(forward: Forward, ids: list[int], adapter: PlainLora | None = None, pieces: int = 1) -> KVCache:
    memory, step = KVCache(60), len(ids) // pieces
    for start in range(0, len(ids), step):
        forward([Segment(ids[start : start + step], memory, adapter)])
        memory.length += len(ids[start : start + step])
    return memory


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_different_lengths_get_the_models_own_logits(kind: str) -> None:
    model = strong(kind)
    forward = forward_of(model)
    assert isinstance(forward, OurForward) is (kind in OURS)
    long, short = read(forward, TOKENS[:32], pieces=4), read(forward, TOKENS[:3])
    rows = [Segment(TOKENS[32:33], long), Segment(TOKENS[3:20], short, keep=5), Segment(TOKENS[5:15], KVCache(60))]
    for found, ids, keep in zip(forward(rows), (TOKENS[:33], TOKENS[:20], TOKENS[5:15]), (1, 5, 1), strict=True):
        torch.testing.assert_close(found, own(model, ids)[-keep:], atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("kind", ["llama, biased", "qwen2, sliding", "qwen3", "gemma3"])
def test_adapters_of_any_rank_with_scaled_rows_beside_biases_are_added_alike(kind: str) -> None:
    model = strong(kind)
    forward = forward_of(model)
    some = [fit(model, 1, rank=4), fit(model, 2, rank=50, part="_proj", scaled=True), fit(model, 3, 2, "v_proj"), None]
    found = forward([Segment(TOKENS[: 9 + n], KVCache(60), each, keep=2) for n, each in enumerate(some)])
    for number, (each, logits) in enumerate(zip(some, found, strict=True)):
        with torch.inference_mode(), apply_adapters(model, [each]):
            alone = model(input_ids=torch.tensor([TOKENS[: 9 + number]])).logits[0, -2:]
        torch.testing.assert_close(logits, alone, atol=2e-4, rtol=2e-4)


def test_each_method_beside_all_others_gets_what_it_gets_alone(tmp_path: Any) -> None:
    resident, served = small_chat().model, []
    for number, (id_, method) in enumerate(adapters.methods().items()):
        if method.unavailable():
            continue
        values = {"rank": 2 + number} if "rank" in method.Options.__dataclass_fields__ and id_ != "vera" else {}
        run = Trained(*make(id_, **values), base=lively()).step(1, STEPS)
        method.save(run.model, tmp_path / id_)
        served.append(method.serving_form(resident, tmp_path / id_))
    assert len(served) >= 8
    plain = [each for each in served if isinstance(each, PlainLora)]
    forward = forward_of(resident)
    together = forward([Segment(TOKENS[: 7 + n], KVCache(60), each) for n, each in enumerate([None, *plain])])
    for number, each in enumerate([None, *plain]):
        alone = forward([Segment(TOKENS[: 7 + number], KVCache(60), each)])[0]
        torch.testing.assert_close(together[number], alone, atol=1e-4, rtol=1e-4)
        with torch.inference_mode(), apply_adapters(resident, [each]):
            expected = resident(input_ids=torch.tensor([TOKENS[: 7 + number]])).logits[0, -1:]
        torch.testing.assert_close(together[number], expected, atol=1e-4, rtol=1e-4)


def test_our_pass_is_left_where_its_logits_are_not_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OurForward, "logits", lambda self, batch: torch.zeros(len(batch.output_positions), 259))
    assert isinstance(forward_of(lively()), TheirForward)
    monkeypatch.setattr(TheirForward, "logits", lambda self, batch: torch.zeros(len(batch.output_positions), 259))
    with pytest.raises(UserError, match="several rows at once come out other than alone"):
        forward_of(lively())


@pytest.mark.parametrize("layers", [["conv", "full_attention"], ["full_attention", "conv"]])
def test_a_model_whose_blocks_carry_more_than_keys_and_values_is_refused_in_a_sentence(layers: list[str]) -> None:
    torch.manual_seed(1)
    model = Lfm2ForCausalLM(Lfm2Config(**SHAPE, layer_types=layers)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    with pytest.raises(UserError, match="several rows at once come out other than alone"):
        forward_of(model)


def test_every_model_that_a_host_offers_unasked_is_of_a_kind_that_can_answer() -> None:
    kinds = {"SmolLM2-": "llama", "Llama-3.2-": "llama", "gemma-3-": "gemma3", "Qwen2.5-": "qwen2", "Qwen3-": "qwen3"}
    assert set(kinds.values()) < OURS
    assert [each.name for each in CHAT_MODELS if not any(part in each.name for part in kinds)] == []


def test_what_is_known_of_a_model_goes_with_it() -> None:
    model = lively()
    known = [weakref.ref(each) for each in (model, forward_of(model))]
    assert forward_of(model) is known[1]()
    del model
    gc.collect()
    assert [each() for each in known] == [None, None]


def test_a_pass_whose_model_is_gone_says_so() -> None:
    forward = OurForward(lively())
    gc.collect()
    with pytest.raises(ReferenceError, match="no longer in memory"):
        forward([Segment(TOKENS[:3], KVCache(3))])


def test_who_asks_for_a_known_model_does_not_wait_while_another_ones_pass_is_looked_for() -> None:
    known, unknown = lively(), lively()
    expected = forward_of(known)
    probing, go_on = threading.Event(), threading.Event()

    def hold(*_: Any) -> None:
        probing.set()
        go_on.wait(60)

    unknown.get_input_embeddings().register_forward_pre_hook(hold)
    others = [threading.Thread(target=forward_of, args=(model,)) for model in (unknown, lively())]
    others[0].start()
    assert probing.wait(60)
    found: list[Forward] = []
    others.append(threading.Thread(target=lambda: found.append(forward_of(known))))
    for each in others[1:]:
        each.start()
        each.join(30)
    waited = [each.is_alive() for each in others]
    go_on.set()
    others[0].join(60)
    assert waited == [True, False, False]
    assert found == [expected]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 9])
def test_both_orders_of_a_product_give_the_same(first: bool, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "weights_first_is_faster", lambda *_: first)
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(40, 24, generator=random)
    for x in (torch.randn(rows, 24, generator=random), torch.randn(24, rows, generator=random).T):
        torch.testing.assert_close(fast_linear(x, weight), x @ weight.T)


def test_joining_weights_changes_no_number_and_the_model_can_be_saved_as_before(tmp_path: Path) -> None:
    model, clean = lively(), lively()
    assert isinstance(forward_of(model), OurForward)
    for each, folder in ((model, "joined"), (clean, "clean")):
        each.save_pretrained(tmp_path / folder)
    name = "model.safetensors"
    assert (tmp_path / "joined" / name).read_bytes() == (tmp_path / "clean" / name).read_bytes()
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in model.parameters()}
    assert sum(storages.values()) == sum(each.nbytes for each in clean.parameters())


def test_an_adapter_that_is_gone_is_forgotten() -> None:
    adapter, cache = lora(1), LoraSliceCache([("model.layers.0.self_attn.q_proj", 0, 32)])
    assert len(cache.slices(adapter)) == 1
    assert len(cache) == 1
    del adapter
    gc.collect()
    assert len(cache) == 0


def test_a_pass_keeps_no_adapter_in_memory() -> None:
    model, adapter = lively(), lora(1)
    read(forward_of(model), TOKENS[:9], adapter)
    gone = weakref.ref(adapter)
    del adapter
    gc.collect()
    assert gone() is None
