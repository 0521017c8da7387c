"""The five methods on the US Constitution with the preset Quick and equal steps, on the real model: losses and times.

`python -m benchmarks.bakeoff [--methods ID,ID] [FILE]` runs the command `bakeoff` and draws its lines as a table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTITUTION = ROOT / "playground" / "data" / "example_texts" / "us_constitution.txt"


def main() -> None:
    """Print one row per method as it finishes, then the seconds from start to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=CONSTITUTION)
    parser.add_argument("--methods", default="")
    asked = parser.parse_args()
    print("| method | steps | tokens | held-out loss | best step | seconds | peak, GB | file, MB | trained |")
    print("|---|---|---|---|---|---|---|---|---|")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, "-m", "playground", "bakeoff", str(asked.file), "--out", out, "--json"]
        words += ["--methods", asked.methods] if asked.methods else []
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as command:
            for line in command.stdout or ():
                print(row(json.loads(line)), flush=True)
    print(f"\nexit code {command.returncode}, {time.monotonic() - began:.0f} s from start to end")


def row(found: dict[str, float]) -> str:
    """One method's line as a table's row."""
    counts = f"{found['step']} | {found['tokens']:,} | {found['heldout_before']:.3f} → {found['heldout_after']:.3f}"
    sizes = f"{found['peak_bytes'] / 1e9:.2f} | {found['file_bytes'] / 1e6:.1f} | {found['trainable']:,}"
    return f"| {found['method']} | {counts} | {found['best_step']} | {found['seconds']:.0f} | {sizes} |"


if __name__ == "__main__":
    main()
