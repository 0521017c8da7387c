"""Embeds text with a sentence encoder from a local folder. The only module that uses sentence-transformers."""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from tokenizers import Tokenizer

from retrieval.errors import RetrievalError
from retrieval.loading import LOADING

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Progress = Callable[[int, int], None]

WEIGHTS, TOKENIZER, MODULES = "model.safetensors", "tokenizer.json", "modules.json"
OURS = "sentence_transformers."  # where the modules of an encoder come from; any other needs its author's code
CPU_BATCH = 16  # on a CPU a small batch of about equal lengths is faster than a large one with padding
GPU_BATCH = 64
BLOCK = 1_000_000  # bytes
BATCHES_PER_STEP = 8
MULTILINGUAL_VOCABULARY = 80_000  # English encoders have 30,000 to 50,000 tokens, multilingual ones 100,000 and more


class Embedder:
    """Unit vectors of texts, and the encoder's count of tokens.

    `name` is for the user, `hash` (16 hex digits of the weights' SHA-256) for comparison; `window` is the most tokens
    of a text that the encoder reads, two special tokens included; `prompted` is whether it puts words before a text.
    """

    def __init__(self, folder: Path, device: str = "cpu", name: str = "") -> None:
        """Load from a folder that `is_encoder`.

        Raises:
            RetrievalError: the folder is not a sentence encoder with safetensors weights, or needs its author's code.
        """
        _check(folder)
        try:
            with LOADING:
                self._model = _load(folder, device)
        except (OSError, ValueError, KeyError, SafetensorError) as fault:
            reason = (str(fault).splitlines() or [type(fault).__name__])[0].rstrip(".")
            raise RetrievalError(f"The sentence encoder in {folder} cannot be loaded: {reason}.") from fault
        self._lock = threading.Lock()
        self._batch = CPU_BATCH if device == "cpu" else GPU_BATCH
        # A tokenizer of its own: the model's truncates, and two threads must not use it at once.
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.name = name or folder.name
        self.hash = weights_hash(folder)
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        prompts = [prompt for prompt in self._model.prompts.values() if prompt]
        self.prompted = bool(prompts)
        self.window = int(self._model.max_seq_length or 0) - max(self.count_tokens(prompts), default=0)
        self.multilingual = self._tokenizer.get_vocab_size() > MULTILINGUAL_VOCABULARY

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Vectors of passages (n, dimension), float32, of length 1, in order. `progress` gets done and total.

        The prompt for passages of the model's configuration is put before them. A batch holds texts of about the same
        length, which needs little padding; a step holds batches of all lengths, so all steps take about the same time.
        """
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        done = 0
        for batches in _steps(self.count_tokens(list(texts)), self._batch):
            with self._lock:
                for places in batches:
                    vectors[places] = self._model.encode_document(
                        [texts[place] for place in places],
                        batch_size=self._batch,
                        normalize_embeddings=True,
                        show_progress_bar=False,
                    )
            done += sum(map(len, batches))
            if progress:
                progress(done, len(texts))
        return vectors

    def encode_query(self, question: str) -> np.ndarray:
        """The unit vector of a question (dimension,), float32, with the model's prompt for questions."""
        with self._lock:
            return self._model.encode_query([question], normalize_embeddings=True, show_progress_bar=False)[0]

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The number of tokens of each text without special tokens; nothing is truncated."""
        return [len(each) for each in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def is_encoder(folder: Path) -> bool:
    """Whether a folder has the files of a sentence encoder: safetensors weights, tokenizer, list of modules."""
    return not _missing(folder)


def weights_hash(folder: Path) -> str:
    """16 hex digits of the SHA-256 of an encoder's weights."""
    digest = hashlib.sha256()
    with (folder / WEIGHTS).open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()[:16]


def _missing(folder: Path) -> list[str]:
    return [file for file in (WEIGHTS, TOKENIZER, MODULES) if not (folder / file).is_file()]


def _load(folder: Path, device: str) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer  # takes a second, for which the page would wait

    return SentenceTransformer(str(folder), device=device, local_files_only=True)


def _check(folder: Path) -> None:
    """Refuse a folder that is no encoder, and an encoder with modules from outside the library."""
    if missing := _missing(folder):
        raise RetrievalError(f"{folder} is no sentence encoder: it lacks {', '.join(missing)}. Choose another one.")
    try:
        kinds = [str(module["type"]) for module in json.loads((folder / MODULES).read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError) as fault:
        raise RetrievalError(f"The sentence encoder in {folder} is damaged: {MODULES} cannot be read.") from fault
    if foreign := [kind for kind in kinds if not kind.startswith(OURS)]:
        raise RetrievalError(f"The sentence encoder in {folder} needs its author's code, {foreign[0]}; none is run.")


def _steps(lengths: Sequence[int], batch: int) -> list[list[list[int]]]:
    """Positions of the texts per batch and step: texts of similar length share a batch; steps take batches in turn."""
    by_length = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    batches = [by_length[start : start + batch] for start in range(0, len(by_length), batch)]
    count = -(-len(batches) // BATCHES_PER_STEP)
    return [batches[number::count] for number in range(count)]
