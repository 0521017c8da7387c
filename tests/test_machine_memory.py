"""What a process may use: the machine's memory, or its container's where this is less."""

from pathlib import Path

import psutil
import pytest

from playground.machine_memory import available_memory, total_memory

LIMIT, USED, CACHE = 2_000_000, 1_500_000, 400_000


@pytest.mark.parametrize(
    ("folder", "limit", "used", "cache"),
    [
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_containers_limit_counts_without_the_files_that_the_kernel_gives_up(
    tmp_path: Path, folder: str, limit: str, used: str, cache: str
) -> None:
    group = tmp_path / folder
    group.mkdir(exist_ok=True)
    (group / limit).write_text(f"{LIMIT}\n")
    (group / used).write_text(f"{USED}\n")
    (group / "memory.stat").write_text(f"anon 900000\n{cache} {CACHE}\n")
    assert total_memory(tmp_path) == LIMIT
    assert available_memory(tmp_path) == LIMIT - USED + CACHE


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_without_a_limit_it_is_the_machines(tmp_path: Path, limit: str) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("1\n")
    (tmp_path / "memory.stat").write_text("inactive_file 0\n")
    assert total_memory(tmp_path) == psutil.virtual_memory().total
    assert 0 < available_memory(tmp_path) <= psutil.virtual_memory().total
    assert total_memory(tmp_path / "nothing") == psutil.virtual_memory().total
