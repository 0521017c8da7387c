"""Adapters that visitors bring: ours, PEFT's own, hostile ones; each becomes a run or a sentence, and runs nothing."""

import json
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, VeraConfig, get_peft_model
from safetensors.torch import load_file, save, save_file
from torch import Tensor

import adapters
from playground.errors import USER_FACING, UserError
from playground.export import export, import_adapter
from playground.inference.hooks import apply_adapters
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import ChatModel
from playground.services.app import Services
from playground.settings import Settings
from tests.fakes.chat_model import tiny_chat
from tests.fakes.tiny_model import tiny_llama
from tests.fakes.trained import Trained, logits, make

RANK, LIMIT = 64, 2_000_000
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
Files = list[tuple[str, Path]]


@pytest.fixture
def chat() -> ChatModel:
    return tiny_chat()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A LoRA of rank 4 that PEFT made and saved by itself, with what else it puts there."""
    return elsewhere(tmp_path / "theirs")


def elsewhere(folder: Path, **config: Any) -> Path:
    """An adapter made without us, with PEFT alone."""
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM", **config}
    torch.manual_seed(3)
    model = get_peft_model(tiny_llama(), LoraConfig(**settings))
    with torch.no_grad():
        for name, each in model.named_parameters():
            if "lora_B" in name or "magnitude" in name:
                each.add_(0.1 * torch.randn_like(each))
    model.save_pretrained(folder)
    torch.save(logits(model.eval()), folder.parent / f"{folder.name}.logits")
    return folder


def files(folder: Path) -> Files:
    return [(path.name, path) for path in folder.iterdir()]


def zipped(folder: Path, members: Mapping[str, bytes]) -> Files:
    path = folder / "some.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return [("some.zip", path)]


def read(came: Files) -> import_adapter.UploadedAdapter:
    return import_adapter.read_adapter(came, LIMIT, RANK)


def served_logits(chat: ChatModel, folder: Path) -> Tensor:
    with apply_adapters(chat.model, [load_adapter(folder, chat).lora] * 2):
        return logits(chat.model)


@pytest.mark.parametrize("kind", [{}, {"use_dora": True}, {"use_rslora": True}, {"alpha_pattern": {"q_proj": 2}}])
def test_an_adapter_made_elsewhere_answers_as_it_did_there(
    chat: ChatModel, tmp_path: Path, kind: dict[str, Any]
) -> None:
    came = read(files(elsewhere(tmp_path / "theirs", **kind)))
    assert came.method == ("dora" if "use_dora" in kind else "lora")
    import_adapter.write_adapter(came, tmp_path / "ours", chat)
    there = torch.load(tmp_path / "theirs.logits", weights_only=True)
    assert (there - logits(tiny_llama())).abs().max() > 1e-3
    torch.testing.assert_close(served_logits(chat, tmp_path / "ours"), there, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_vera_that_holds_its_random_matrices_answers_with_these(
    chat: ChatModel, tmp_path: Path, kind: torch.dtype
) -> None:
    torch.manual_seed(3)
    model = get_peft_model(
        tiny_llama(), VeraConfig(r=16, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM")
    )
    with torch.no_grad():
        for name, each in model.named_parameters():
            if "vera_lambda" in name:
                each.add_(0.3 * torch.randn_like(each))
        for shared in (model.base_model.vera_A, model.base_model.vera_B):
            shared["default"].copy_(shared["default"].to(kind))  # as of a base in this number type
    model.save_pretrained(tmp_path / "theirs")
    assert "base_model.vera_A" in load_file(tmp_path / "theirs" / WEIGHTS)
    import_adapter.write_adapter(read(files(tmp_path / "theirs")), tmp_path / "ours", chat)
    assert (logits(model.eval()) - logits(tiny_llama())).abs().max() > 1e-3
    torch.testing.assert_close(served_logits(chat, tmp_path / "ours"), logits(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", [{"use_rslora": True, "r": 3}, {"use_dora": True, "r": 3}])
def test_an_adapter_in_16_bits_is_scaled_in_32_as_peft_does(
    chat: ChatModel, tmp_path: Path, kind: dict[str, Any]
) -> None:
    theirs = elsewhere(tmp_path / "theirs", **kind)
    rounded = {name: each.bfloat16() for name, each in load_file(theirs / WEIGHTS).items()}
    save_file(rounded, theirs / WEIGHTS)
    there = logits(PeftModel.from_pretrained(tiny_llama(), theirs).eval())
    import_adapter.write_adapter(read(files(theirs)), tmp_path / "ours", chat)
    torch.testing.assert_close(served_logits(chat, tmp_path / "ours"), there, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", [each for each in adapters.methods() if each != "full"])
def test_what_was_exported_can_be_brought_back(chat: ChatModel, tmp_path: Path, method: str) -> None:
    trained = Trained(*make(method)).step(1, 4)
    adapter = tmp_path / "run" / "adapter"
    adapter.mkdir(parents=True)
    trained.method.save(trained.model, adapter)
    record = {"method": method, "base": {"name": "tiny", "hash": "0" * 16}, "figures": {"step": 4, "steps": 4}}
    (adapter / "run.json").write_text(json.dumps(record))
    (tmp_path / "out").mkdir()
    export.write_export("native", adapter, tmp_path / "out", Settings(data=tmp_path))
    export.zip_folder(tmp_path / "out", tmp_path / "mine.zip")
    came = read([("mine.zip", tmp_path / "mine.zip")])
    import_adapter.write_adapter(came, tmp_path / "back", chat)
    assert (came.method, came.figures) == (method, {"step": 4, "steps": 4})
    assert json.loads((tmp_path / "back" / "run.json").read_text())["brought"]
    torch.testing.assert_close(served_logits(chat, tmp_path / "back"), served_logits(chat, adapter), rtol=0, atol=0)


class Canary:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["adapter_model.bin", "training_args.bin", "x.pt", "optimizer.PTH", "x.pkl", "x.npy"])
def test_a_pickle_is_refused_and_never_read(folder: Path, tmp_path: Path, name: str) -> None:
    canary = pickle.dumps(Canary(tmp_path / "fired"))
    (folder / name).write_bytes(canary)
    members = {each.name: each.read_bytes() for each in folder.iterdir()}
    for came in (files(folder), zipped(tmp_path, members), zipped(tmp_path, {f"a/{name}": canary})):
        with pytest.raises(UserError, match="pickle"):
            read(came)
    assert not (tmp_path / "fired").exists()


def test_a_pickle_in_the_place_of_the_weights_is_damaged_safetensors(folder: Path, tmp_path: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps(Canary(tmp_path / "fired")))
    with pytest.raises(UserError, match="damaged or no safetensors"):
        read(files(folder))
    assert not (tmp_path / "fired").exists()


def test_a_zip_that_points_out_of_its_folder_writes_nothing_there(
    folder: Path, tmp_path: Path, chat: ChatModel
) -> None:
    weights, config = (folder / WEIGHTS).read_bytes(), (folder / CONFIG).read_bytes()
    came = zipped(tmp_path, {f"../../../{WEIGHTS}": weights, f"/etc/{CONFIG}": config, "../../evil.txt": b"x"})
    before = set(tmp_path.rglob("*")) | {Path("/etc") / CONFIG}
    import_adapter.write_adapter(read(came), tmp_path / "ours", chat)
    new = set(tmp_path.rglob("*")) - before
    assert {path.name for path in new} == {"ours", WEIGHTS, CONFIG, "run.json"}
    assert not (Path("/etc") / CONFIG).exists()


def test_a_bomb_is_unpacked_no_further_than_the_limit(folder: Path, tmp_path: Path) -> None:
    bomb = zipped(tmp_path, {WEIGHTS: b"\0" * 200_000_000, CONFIG: b"{}"})
    assert bomb[0][1].stat().st_size < 500_000
    with pytest.raises(UserError, match="larger than this host takes"):
        read(bomb)
    many = zipped(tmp_path, {f"{n}.json": b"{}" for n in range(1_000)})
    with pytest.raises(UserError, match="More than 32 files"):
        read(many)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({}, "nothing came"),
        ({"model.safetensors": b"x", "config.json": b"{}"}, "A whole model cannot"),
        ({WEIGHTS: b"x", CONFIG: b"["}, "no JSON object"),
        ({WEIGHTS: b"x", CONFIG: b"[1]"}, "no JSON object"),
        ({WEIGHTS: b"x", CONFIG: b'{"peft_type": "LORA", "r": 4}'}, "damaged"),
        ({"a.exe": b"x"}, "neither .safetensors nor .json"),
        ({f"a/{CONFIG}": b"{}", f"b/{CONFIG}": b"{}"}, "Two files"),
    ],
)
def test_what_is_no_adapter_is_refused_in_a_sentence(tmp_path: Path, members: dict[str, bytes], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read(zipped(tmp_path, members))


@pytest.mark.parametrize("place", [80, 2_000, -400])
def test_a_zip_that_is_damaged_inside_is_refused(folder: Path, tmp_path: Path, place: int) -> None:
    ((name, path),) = zipped(tmp_path, {each: (folder / each).read_bytes() for each in (WEIGHTS, CONFIG)})
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=r"^some\.zip is no readable zip"):
        read([(name, path)])


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK nothing")
    with pytest.raises(UserError, match="no readable zip"):
        read([("x.zip", tmp_path / "x.zip")])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"peft_type": "IA3"}, "'IA3'"),
        ({"r": None}, "no rank"),
        ({"r": 1e9}, "no rank"),
        ({"lora_alpha": "16"}, "alpha that can be used"),
        ({"r": 10**400}, "no rank"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"init_lora_weights": "lora_ga"}, "init_lora_weights"),
        ({"layer_replication": [[0, 1], [0, 1]]}, "layer_replication"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"use_dora": True}, "missing or out of place"),
        ({"alpha_pattern": {"(a+)+$": 1}}, "alpha_pattern"),
        ({"alpha_pattern": {"q_proj": float("nan")}}, "alpha_pattern"),
    ],
)
def test_a_config_that_would_be_served_otherwise_is_refused(folder: Path, change: Any, sentence: str) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **change}))
    with pytest.raises(UserError, match=sentence):
        read(files(folder))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda A, B: (A[:, :7], B), r"does not fit tiny|shape \(32, 7\)"),
        (lambda A, B: (A, B[:, :2]), "do not fit"),
        (lambda A, B: (A.flatten(), B), "do not fit"),
        (lambda A, B: (A * float("nan"), B), "no numbers"),
        (lambda A, B: (A.long(), B), "none of an adapter's"),
        (lambda A, B: (torch.zeros(99, 32), torch.zeros(32, 99)), "rank 99; at most 64"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    folder: Path, tmp_path: Path, chat: ChatModel, change: Callable[..., tuple[Tensor, Tensor]], sentence: str
) -> None:
    tensors = load_file(folder / WEIGHTS)
    A, B = (f"base_model.model.model.layers.0.self_attn.q_proj.lora_{each}.weight" for each in "AB")
    tensors[A], tensors[B] = (each.contiguous() for each in change(tensors[A], tensors[B]))
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(USER_FACING, match=sentence):
        import_adapter.write_adapter(read(files(folder)), tmp_path / "ours", chat)


def test_layers_the_model_does_not_have_are_refused(folder: Path, tmp_path: Path, chat: ChatModel) -> None:
    tensors = {key.replace("layers.1", "layers.9"): each for key, each in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(UserError, match="no such layer"):
        import_adapter.write_adapter(read(files(folder)), tmp_path / "ours", chat)


def test_an_adapter_of_another_base_is_refused(folder: Path, tmp_path: Path, chat: ChatModel) -> None:
    (folder / "run.json").write_text(json.dumps({"base": {"name": "other", "hash": "f" * 16}}))
    with pytest.raises(UserError, match="trained on other"):
        import_adapter.write_adapter(read(files(folder)), tmp_path / "ours", chat)


def test_of_a_record_only_what_is_known_is_kept(folder: Path) -> None:
    record = {
        "method": "../../x",
        "figures": {"heldout_after": "<b>", "step": 3, "seconds": float("inf"), "tokens": 10**400, "evil": 1},
        "data_hash": "<script>",
        "options": {"rank": 4, "x": ["y"]},
        "more": "z",
    }
    (folder / "run.json").write_text(json.dumps(record))
    came = read(files(folder))
    assert came.record == {"figures": {"step": 3}, "options": {"rank": 4}}


@pytest.fixture
def services(settings: Settings) -> Services:
    return Services(replace(settings, visitor_runs=2))


def test_a_brought_adapter_is_a_run_that_answers_and_can_be_deleted(services: Services, folder: Path) -> None:
    visitor = services.store.visitor("x" * 40)
    run = services.runs.import_adapter(visitor, files(folder), "from elsewhere")
    (row,) = services.store.runs.all(visitor)
    assert (row.id, row.name, row.state, row.method) == (run, "from elsewhere", "done", "lora")
    assert services.adapters.get(visitor, run).scale == 2.0
    assert services.jobs.snapshot(visitor, run).events == []
    services.runs.import_adapter(visitor, files(folder), "")
    with pytest.raises(UserError, match="keep 2 runs"):
        services.runs.import_adapter(visitor, files(folder), "")
    services.runs.delete(visitor, run)
    assert not row.folder.exists()


def test_a_refused_adapter_leaves_nothing(services: Services, folder: Path) -> None:
    visitor = services.store.visitor("x" * 40)
    tensors = {key.replace("layers.1", "layers.9"): each for key, each in load_file(folder / WEIGHTS).items()}
    (folder / WEIGHTS).write_bytes(save(tensors))
    with pytest.raises(UserError, match="no such layer"):
        services.runs.import_adapter(visitor, files(folder), "")
    assert services.store.runs.all(visitor) == []
    for folder in ("visitors", "staging"):
        assert list((services.settings.data / folder).iterdir()) == []
