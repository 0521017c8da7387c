"""Stop signals for work under way: one per question or request, found by its visitor.

A signal is a small file that appears: a process that was forked for the work, as on ZeroGPU, sees it too.
"""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StopSignal:
    """Set once its file exists. Can be pickled, so it can be passed to another process."""

    file: Path

    def set(self) -> None:
        """Ask the work to stop; it cannot be taken back."""
        self.file.parent.mkdir(exist_ok=True)  # the system may have cleaned its temporary files
        self.file.touch()

    def is_set(self) -> bool:
        """Whether the work is to stop; takes a few microseconds."""
        return self.file.exists()


class StopSignals:
    """The signals of all visitors' work of one kind; a signal exists only while its work is under way."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="playground-stop-"))
        weakref.finalize(self, shutil.rmtree, self._folder, True)
        self._lock = threading.Lock()
        self._open: dict[str, list[StopSignal]] = {}
        self._count = 0

    @contextmanager
    def open(self, visitor: str) -> Iterator[StopSignal]:
        """A signal of its own for one piece of a visitor's work, gone when the work ends."""
        with self._lock:
            self._count += 1
            signal = StopSignal(self._folder / str(self._count))
            self._open.setdefault(visitor, []).append(signal)
        try:
            yield signal
        finally:
            self._close(visitor, signal)

    def stop(self, visitor: str) -> None:
        """Stop all of a visitor's work that is under way now; what begins later is not stopped."""
        with self._lock:
            for signal in self._open.get(visitor, []):
                signal.set()

    def stop_all(self) -> None:
        """Stop all work that is under way now, of every visitor."""
        with self._lock:
            for signals in self._open.values():
                for signal in signals:
                    signal.set()

    def __len__(self) -> int:
        """How much work of all visitors is under way."""
        with self._lock:
            return sum(len(signals) for signals in self._open.values())

    def working(self, visitor: str) -> bool:
        """Whether work of this visitor is under way."""
        with self._lock:
            return visitor in self._open

    def _close(self, visitor: str, signal: StopSignal) -> None:
        with self._lock:
            signals = self._open[visitor]
            signals.remove(signal)
            if not signals:
                del self._open[visitor]
            signal.file.unlink(missing_ok=True)
