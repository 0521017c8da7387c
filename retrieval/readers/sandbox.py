"""One file read in a process of its own, bounded in memory and time: what a file can break is that process only.

`python -m retrieval.readers.sandbox` is the child: it reads a request from its input and writes an answer to
its output, both JSON.
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
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from retrieval.document import Document, Limits, NeedsMapping
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document

ROOT = Path(__file__).parents[2]
# Children that read at the same time; others wait, so that many bombs cannot add up.
_AT_ONCE = threading.BoundedSemaphore(2)
# All that the child gets of the environment, which may hold the host's secrets.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "SYSTEMROOT")
_OUT_OF_TIME = (-signal.SIGXCPU,) if sys.platform != "win32" else ()

Answer = dict[str, Any]
logger = logging.getLogger(__name__)


def read_in_sandbox(path: Path, name: str, mapping: Mapping[str, str] | None, limits: Limits) -> Document:
    """`read_document` in a child process.

    Raises:
        FileNotFoundError: there is no such file.
        NeedsMapping: a table whose columns are not recognised.
        RetrievalError: what `read_document` refuses, and what took too much memory or time or broke its reader.
    """
    request = {"path": str(path.resolve(strict=True)), "name": name, "mapping": mapping and dict(mapping)}
    answer = _answer(json.dumps({**request, "limits": asdict(limits)}).encode(), name, limits)
    if "document" in answer:
        return Document.from_dict(answer["document"])
    if "columns" in answer:
        raise NeedsMapping(answer["refusal"], answer["columns"], answer["rows"])
    raise RetrievalError(answer["refusal"])


def _answer(request: bytes, name: str, limits: Limits) -> Answer:
    """What the child says, or a refusal in its place where it came to an end before."""
    # Temporary files without a name: nothing stays behind, and the child's limit on file size bounds them.
    with _AT_ONCE, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as faults:
        code = _run(request, out, faults, limits.clock_seconds)
        out.seek(0)
        if code == 0:
            answer: Answer = json.loads(out.read())
            if "fault" not in answer:
                return answer
            logger.error("Reading a file of %s failed:\n%s", Path(name).suffix, answer["fault"])
            return {"refusal": f"{name} could not be read: it is damaged. Save it again, or save it as text."}
        faults.seek(0)
        logger.warning("A reader ended with %s: %s", code, faults.read(2_000).decode(errors="replace"))
    return {"refusal": _end(name, code, limits)}


def _run(request: bytes, out: IO[bytes], faults: IO[bytes], seconds: float) -> int | None:
    """The child's exit code, minus a signal's number if one ended it, None if the clock did."""
    child = subprocess.Popen(
        [sys.executable, "-m", "retrieval.readers.sandbox"],
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=faults,
        cwd=ROOT,
        env={key: os.environ[key] for key in _PASSED_ON if key in os.environ},
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
    """End a child with all that it started, and take leave of it."""
    if sys.platform == "win32":
        child.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _end(name: str, code: int | None, limits: Limits) -> str:
    """The sentence for a child that ended without an answer."""
    memory = f"{limits.memory_bytes // 1_000_000:,} MB of memory"
    if code is None:
        return f"{name} took more than {limits.clock_seconds} seconds to read, the limit. Add a part of it."
    if code in _OUT_OF_TIME:
        return f"{name} took more than {limits.seconds} processor seconds to read, the limit. Add a part of it."
    return f"{name} broke its reader: it is damaged or needs more than {memory}, the limit. Save it again or as text."


def main() -> None:
    """The child: one request from the standard input, one answer to the standard output."""
    request = json.loads(sys.stdin.buffer.read())
    limits = Limits(**request["limits"])
    _bind(limits)
    answer = json.dumps(_read(Path(request["path"]), request["name"], request["mapping"], limits)).encode()
    if len(answer) > limits.answer_bytes:
        answer = json.dumps({"refusal": _too_much(request["name"], len(answer), limits)}).encode()
    sys.stdout.buffer.write(answer)


def _too_much(name: str, size: int, limits: Limits) -> str:
    found, allowed = size // 1_000_000, limits.answer_bytes // 1_000_000
    return f"{name} becomes {found} MB of text with headings; the limit is {allowed} MB. Add a part of it."


def _bind(limits: Limits) -> None:
    """Set this process's limits; Windows has none of them, and macOS no bound on memory: there the clock remains."""
    if sys.platform == "win32":
        return
    import resource

    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.seconds,
        resource.RLIMIT_FSIZE: limits.answer_bytes,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value + 1 if kind == resource.RLIMIT_CPU else value))


def _read(path: Path, name: str, mapping: Mapping[str, str] | None, limits: Limits) -> Answer:
    """The document, or the reason why there is none, ready for JSON."""
    try:
        return {"document": read_document(path, name, mapping, limits).to_dict()}
    except NeedsMapping as error:
        return {"refusal": str(error), "columns": error.columns, "rows": error.rows}
    except RetrievalError as error:
        return {"refusal": str(error)}
    except MemoryError:
        allowed = limits.memory_bytes // 1_000_000
        return {"refusal": f"{name} needs more than {allowed:,} MB of memory, the limit. Add a part of it."}
    except Exception:  # a fault of a library or of ours: the parent logs it, and the visitor's other files go on
        return {"fault": traceback.format_exc()}


if __name__ == "__main__":
    main()
