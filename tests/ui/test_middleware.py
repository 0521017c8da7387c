"""Every request's way to Gradio, over loopback: uploads, other sites' pages, other visitors' files and sessions."""

import io
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from benchmarks.journey import free_port
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.exchange import DOWNLOADS, LINKS, UNCLAIMED
from playground.storage.store import new_secret
from playground.ui.shared.http.social_card import SIZE
from playground.ui.shared.session import COOKIE
from tests.fakes.page import served_page

LIMIT = 2_000_000
FILE_BYTES = 900_000
BOUNDARY = "files-follow"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
LISTED = "https://class.example.org"
POLL = {"data": [""]}  # what the page asks every two seconds, at the endpoint "run"


@dataclass
class Site:
    """The app over HTTP; every call is that of a browser with this secret."""

    url: str
    services: Services
    secret: str

    @property
    def visitor(self) -> str:
        """The visitor's id."""
        return self.services.store.visitor(self.secret)

    def other(self) -> "Site":
        """The same app for another browser."""
        return Site(self.url, self.services, new_secret())

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET."""
        return httpx.get(self.url + path, headers={"Cookie": f"{COOKIE}={self.secret}", **headers})

    def post(self, path: str, **sent: Any) -> httpx.Response:
        """POST."""
        headers = {"Cookie": f"{COOKIE}={self.secret}", **sent.pop("headers", {})}
        return httpx.post(self.url + path, headers=headers, **sent)

    def upload(self, content: Any = None, **headers: str) -> httpx.Response:
        """Upload one file, or this multipart body."""
        return self.post("/gradio_api/upload", content=content or b"".join(chunks(1)), headers={**MULTIPART, **headers})

    def file(self, path: Path | str, **headers: str) -> httpx.Response:
        """Ask for a file by its path."""
        return self.get(f"/gradio_api/file={path}", **headers)


@pytest.fixture(scope="module")
def app(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Services]]:
    """The app, which takes uploads of at most LIMIT bytes, and two visitors' worth of all."""
    limits = {"file_bytes": 1_000_000, "visitor_bytes": LIMIT, "adapter_bytes": 1_000_000, "upload_bytes": 2 * LIMIT}
    data = tmp_path_factory.mktemp("data")
    settings = Settings(data=data, chat_model=str(tiny_model_folder), port=free_port(), origins=LISTED, **limits)
    services = Services(settings)
    with served_page(services) as url:
        yield url, services


@pytest.fixture
def site(app: tuple[str, Services]) -> Iterator[Site]:
    """A new visitor's; the uploads of the test before are gone."""
    yield Site(*app, new_secret())
    for folder in app[1].exchange.folder.iterdir():
        app[1].exchange.forget(folder.name)


def chunks(files: int, byte: int = 97) -> Iterator[bytes]:
    """A multipart body piece by piece; httpx sends an iterator chunked, without a length."""
    for number in range(files):
        disposition = f'Content-Disposition: form-data; name="files"; filename="part-{number}.txt"'
        yield f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode()
        for _ in range(FILE_BYTES // 100_000):
            yield bytes([byte + number]) * 100_000
        yield b"\r\n"
    yield f"--{BOUNDARY}--\r\n".encode()


def files_in(site: Site) -> list[Path]:
    return [each for each in site.services.exchange.folder.rglob("*") if each.is_file()]


def test_a_chunked_upload_within_the_limit_is_taken(site: Site) -> None:
    answer = site.upload(chunks(2))
    assert answer.status_code == 200
    assert [Path(each).stat().st_size for each in answer.json()] == [FILE_BYTES, FILE_BYTES]
    assert {site.services.exchange.owner(Path(each)) for each in answer.json()} == {site.visitor}


def test_a_chunked_upload_over_the_limit_is_refused_and_leaves_nothing(site: Site) -> None:
    answer = site.upload(chunks(4))
    assert answer.status_code == 413
    assert answer.text == "This upload is over the limit of 2 MB for one visitor. Send less at once."
    assert files_in(site) == []


def test_an_upload_whose_header_says_too_much_is_refused_unread(site: Site) -> None:
    answer = site.upload(b"0" * (LIMIT + 1))
    assert answer.status_code == 413
    assert "2 MB" in answer.text


def test_the_app_goes_on_after_a_refusal(site: Site) -> None:
    assert site.upload(chunks(4)).status_code == 413
    assert site.upload(chunks(1)).status_code == 200


def test_an_upload_without_a_cookie_is_nobodys_and_served_to_nobody(site: Site) -> None:
    program = Site(site.url, site.services, "")
    (path,) = program.upload().json()
    assert site.services.exchange.owner(Path(path)) == UNCLAIMED
    assert (program.file(path).status_code, site.file(path).status_code) == (403, 403)


def test_all_uploads_without_a_cookie_may_have_as_much_as_one_visitor(site: Site) -> None:
    program = Site(site.url, site.services, "")
    assert program.upload(b"0" * (LIMIT + 1)).status_code == 413
    assert [program.upload().status_code for _ in range(3)] == [200, 200, 503]
    assert site.upload().status_code == 200


def test_a_link_is_served_to_whoever_has_it(site: Site) -> None:
    file = site.services.exchange.new_folder(site.visitor, LINKS) / "adapter.zip"
    file.write_text("weights")
    assert Site(site.url, site.services, "").file(file).text == "weights"
    assert site.other().file(file.parent).status_code != 200


def test_the_uploads_of_one_visitor_and_of_all_are_bounded(site: Site) -> None:
    assert [site.upload().status_code for _ in range(3)] == [200, 200, 413]
    assert [site.other().upload().status_code for _ in range(3)] == [200, 200, 503]
    assert sum(each.stat().st_size for each in files_in(site)) == 4 * FILE_BYTES


def test_uploads_at_the_same_time_are_not_given_the_same_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    brought_bytes = site.services.exchange.brought_bytes

    def count_slowly(*of: str) -> int:
        time.sleep(0.2)
        return brought_bytes(*of)

    monkeypatch.setattr(site.services.exchange, "brought_bytes", count_slowly)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: site.upload().status_code, range(4)))
    assert sorted(answers) == [200, 200, 413, 413]


def test_two_visitors_who_upload_the_same_file_share_none(site: Site) -> None:
    (first,), (second,) = site.upload().json(), site.other().upload().json()
    site.services.exchange.drop(Path(first))
    assert (Path(first).exists(), Path(second).stat().st_size) == (False, FILE_BYTES)


def test_a_file_is_sent_to_its_visitor_alone_as_a_download(site: Site) -> None:
    for name in ("report.html", "votes.csv", "a.svg", "model.zip"):
        file = site.services.exchange.new_folder(site.visitor, DOWNLOADS) / name
        file.write_text("<script>alert(1)</script>")
        answer = site.file(file)
        assert (answer.status_code, answer.text) == (200, "<script>alert(1)</script>")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert site.other().file(file).status_code == 403
        assert Site(site.url, site.services, "").file(file).status_code == 403


def test_the_answer_to_a_range_repeats_no_cookie(site: Site) -> None:
    file = site.services.exchange.new_folder(site.visitor, DOWNLOADS) / "a.txt"
    file.write_text("0123456789")
    answer = site.file(file, Range="bytes=2-4")
    assert answer.text == "0123456789"
    assert site.secret not in str(answer.headers)


def test_a_request_that_names_a_file_of_another_or_an_address_is_refused(site: Site) -> None:
    (path,) = site.upload().json()
    for wanted in (path, "/etc/passwd", "http://example.org/a.txt", f"{path}/../{Path(path).name}"):
        sent = {"data": [{"path": wanted, "meta": {"_type": "gradio.FileData"}}], "session_hash": new_secret()}
        answer = site.other().post("/gradio_api/run/add_files", json=sent)
        assert (answer.status_code, "not among yours" in answer.text) == (403, True), wanted


def test_a_session_belongs_to_the_browser_that_named_it_first(site: Site) -> None:
    sent = {**POLL, "session_hash": "abcdef12345"}
    assert site.post("/gradio_api/run/run", json=sent).status_code == 200
    other = site.other()
    assert other.post("/gradio_api/run/run", json=sent).status_code == 403
    assert other.get("/gradio_api/queue/data?session_hash=abcdef12345").status_code == 403
    assert other.get("/gradio_api/heartbeat/abcdef12345").status_code == 403
    assert site.post("/gradio_api/run/run", json=sent).status_code == 200


@pytest.mark.parametrize("odd", ['chosen={"a": 1}', "flag", "path=/", "words=one two"])
def test_an_odd_cookie_of_another_app_on_this_host_hides_no_visitor(site: Site, odd: str) -> None:
    both = f"{odd}; {COOKIE}={site.secret}"
    assert site.get("/", Cookie=both).headers["set-cookie"].startswith(f"{COOKIE}={site.secret};")
    (path,) = site.upload(Cookie=both).json()
    assert site.services.exchange.owner(Path(path)) == site.visitor


@pytest.mark.parametrize("body", [b"{", b'{"data": [NaN]}', b'{"data": [Infinity]}', b"[" * 100_000, b"\xff\xfe"])
def test_a_body_that_is_no_json_is_refused_in_a_sentence(site: Site, body: bytes) -> None:
    answer = site.post("/gradio_api/run/run", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, "JSON" in answer.text) == (400, True)


def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    answer = site.post("/gradio_api/run/run", content=b" " * 17_000_000)
    assert (answer.status_code, "16 MB" in answer.text) == (413, True)


@pytest.mark.parametrize("route", ["proxy=http://127.0.0.1/", "deep_link", "component_server", "vibe-code", "token"])
def test_routes_that_the_page_does_not_use_are_closed(site: Site, route: str) -> None:
    assert site.get(f"/gradio_api/{route}").status_code == 404


FOREIGN = ["https://evil.example", "null", "http://localhost.evil.example", "file://", "https://127.0.0.1.evil.example"]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("host", ["127.0.0.1", "playground.example.org"])
def test_pages_of_other_sites_can_neither_act_nor_read(site: Site, origin: str, host: str) -> None:
    headers = {"Origin": origin, "Host": host}
    for answer in (
        site.post("/gradio_api/run/run", json=POLL, headers=headers),
        site.get("/gradio_api/info", **headers),
        site.upload(**headers),
        httpx.options(f"{site.url}/gradio_api/run/run", headers={**headers, "Access-Control-Request-Method": "POST"}),
    ):
        assert answer.status_code == 403
        assert not [each for each in answer.headers if each.startswith("access-control")]


def test_a_request_without_an_origin_that_a_foreign_page_caused_is_refused(site: Site) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert site.get("/gradio_api/info", **foreign).status_code == 403
    assert site.get("/", **{**foreign, "Sec-Fetch-Mode": "navigate"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "playground.example.org", "Origin": "https://playground.example.org"},
        {"Host": "playground.example.org:80", "Origin": "http://playground.example.org"},
        {"Host": "10.0.0.1:7860", "X-Forwarded-Host": "me-app.hf.space", "Origin": "https://me-app.hf.space"},
        {"Origin": LISTED},
        {},
    ],
)
def test_the_pages_own_origin_listed_ones_and_programs_may(site: Site, headers: dict[str, str]) -> None:
    answer = site.post("/gradio_api/run/run", json=POLL, headers=headers)
    assert answer.status_code == 200


def test_a_listed_origin_is_told_that_it_may(site: Site) -> None:
    headers = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{site.url}/gradio_api/run/run", headers=headers)
    assert answer.headers["access-control-allow-origin"] == LISTED


def test_in_a_space_its_name_is_the_pages_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = "https://me-app.hf.space"
    assert site.post("/gradio_api/run/run", json=POLL, headers={"Origin": origin}).status_code == 403
    monkeypatch.setenv("SPACE_HOST", "me-app.hf.space")
    assert site.post("/gradio_api/run/run", json=POLL, headers={"Origin": origin}).status_code == 200


def test_the_page_has_a_policy_that_runs_its_own_scripts_alone(site: Site) -> None:
    answer = site.get("/")
    policy = answer.headers["content-security-policy"]
    (scripts,) = re.findall(r"script-src ([^;]*)", policy)
    assert "unsafe-inline" not in scripts
    assert scripts.count("'sha256-") >= 3
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert json.dumps(policy).isascii()


def test_a_link_to_the_page_is_shown_with_its_own_title_and_picture(site: Site) -> None:
    html = site.get("/").text
    tags = dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)"', html))
    assert tags["title"].startswith("Fine-tuning or retrieval?")
    assert len(re.findall('og:image"', html)) == 1
    assert "twitter:creator" not in html
    assert tags["image"] == f"{site.url}/social-card.png"
    picture = httpx.get(tags["image"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert "set-cookie" not in picture.headers
    with Image.open(io.BytesIO(picture.content)) as shown:
        assert shown.size == SIZE
