"""PEFT and bitsandbytes as the methods need them: each part that is missing is named, with the version to install."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners import lora
from peft.tuners.adalora.layer import RankAllocator
from peft.tuners.adalora.model import AdaLoraModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import other

from adapters import compat
from adapters.errors import IncompatibleLibraryError
from tests.fakes.trained import Trained, make

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """Each test checks anew, and leaves no failed or patched check behind."""
    compat.check_peft.cache_clear()
    compat.check_bitsandbytes.cache_clear()
    yield
    compat.check_peft.cache_clear()
    compat.check_bitsandbytes.cache_clear()


def _without(cls: Any, name: str) -> Callable[[Patch], None]:
    """A break: instances of the class lose an attribute once they are made."""

    def break_it(patch: Patch) -> None:
        make_whole = cls.__init__

        def make_without(instance: Any, *args: Any, **kwargs: Any) -> None:
            make_whole(instance, *args, **kwargs)
            del instance.__dict__[name]

        patch.setattr(cls, "__init__", make_without)

    return break_it


def _forget_frozen(patch: Patch) -> None:
    patch.setattr(BaseTunerLayer, "frozen_peft_weight_names", property(lambda _: {}, lambda *_: None))


def _forget_scaling(patch: Patch) -> None:
    patch.setattr(lora.Linear, "scaling", property(lambda _: {}, lambda *_: None), raising=False)


def _lose(owner: Any, name: str) -> Callable[[Patch], None]:
    """A break: a class or module lacks an attribute."""
    return lambda patch: patch.delattr(owner, name)


SWITCHES = "LoraLayer.disable_adapters and LoraLayer.merged"
BREAKS: list[tuple[Callable[[Patch], None], str]] = [
    (_forget_scaling, "LoraLayer with lora_A, lora_B, scaling"),
    (_without(lora.Linear, "lora_variant"), "LoraLayer.lora_variant"),
    (_lose(BaseTunerLayer, "disable_adapters"), SWITCHES),
    (_lose(BaseTunerLayer, "merged"), SWITCHES),
    (_forget_frozen, "frozen_peft_weight_names"),
    (lambda patch: patch.setattr(compat.vera, "VeraLayer", int), "VeraModel with vera_A"),
    (lambda patch: patch.setattr(RankAllocator, "reset_ipt", lambda _: None), "rankallocator with ipt"),
    (_lose(AdaLoraModel, "update_and_allocate"), "AdaLoraModel.update_and_allocate"),
    (_lose(other, "get_pattern_key"), "peft.utils.other.get_pattern_key"),
]


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_installed_libraries_have_all_whatever_the_caller_computes(mode: Callable[[], Any]) -> None:
    with mode():
        compat.check_peft()
        pytest.importorskip("bitsandbytes")
        compat.check_bitsandbytes()


@pytest.mark.parametrize(("break_peft", "named"), BREAKS)
def test_each_missing_part_of_peft_is_named_before_an_adapter_is_attached(
    break_peft: Callable[[Patch], None], named: str, monkeypatch: Patch
) -> None:
    break_peft(monkeypatch)
    with pytest.raises(IncompatibleLibraryError, match=re.escape(named)) as fault:
        Trained(*make("lora"))
    assert f"was written for peft {compat.PEFT}" in str(fault.value)


@pytest.mark.parametrize("name", ["quantize_4bit", "dequantize_4bit"])
def test_other_four_bit_kernels_are_refused_before_a_model_is_quantised(name: str, monkeypatch: Patch) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    monkeypatch.delattr(functional, name)
    with pytest.raises(IncompatibleLibraryError, match=f"was written for bitsandbytes {compat.BITSANDBYTES}"):
        Trained(*make("qlora"))


def test_a_model_that_is_not_pefts_has_no_configuration() -> None:
    with pytest.raises(TypeError, match="Expected a PEFT model, got"):
        compat.peft_config(Trained(*make("full")).model)


def test_no_other_module_of_the_package_uses_what_is_private_in_the_libraries() -> None:
    private = re.compile(
        r"peft\.(?:tuners|utils\.other)|bitsandbytes\.|\.base_model\b|rankallocator|\.lora_[AB]\[|\.scaling\b"
        r"|frozen_peft|lora_variant|disable_adapters|(?<!self)(?<!cls)\._(?!_)[a-z]\w*"
    )
    found = {
        path.name: uses
        for path in Path(compat.__file__).parent.glob("*.py")
        if path.name != "compat.py" and (uses := private.findall(path.read_text(encoding="utf-8")))
    }
    assert found == {}
