"""The second chat model of an exam, as the command line and a notebook name it."""

from pathlib import Path

import pytest

from playground.errors import UserError
from playground.export.gguf import write_gguf
from playground.models.gguf_model import find_unpacked
from playground.settings import Settings
from playground.surface.exam import name_other_model
from tests.fakes.tiny_model import tiny_llama
from tests.models.test_gguf_model import joining_tokenizer


def test_a_gguf_file_is_made_ready_when_an_exam_names_it(settings: Settings, tmp_path: Path) -> None:
    settings.models.mkdir(parents=True, exist_ok=True)
    file = tmp_path / "three-layers.gguf"
    write_gguf(tiny_llama(seed=3, layers=3), joining_tokenizer(), file, "three")
    assert name_other_model(settings, str(file)) == str(file)
    assert find_unpacked(file, settings.models)


def test_a_gguf_file_that_is_not_there_is_refused_by_its_name(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"The exam names /nowhere/a\.gguf, which is no file"):
        name_other_model(settings, "/nowhere/a.gguf")
