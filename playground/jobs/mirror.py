"""What of a run's folder travels between two machines: the tails of what grows, and the files and folders that changed.

A folder with files, such as a checkpoint or the adapter, gets its name by one rename and is then left alone. So it
travels as a whole and is put in place as a whole. Knows no cluster and no kind of run.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playground import files
from playground.storage.run_folder import CONFIG, DOCUMENTS, GROWING, LEASE, STOP, WORKER_LOG

Stamp = tuple[tuple[str, int, int], ...]  # name, bytes and time of each file
FROM_SERVER = (CONFIG, DOCUMENTS, LEASE, STOP, WORKER_LOG)  # written on the server's side alone
HERE = "."  # the run's folder itself, whose files travel one by one


@dataclass(frozen=True)
class Changes:
    """What is new in a run's folder: the tails of what grows, folders and single files, by name relative to it.

    `stamps` tell what has been seen of each, to be given to the next `collect`; a folder without one is gone.
    """

    tails: Mapping[str, bytes] = field(default_factory=dict)
    folders: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)


def collect(folder: Path, sizes: Mapping[str, int], seen: Mapping[str, Stamp]) -> Changes:
    """What changed in a folder where a worker is at work; what changes while it is read comes the next time.

    `sizes` are those that `grown` gives of the other side. The log is read first, so what an event announces is among
    the rest.
    """
    tails = {name: _tail(folder / name, sizes.get(name, 0)) for name in GROWING}
    folders: dict[str, dict[str, bytes]] = {}
    single: dict[str, bytes] = {}
    stamps: dict[str, Stamp] = {}
    for name, stamp in _stamps(folder).items():
        stamps[name] = seen.get(name, ())
        if stamps[name] == stamp:
            continue
        content = _read(folder / name, stamp)
        if content is None:
            continue
        stamps[name] = stamp
        if name == HERE:
            before = {each[0]: each for each in seen.get(HERE, ())}
            single = {each[0]: content[each[0]] for each in stamp if before.get(each[0]) != each}
        else:
            folders[name] = content
    return Changes({name: tail for name, tail in tails.items() if tail}, folders, single, stamps)


def apply(folder: Path, changes: Changes) -> None:
    """Put what `collect` found on the other side into this folder, the log last."""
    for name, content in changes.folders.items():
        final = folder / name
        draft = final.with_name(f".{final.name}-arriving")
        shutil.rmtree(draft, ignore_errors=True)
        _write(draft, content)
        files.swap_in(draft, final)
    for name in _stamps(folder):
        if name not in changes.stamps and name != HERE:
            shutil.rmtree(folder / name, ignore_errors=True)
    for name, data in changes.files.items():
        draft = folder / f".{name}-arriving"
        draft.write_bytes(data)
        draft.replace(folder / name)
    for name in reversed(GROWING):
        if name in changes.tails:
            with (folder / name).open("ab") as file:
                file.write(changes.tails[name])


def grown(folder: Path) -> dict[str, int]:
    """The bytes that are here of each file that grows."""
    return {name: (folder / name).stat().st_size for name in GROWING if (folder / name).is_file()}


def whole(folder: Path) -> dict[str, dict[str, bytes]]:
    """Every file of a run's folder that nobody writes to, by its folder's name: what another machine goes on from."""
    content = {HERE: {path.name: path.read_bytes() for path in _files_of(folder) if path.name != WORKER_LOG}}
    for name, stamp in _stamps(folder).items():
        if name != HERE:
            content[name] = _read(folder / name, stamp) or {}
    return content


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder as they were at one time, though it may be replaced as a whole; none where it is not."""
    while (content := _read(folder, _stamp_folder(folder))) is None:
        pass
    return content


def unpack(folder: Path, content: Mapping[str, Mapping[str, bytes]]) -> dict[str, Stamp]:
    """Write what `whole` read into a new folder, in place of an older one; returns what `collect` has then seen."""
    shutil.rmtree(folder, ignore_errors=True)
    write_folders(folder, content)
    return _stamps(folder)


def write_folders(folder: Path, content: Mapping[str, Mapping[str, bytes]]) -> None:
    """Write folders with their files into a folder."""
    for name, held in content.items():
        _write(folder / name, held)


def _stamps(folder: Path) -> dict[str, Stamp]:
    """What lies in every folder with files; hidden ones are being built."""
    found = {}
    for each in sorted(Path(at) for at, *_ in os.walk(folder)):  # passes over what is deleted meanwhile
        name = each.relative_to(folder).as_posix()
        if not any(part.startswith(".") for part in each.relative_to(folder).parts):
            stamp = tuple(one for one in _stamp_folder(each) if not (name == HERE and _stays(one[0])))
            if stamp:
                found[name] = stamp
    return found


def _stays(name: str) -> bool:
    """Whether a file of the run's own folder is none of those that come back by their stamps."""
    return name in GROWING or name in FROM_SERVER


def _files_of(folder: Path) -> Iterator[Path]:
    try:
        return iter(sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")))
    except FileNotFoundError:
        return iter(())


def _stamp_folder(folder: Path) -> Stamp:
    return tuple(_stamp_of(path) for path in _files_of(folder))


def _stamp_of(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return path.name, -1, 0
    return path.name, stat.st_size, stat.st_mtime_ns


def _read(folder: Path, stamp: Stamp) -> dict[str, bytes] | None:
    """The files of a stamp; None where one of them has changed since."""
    try:
        content = {name: (folder / name).read_bytes() for name, *_ in stamp}
    except FileNotFoundError:
        return None
    return content if all(_stamp_of(folder / each[0]) == each for each in stamp) else None


def _write(folder: Path, content: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
        files.sync(folder / name)


def _tail(file: Path, offset: int) -> bytes:
    if not file.is_file():
        return b""
    with file.open("rb") as content:
        content.seek(offset)
        return content.read()
