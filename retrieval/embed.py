"""Text to vectors with a sentence encoder from a local folder. The only module that knows sentence-transformers."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from retrieval.errors import RetrievalError

Progress = Callable[[int, int], None]

WEIGHTS = "model.safetensors"
CPU_BATCH = 16  # on a CPU a smaller batch of about equal lengths beats a larger product with padding
GPU_BATCH = 64
BATCHES_PER_STEP = 8
MULTILINGUAL_VOCABULARY = 80_000  # English encoders have 30,000 to 50,000 tokens, multilingual ones 100,000 and more


class Embedder:
    """Unit vectors of texts, and the encoder's own count of tokens.

    `name` is for people, `hash` (16 hex digits of the weights' SHA-256) for comparing; `window` is the most tokens,
    two special ones included, that the encoder reads of a text.
    """

    def __init__(self, folder: Path, device: str = "cpu", name: str = "") -> None:
        """Load from a folder with `model.safetensors` and `tokenizer.json`.

        Raises:
            RetrievalError: the folder is not a sentence encoder with safetensors weights.
        """
        missing = [file for file in (WEIGHTS, "tokenizer.json", "modules.json") if not (folder / file).is_file()]
        if missing:
            raise RetrievalError(f"{folder} is no sentence encoder: it lacks {', '.join(missing)}. Choose another one.")
        self._model = SentenceTransformer(str(folder), device=device, local_files_only=True)
        self._lock = threading.Lock()
        self._batch = CPU_BATCH if device == "cpu" else GPU_BATCH
        # Its own tokenizer: the model's truncates, and is not to be used by two threads at once.
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.name = name or folder.name
        self.hash = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()[:16]
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.window = int(self._model.max_seq_length or 0)
        self.multilingual = self._tokenizer.get_vocab_size() > MULTILINGUAL_VOCABULARY

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Vectors (n, dimension), float32, of length 1, in the order of the texts. `progress` gets done and total.

        A batch is of texts with about as many tokens, which leaves little padding; a step is of batches of every
        length, so that all steps take as long.
        """
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        done = 0
        for batches in _steps(self.count_tokens(list(texts)), self._batch):
            with self._lock:
                for places in batches:
                    vectors[places] = self._model.encode(
                        [texts[place] for place in places],
                        batch_size=self._batch,
                        normalize_embeddings=True,
                        show_progress_bar=False,
                    )
            done += sum(map(len, batches))
            if progress:
                progress(done, len(texts))
        return vectors

    def count_tokens(self, texts: list[str]) -> list[int]:
        """Tokens of each text without special tokens, however long it is."""
        return [len(each) for each in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _steps(lengths: Sequence[int], batch: int) -> list[list[list[int]]]:
    """The batches of each step, as places: neighbours in length make a batch, and batches are dealt out in turn."""
    by_length = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    batches = [by_length[start : start + batch] for start in range(0, len(by_length), batch)]
    count = -(-len(batches) // BATCHES_PER_STEP)
    return [batches[number::count] for number in range(count)]
