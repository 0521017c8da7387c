"""A Hub on this machine for the tests: what its client asks for of a few folders, and nothing else."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

COMMIT = "a" * 40


class SmallHub:
    """Folders by model name. Weights wait for `go_on`; a `broken` Hub gives no weights; `asked` are the paths.

    What is `gated` needs one of the `tokens`; of what is `wrong` another byte comes than was announced.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders, self.asked, self.broken = dict(folders), list[str](), False
        self.gated, self.wrong, self.tokens = set[str](), set[str](), set[str]()
        self.go_on = threading.Event()
        self.go_on.set()

    def files(self, name: str) -> list[Path]:
        """The files of a model, which may lie in folders below."""
        return sorted(path for path in self.folders[name].rglob("*") if path.is_file())


@contextmanager
def small_hub(folders: Mapping[str, Path]) -> Iterator[tuple[SmallHub, str]]:
    """The Hub and its address, for as long as the context lasts."""
    hub = SmallHub(folders)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """The few addresses of the Hub that a download meets."""

    hub: SmallHub

    def do_HEAD(self) -> None:
        """What a file is."""
        self._answer()

    def do_GET(self) -> None:
        """What a model consists of, or a file."""
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append(path)
        name = next((each for each in self.hub.folders if f"/{each}/" in f"{path}/"), None)
        if name is None:
            self._send(404, b"{}", "application/json", {"X-Error-Code": "RepoNotFound"})
        elif path.startswith("/api/models/") and not path.endswith("/auth-check"):
            listed = self._tree(name) if "/tree/" in path else self._model(name)
            self._send(200, json.dumps(listed).encode(), "application/json")
        elif name in self.hub.gated and self._token() not in self.hub.tokens:
            self._send(401, b"", "text/plain", {"X-Error-Code": "GatedRepo"})
        elif path.endswith("/auth-check"):
            self._send(200, b"{}", "application/json")
        else:
            self._file(name, self.hub.folders[name] / path.split(f"/resolve/{COMMIT}/")[-1].split("/resolve/main/")[-1])

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _model(self, name: str) -> dict[str, Any]:
        root = self.hub.folders[name]
        siblings = [{"rfilename": str(path.relative_to(root)), **_hashes(path)} for path in self.hub.files(name)]
        gated = "manual" if name in self.hub.gated else False
        return {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings, "tags": [], "gated": gated}

    def _tree(self, name: str) -> list[dict[str, Any]]:
        root = self.hub.folders[name]
        return [
            {
                "type": "file",
                "path": str(path.relative_to(root)),
                "size": path.stat().st_size,
                "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
            }
            for path in self.hub.files(name)
        ]

    def _file(self, name: str, path: Path) -> None:
        weights = path.suffix == ".safetensors"
        if weights and self.command == "GET":
            self.hub.go_on.wait(60)
        if (weights and self.hub.broken) or not path.is_file():
            self._send(404, b"", "text/plain")
        else:
            body = path.read_bytes()
            body = body[:-1] + bytes([body[-1] ^ 1]) if weights and name in self.hub.wrong else body
            self._send(200, body, "application/octet-stream")

    def _send(self, code: int, body: bytes, kind: str, more: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        for header, value in (more or {}).items():
            self.send_header(header, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _hashes(path: Path) -> dict[str, Any]:
    """A file's size and hash, as the Hub gives them: of weights the SHA-256, of others Git's."""
    content = path.read_bytes()
    found: dict[str, Any] = {"size": len(content)}
    if path.suffix == ".safetensors":
        found["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 134}
    found["blobId"] = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return found


def put_in_cache(cache: Path, name: str, *files: str) -> Path:
    """A snapshot as the Hub's client lays it."""
    snapshot = cache / f"models--{name.replace('/', '--')}" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    for file in files:
        (snapshot / file).write_text("{}")
    reference = snapshot.parents[1] / "refs" / "main"
    reference.parent.mkdir()
    reference.write_text("0" * 40)
    return snapshot


def use(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Hub's client take this address for the Hub's."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
