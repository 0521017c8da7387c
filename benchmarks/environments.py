"""Does the app work as a Space has it? `python -m benchmarks.environments --python python3.10 --torch 2.8.0`.

Makes an environment of that Python with `requirements.txt` alone, or takes the one in `--folder`, starts `app.py` in
it, and does the main job over HTTP with the real model. `--zero-gpu` lets the package `spaces`, which must be installed
there beside a CUDA build of torch, take this machine for a ZeroGPU Space whose platform lends no GPU.
"""

import argparse
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gradio_client import Client
from gradio_client.exceptions import AppError

from benchmarks.journey import running_app

ROOT = Path(__file__).parents[1]
TEXT = "\n\n".join(f"Rule {n} of the club: member {n} brings cake number {n} on day {n}." for n in range(60))
QUESTION = "Who brings cake number 7?"
ARMS = ["base", "rag", "tuned", "both"]
VERSIONS = (
    "import sys, torch, gradio, transformers as t; print(sys.version.split()[0], torch.__version__, t.__version__)"
)


class Platform(BaseHTTPRequestHandler):
    """What a ZeroGPU Space asks its platform: it takes the report of a start, and has no GPU to lend."""

    def do_POST(self) -> None:
        """Print and answer a request."""
        print(f"platform: POST {self.path}", flush=True)
        self.send_response(200 if self.path == "/startup-report" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """No second line per request."""


@contextmanager
def zero_gpu() -> Iterator[dict[str, str]]:
    """The environment of a ZeroGPU Space, with its platform on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Platform) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"SPACES_ZERO_GPU": "1", "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


def environment(python: str, torch: str, folder: Path) -> Path:
    """The Python of an environment with what running needs; made now unless the folder has one."""
    here = folder / "bin" / "python"
    if not here.exists():
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        chosen = [f"torch=={torch}"] if torch else []
        subprocess.run([here, "-m", "pip", "install", "-q", *chosen, "-r", "requirements.txt"], cwd=ROOT, check=True)
    return here


def main_job(url: str, steps: int) -> Iterator[str]:
    """A line for each part of the job."""
    playground = Client(url, verbose=False)

    def call(name: str, *values: object) -> Any:
        return playground.predict(*values, api_name=f"/{name}")

    visit = call("open_visit")
    call("add_text", visit, "rules", TEXT)
    yield f"search: {call('search', visit, QUESTION, 1)['passages'][0]['text'][:60]!r}"
    run = call("train", visit, "lora", "quick", steps)
    while (state := call("run_state", visit, run))["state"] in ("queued", "running"):
        time.sleep(2)
    yield f"train: {state['state']}, step {state['step']}, {state.get('error', '')}"
    for record in call("ask", visit, QUESTION, ARMS, run, 16):
        yield f"ask: {record['arm']} {record['answer']!r}"
    call("forget", visit)


def main() -> None:
    """Make, start, do the job, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default="python3.10")
    parser.add_argument("--torch", default="", help="its version; what requirements.txt asks for without one")
    parser.add_argument("--folder", type=Path, help="of the environment; a temporary one without it")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--zero-gpu", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        python = environment(chosen.python, chosen.torch, chosen.folder or Path(made) / "environment")
        print(subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True).stdout.strip())
        data, began = Path(made), time.monotonic()
        with zero_gpu() if chosen.zero_gpu else nullcontext({}) as own, running_app(data, python, **own) as (url, _):
            print(f"page: served after {time.monotonic() - began:.0f} s", flush=True)
            try:
                for line in main_job(url, chosen.steps):
                    print(line, flush=True)
            except AppError as fault:
                print(f"refused: {fault}")
        print("".join(f"log: {line}\n" for line in (data / "app.log").read_text().splitlines() if "Error" in line))


if __name__ == "__main__":
    main()
