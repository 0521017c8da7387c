"""Reads one file or Hub data set in a child process with limits on memory and time.

`python -m retrieval.readers.sandbox` is the child: it reads a request from standard input and writes an answer to
standard output, both as JSON.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from retrieval.document import Document, Limits, NeedsMapping
from retrieval.errors import LibraryMismatchError, NeedsEncoding, RetrievalError
from retrieval.mapping import ColumnMapping
from retrieval.readers.dispatch import read_document
from retrieval.readers.hub_address import HubDataset

ROOT = Path(__file__).parents[2]
# Children that read at the same time; others wait, so that several hostile files cannot add up.
_CHILDREN = threading.BoundedSemaphore(2)
# The environment may hold the host's secrets, so the child gets these variables only.
_CHILD_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "TESSDATA_PREFIX",
    "TMPDIR",
    "SYSTEMROOT",
)
# Reading multiplies no matrices, and the buffers of a thread that may do so count as the child's memory.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# py3langid, which tells code pages apart, unpacks its model into an unnamed file of 70 MB.
MODEL_BYTES = 100_000_000
_TIME_SIGNALS = (-signal.SIGXCPU,) if sys.platform != "win32" else ()

_HUB_ENVIRONMENT = (
    "HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_TOKEN_PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
)  # fmt: skip

Answer = dict[str, Any]
Request = dict[str, Any]
logger = logging.getLogger(__name__)


def read_in_sandbox(
    path: Path, name: str, mapping: ColumnMapping | None, limits: Limits, encoding: str | None = None
) -> Document:
    """The same as `read_document`, but in a child process.

    Raises:
        FileNotFoundError: there is no such file.
        NeedsMapping: a table whose columns are not recognised.
        NeedsEncoding: a text file with several likely readings.
        RetrievalError: `read_document` refuses the file, or its reader crashed or exceeded its memory or time.
        LibraryMismatchError: an installed library is not the one that the reader was written for.
    """
    return _document({"path": str(path.resolve(strict=True)), "name": name, "encoding": encoding}, mapping, limits)


def read_hub_in_sandbox(source: HubDataset, mapping: ColumnMapping | None, limits: Limits) -> Document:
    """The same as `read_hub_dataset`, but in a child process, whose cache is gone afterwards.

    Raises:
        NeedsMapping: its columns are not recognised.
        RetrievalError: `read_hub_dataset` refuses it, or reading crashed or exceeded its memory or time.
    """
    return _document({"dataset": asdict(source), "name": source.name}, mapping, limits)


def _document(request: Request, mapping: ColumnMapping | None, limits: Limits) -> Document:
    """The child's document, or its refusal as an error."""
    request = {**request, "mapping": mapping and dict(mapping), "limits": asdict(limits)}
    answer = _child_answer(request, request["name"], limits)
    if "document" in answer:
        return Document.from_dict(answer["document"])
    if "mismatch" in answer:
        raise LibraryMismatchError(*answer["mismatch"])
    if "columns" in answer:
        raise NeedsMapping(answer["refusal"], answer["columns"], answer["rows"])
    if "readings" in answer:
        raise NeedsEncoding(answer["refusal"], [(code, label, text) for code, label, text in answer["readings"]])
    raise RetrievalError(answer["refusal"])


def _child_answer(request: Request, name: str, limits: Limits) -> Answer:
    """The child's answer, or a refusal where the child ended without one."""
    # Unnamed temporary files: nothing stays on disk, and the child's limit on file size applies to them.
    with _CHILDREN, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as faults:
        with _environment("dataset" in request) as environment:
            code = run_reader(json.dumps(request).encode(), out, faults, limits.clock_seconds, environment)
        out.seek(0)
        if code == 0:
            answer: Answer = json.loads(out.read())
            if "fault" not in answer:
                return answer
            logger.error("Reading a file of %s failed:\n%s", Path(name).suffix, answer["fault"])
            return {"refusal": f"{name} could not be read: it is damaged. Save it again, or save it as text."}
        faults.seek(0)
        logger.warning("A reader ended with %s: %s", code, faults.read(2_000).decode(errors="replace"))
    return {"refusal": exit_refusal(name, code, limits)}


@contextlib.contextmanager
def _environment(hub: bool) -> Iterator[dict[str, str]]:
    """The child's environment; for the Hub also its address, proxies and token, and a temporary folder as cache."""
    names = (*_CHILD_ENVIRONMENT, *(_HUB_ENVIRONMENT if hub else ()))
    passed = {**{name: os.environ[name] for name in names if name in os.environ}, **_ONE_THREAD}
    if not hub:
        yield passed
        return
    with tempfile.TemporaryDirectory() as cache:
        # Without USE_TORCH=0 `datasets` loads torch, which needs more memory than the child may have.
        yield {**passed, "USE_TORCH": "0", "HF_HUB_CACHE": cache, "HF_DATASETS_CACHE": cache, "HF_XET_CACHE": cache}


def run_reader(
    request: bytes, out: IO[bytes], faults: IO[bytes], seconds: float, environment: Mapping[str, str]
) -> int | None:
    """Run the child on a request; returns its exit code, -N if signal N ended it, None after `seconds` of wall time."""
    child = subprocess.Popen(
        [sys.executable, "-m", "retrieval.readers.sandbox"],
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=faults,
        cwd=ROOT,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        child.communicate(request, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.poll() is None:
            _kill(child)
    return child.returncode


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and every process that it started, and wait for its end."""
    if sys.platform == "win32":
        child.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def exit_refusal(name: str, code: int | None, limits: Limits) -> str:
    """The sentence for the user where the child ended without an answer; `code` as `run_reader` returns it."""
    memory = f"{limits.memory_bytes // 1_000_000:,} MB of memory"
    if code is None:
        return f"{name} took more than {limits.clock_seconds} seconds to read, the limit. Add a part of it."
    if code in _TIME_SIGNALS:
        return f"{name} took more than {limits.seconds} processor seconds to read, the limit. Add a part of it."
    return f"{name} broke its reader: it is damaged or needs more than {memory}, the limit. Save it again or as text."


def main() -> None:
    """The child: one request from standard input, one answer to standard output."""
    request = json.loads(sys.stdin.buffer.read())
    limits = Limits(**request["limits"])
    _set_limits(limits)
    answer = _written(read_or_refuse(request, limits))
    if len(answer) > limits.answer_bytes:
        answer = _written({"refusal": _size_refusal(request["name"], len(answer), limits)})
    sys.stdout.buffer.write(answer)


def _written(answer: Answer) -> bytes:
    """JSON in UTF-8. Half of a surrogate pair, which a file may hold and UTF-8 cannot, becomes U+FFFD."""
    text = json.dumps(answer, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _size_refusal(name: str, size: int, limits: Limits) -> str:
    found, allowed = size // 1_000_000, limits.answer_bytes // 1_000_000
    return f"{name} becomes {found} MB of text with headings; the limit is {allowed} MB. Add a part of it."


def _set_limits(limits: Limits) -> None:
    """Limit this process. Windows has no such limits and macOS none on memory: there only the wall clock counts."""
    if sys.platform == "win32":
        return
    import resource

    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.seconds,
        resource.RLIMIT_FSIZE: limits.answer_bytes + MODEL_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value + 1 if kind == resource.RLIMIT_CPU else value))


def read_or_refuse(request: Request, limits: Limits) -> Answer:
    """The document, a refusal, or the traceback of a fault, as values that JSON can hold."""
    name = request["name"]
    try:
        return {"document": _read(request, limits).to_dict()}
    except NeedsMapping as error:
        return {"refusal": str(error), "columns": error.columns, "rows": error.rows}
    except NeedsEncoding as error:
        return {"refusal": str(error), "readings": error.readings}
    except RetrievalError as error:
        return {"refusal": str(error)}
    except LibraryMismatchError as error:
        return {"mismatch": error.details}
    except MemoryError:
        allowed = limits.memory_bytes // 1_000_000
        return {"refusal": f"{name} needs more than {allowed:,} MB of memory, the limit. Add a part of it."}
    except RecursionError:
        return {"refusal": f"{name} is nested too deeply to be read. Save its text and add that."}
    except Exception:  # a fault of a library or of ours: the parent logs it and reads the other files
        return {"fault": traceback.format_exc()}


def _read(request: Request, limits: Limits) -> Document:
    """The file or the data set that the request names."""
    if "dataset" not in request:
        return read_document(
            Path(request["path"]), request["name"], request["mapping"], limits, request.get("encoding")
        )
    from retrieval.readers.hub_dataset import read_hub_dataset  # loads `datasets`, which takes seconds

    return read_hub_dataset(HubDataset(**request["dataset"]), request["mapping"], limits)


if __name__ == "__main__":
    main()
