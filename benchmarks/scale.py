"""Vector search at 10 k, 100 k and 1 M vectors, each in a process of its own: `python -m benchmarks.scale FILE COUNT`.

FILE holds real vectors (the benchmark's cache). All of them are in, half of the rest are random directions, and half
are real vectors with as much of a random direction added. Questions are vectors of XQuAD's and SciFact's, kept out.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import psutil

from retrieval.index import Nearest
from retrieval.search import CANDIDATES

QUESTIONS = 300
COUNTS = (10_000, 100_000, 1_000_000)
MIB = 2**20
# Others that were tried, by FAISS's names, each with the option that trades speed for recall.
OTHERS = {"HNSW32": "efSearch=128", "SQ8": "", "IVF1000,Flat": "nprobe=64", "IVF1000,SQ8": "nprobe=64"}


def figures(file: Path, count: int, kind: str = "") -> dict[str, object]:
    """What one index of this many vectors costs and finds, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.scale", str(file), str(count), *(["--kind", kind] if kind else [])]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure(file: Path, count: int, kind: str) -> dict[str, object]:
    vectors, questions = _mixed(file, count)
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    name, search = _other(vectors, kind) if kind else _ours(vectors)
    built = time.perf_counter() - began
    # Read before the exact answers below take memory of their own.
    after, peak = psutil.Process().memory_info().rss, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times, found = [], []
    for question in questions:
        began = time.perf_counter()
        found.append(search(question))
        times.append(1_000 * (time.perf_counter() - began))
    exact = faiss.knn(questions, vectors, 10, metric=faiss.METRIC_INNER_PRODUCT)[1]
    hits = [len(set(ours[:10]) & set(true)) for ours, true in zip(found, exact, strict=True)]
    p50, p95 = np.percentile(times, [50, 95])
    return {
        "kind": name,
        "build_s": round(built, 2),
        "vectors_mib": round(vectors.nbytes / MIB),
        "added_mib": round((after - before) / MIB),
        "peak_mib": round(peak / 1024),
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "recall": round(sum(hits) / (10 * len(hits)), 4),
    }


def _ours(vectors: np.ndarray) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    nearest = Nearest(vectors)
    return f"{nearest.kind}, measured {nearest.recall:.3f}", lambda question: nearest.search(question, CANDIDATES)


def _other(vectors: np.ndarray, kind: str) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    index = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[:50_000])
    index.add(vectors)
    if OTHERS.get(kind):
        faiss.ParameterSpace().set_index_parameters(index, OTHERS[kind])
    return kind, lambda question: index.search(question[None], CANDIDATES)[1][0]


def _mixed(file: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (count, dimension) in no order, and questions that are not among them."""
    chance = np.random.default_rng(0)
    with np.load(file, allow_pickle=False) as arrays:
        real = arrays["vectors"][chance.permutation(len(arrays["vectors"]))]
    questions, real = real[:QUESTIONS], real[QUESTIONS:][:count]
    vectors = np.empty((count, real.shape[1]), dtype=np.float32)
    vectors[: len(real)] = real
    for start in range(len(real), count, 50_000):
        part = chance.standard_normal((min(50_000, count - start), real.shape[1]), dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        part[::2] += real[chance.integers(len(real), size=len(part[::2]))]
        vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return vectors, questions


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="an .npz with the array `vectors`")
    parser.add_argument("count", type=int, help="how many vectors")
    parser.add_argument("--kind", default="", help="FAISS's name of another index than the one we would choose")
    asked = parser.parse_args()
    print(json.dumps(_measure(asked.file, asked.count, asked.kind)))


if __name__ == "__main__":
    main()
