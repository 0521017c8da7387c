"""A Hub of data sets on this machine: the addresses that `datasets` asks for when it streams their files."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

COMMIT = "b" * 40


@contextmanager
def dataset_hub(folders: Mapping[str, Path]) -> Iterator[str]:
    """The address of a Hub that holds these folders by the id of their data set, for as long as the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_DatasetHandler,), {"folders": dict(folders)}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _DatasetHandler(BaseHTTPRequestHandler):
    folders: Mapping[str, Path]

    def do_HEAD(self) -> None:
        """What a file is."""
        self._answer()

    def do_GET(self) -> None:
        """A list of files, or a file or a part of one."""
        self._answer()

    def do_POST(self) -> None:
        """What some paths are."""
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""

    def _answer(self) -> None:
        path = unquote(self.path.partition("?")[0])
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        name = next((each for each in self.folders if f"datasets/{each}" in path), None)
        if name is None:
            self._send(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif "/resolve/" in path:
            self._file(self.folders[name] / path.split("/resolve/")[1].partition("/")[2])
        elif "/paths-info/" in path:
            self._json([each for each in self._entries(name) if each["path"] in parse_qs(body)["paths"]])
        elif "/tree/" in path:
            below = path.split("/tree/")[1].partition("/")[2]
            whole = "recursive=True" in self.path or "recursive=true" in self.path
            entries = [each for each in self._entries(name) if each["path"].startswith(below)]
            self._json([each for each in entries if whole or str(Path(each["path"]).parent) == (below or ".")])
        else:
            siblings = [{"rfilename": each["path"]} for each in self._entries(name)]
            self._json({"id": name, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False})

    def _entries(self, name: str) -> list[dict[str, Any]]:
        root = self.folders[name]
        return [
            {
                "type": "file" if path.is_file() else "directory",
                "path": str(path.relative_to(root)),
                "size": path.stat().st_size if path.is_file() else 0,
                "oid": "c" * 40,
            }
            for path in sorted(root.rglob("*"))
        ]

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        data = path.read_bytes()
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if (part := self.headers.get("Range")) is None:
            self._send(200, data, headers)
            return
        first, _, last = part.removeprefix("bytes=").partition("-")
        end = min(int(last or len(data)) + 1, len(data))
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
        self._send(206, data[int(first) : end], headers)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
