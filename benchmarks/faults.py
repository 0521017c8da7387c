"""What is killed or fails, what the visitor sees, what is kept: `python -m benchmarks.faults [--only NAME ...]`.

Each row runs a queue with true workers on the tiny model, in a data folder of its own. `--kills` ends worker and server
by SIGKILL at random moments instead, until so many are done: every run must end bit for bit like an undisturbed one.
Disks and memory need root, to mount a small disk and to make a control group; their rows say so where it is missing.
"""

import argparse
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.fault_hosts import Host, done, ended, host_of, under_way, work_through
from benchmarks.kills import losses, tiny_models, weights
from playground.errors import UserError
from playground.files import is_full, write_text
from playground.services.visitors import Visitors
from playground.storage import connection
from playground.storage.run_folder import EVENTS, LEASE
from playground.storage.store import RunRow, new_secret
from tests.fakes.database import write_lock

SMALL_MEMORY = 250_000_000
MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")


@dataclass(frozen=True)
class Outcome:
    """What a visitor saw, and what was kept."""

    seen: str
    kept: str


def worker_killed(host: Host) -> Outcome:
    """The worker is killed while it trains."""
    run = host.train()
    host.serve()
    host.wait(run, under_way)
    host.kill_worker(run)
    seen = host.wait(run, ended)
    host.jobs.resume(host.visitor, run)
    return Outcome(f"{seen.state}: {seen.error}", _like_undisturbed(host, run))


def server_killed(host: Host) -> Outcome:
    """The server is killed while a worker trains, and started again."""
    run = host.train()
    host.serve()
    host.wait(run, under_way)
    host.kill_server()
    host.serve()
    return Outcome("the run goes on", _like_undisturbed(host, run))


def both_killed(host: Host) -> Outcome:
    """Server and worker are killed, and the server is started again."""
    run = host.train()
    host.serve()
    host.wait(run, under_way)
    host.kill_server()
    host.kill_worker(run)
    host.serve()
    return Outcome("the run waits, then goes on", _like_undisturbed(host, run))


def disk_full(host: Host) -> Outcome:
    """The disk fills up while a worker trains; later there is room again."""
    run = host.train()
    host.serve()
    host.wait(run, under_way)
    filler = _fill(host.settings.data)
    visitors = Visitors(host.store, [])
    seen = [_told(lambda: host.store.save_conversation(host.visitor, {"base": ["x" * 200_000]}))]
    seen += [_told(lambda: visitors.identify(new_secret()))]
    paused = host.wait(run, lambda each: each.state == "stopped" or not host.has_worker(run))
    reading = visitors.identify(host.secret) == host.visitor
    filler.unlink()
    told = paused.error or "no word of the run, as there is no room for one either."
    return Outcome(f"{told} Others: {'; '.join(seen)}", f"read {reading}; {_like_undisturbed(host, run)}")


def clock_jump(host: Host) -> Outcome:
    """The clock jumps ahead by more than a run's lease; the page is closed."""
    run = host.train()
    host.jobs.keep(host.visitor, run, False)
    host.serve()
    host.wait(run, under_way)
    write_text(host.store.runs.get(host.visitor, run).folder / LEASE, str(time.time() - 3_600))
    seen = host.wait(run, ended)
    host.jobs.resume(host.visitor, run)
    host.jobs.keep(host.visitor, run, True)
    return Outcome(f"{seen.state}: {seen.error or 'resume it'}", _like_undisturbed(host, run))


def database_locked(host: Host) -> Outcome:
    """Another process holds the database's write lock for longer than a request waits."""
    connection.WAIT_SECONDS = 1
    with write_lock(host.settings):
        seen = _told(lambda: host.store.save_conversation(host.visitor, {}))
        kept = host.store.conversation(host.visitor) == {}
    return Outcome(seen, f"read meanwhile {kept}")


def log_cut_short(host: Host) -> Outcome:
    """A kill cuts the last line of a run's log."""
    run = host.train()
    host.serve()
    host.wait(run, under_way)
    host.kill_worker(run)
    host.wait(run, ended)
    with (host.store.runs.get(host.visitor, run).folder / EVENTS).open("a") as log:
        log.write('\n{"event": "progr')
    seen = host.jobs.snapshot(host.visitor, run)
    host.jobs.resume(host.visitor, run)
    return Outcome(f"{len(seen.events)} events", _like_undisturbed(host, run))


def out_of_memory(host: Host) -> Outcome:
    """The worker needs more memory than its control group has."""
    group = MEMORY_GROUPS / f"faults-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(SMALL_MEMORY))
        run = host.train()
        host.serve()
        pid = host.wait(run, lambda each: each.pid is not None).pid
        (group / "cgroup.procs").write_text(str(pid))
        seen = host.wait(run, ended)
        host.jobs.resume(host.visitor, run)
        return Outcome(f"{seen.state}: {seen.error}", _like_undisturbed(host, run))
    finally:
        host.kill_server()
        group.rmdir()


SCENARIOS: dict[str, Callable[[Host], Outcome]] = {
    each.__name__: each
    for each in (
        worker_killed,
        server_killed,
        both_killed,
        disk_full,
        clock_jump,
        database_locked,
        log_cut_short,
        out_of_memory,
    )
}
ON_SMALL_DISK = (disk_full,)
undisturbed: list[tuple[bytes, object]] = []  # the weights and losses of a run that nothing happened to


def _like_undisturbed(host: Host, run: str, visitor: str = "") -> str:
    """Wait for the run's end and compare it."""
    folder = host.wait(run, done, visitor).folder
    alike = (weights(folder), losses(folder)) == undisturbed[0]
    return "bit for bit like an undisturbed run" if alike else "NOT like an undisturbed run"


def _told(act: Callable[[], object]) -> str:
    """What a visitor reads when this is tried."""
    try:
        act()
    except UserError as refusal:
        return str(refusal)
    except OSError as fault:
        return "the disk is full or cannot be written to" if is_full(fault) else repr(fault)
    return "done"


def _fill(folder: Path) -> Path:
    """Use up the last byte of a folder's disk."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as out, suppress(OSError):
        while out.write(bytes(4_096)):
            pass
    return file


def random_kills(models: Path, kills: int, visitors: int) -> str:
    """Kill worker or server at random while several visitors train; what became of their runs."""
    chance, count = random.Random(0), {"worker": 0, "server": 0}
    alike = runs = 0
    while sum(count.values()) < kills:
        with host_of(models) as host:
            host.serve()
            names = [host.store.visitor(new_secret()) for _ in range(visitors)]
            queued = [(name, host.train(name)) for name in names]
            while not all(done(host.jobs.snapshot(*each)) for each in queued) and sum(count.values()) < kills:
                time.sleep(chance.uniform(0, 8))
                kind = chance.choice(list(count))
                count[kind] += _kill(host, kind, queued)
            for name, run in queued:
                alike += _like_undisturbed(host, run, name).startswith("bit")
            runs += len(queued)
    return f"{count['worker']} workers and {count['server']} servers killed, {runs} runs, {alike} bit-identical"


def _kill(host: Host, kind: str, queued: list[tuple[str, str]]) -> bool:
    """Kill one and bring it back as a host and a visitor would; whether there was one."""
    if kind == "server":
        host.kill_server()
        host.serve()
        return True
    at_work = [row for row in host.store.runs.active() if row.state == "running" and row.pid]
    for row in at_work:
        _kill_worker(host, row)
    for name, run in queued:
        if host.jobs.snapshot(name, run).state == "failed":
            host.jobs.resume(name, run)
    return bool(at_work)


def _kill_worker(host: Host, row: RunRow) -> None:
    """Kill the worker of a run, and wait until its end is on record."""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(row.pid).kill()
    host.wait(row.id, lambda each: each.state != "running" or each.pid != row.pid, row.visitor)


def main() -> None:
    """Print one row per scenario, or the line of the random kills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--visitors", type=int, default=3)
    parser.add_argument("--serve", type=Path, help="work through this data folder's queue; for this script alone")
    asked = parser.parse_args()
    if asked.serve:
        return work_through(asked.serve)
    with tempfile.TemporaryDirectory() as folder:
        models = tiny_models(Path(folder))
        with host_of(models) as host:
            run = host.train()
            host.serve()
            whole = host.wait(run, done).folder
            undisturbed.append((weights(whole), losses(whole)))
        if asked.kills:
            return print(random_kills(models, asked.kills, asked.visitors))
        print("| what fails | what the visitor sees | what is kept |\n|---|---|---|")
        for name in asked.only:
            act = SCENARIOS[name]
            if act is out_of_memory and not os.access(MEMORY_GROUPS, os.W_OK):
                outcome = Outcome("not tried: no control group can be made here", "")
            elif act in ON_SMALL_DISK and (os.geteuid() != 0 or not shutil.which("mount")):
                outcome = Outcome("not tried: no small disk can be mounted here", "")
            else:
                with host_of(models, act in ON_SMALL_DISK) as host:
                    outcome = act(host)
            print(f"| {act.__doc__} | {outcome.seen} | {outcome.kept} |", flush=True)


if __name__ == "__main__":
    main()
