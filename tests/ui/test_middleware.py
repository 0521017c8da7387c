"""Every request's way to Gradio, over loopback: an upload is counted as it arrives, whatever its headers say."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.journey import free_port
from playground.services.app import Services
from playground.settings import Settings
from playground.ui import page as ui

LIMIT = 2_000_000
FILE_BYTES = 900_000
BOUNDARY = "files-follow"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Gradio's cache, a folder of its own for this module."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def upload_url(cache: Path, tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the app takes uploads of at most LIMIT bytes."""
    limits = {"file_bytes": 1_000_000, "visitor_bytes": LIMIT, "adapter_bytes": 1_000_000}
    data = tmp_path_factory.mktemp("data")
    settings = Settings(data=data, chat_model=str(tiny_model_folder), port=free_port(), **limits)
    page = ui.build(Services(settings))
    _, url, _ = ui.launch(page, settings, prevent_thread_lock=True, quiet=True)
    yield f"{url.rstrip('/')}/gradio_api/upload"
    page.close()


def chunks(files: int) -> Iterator[bytes]:
    """A multipart body piece by piece; httpx sends an iterator chunked, without a length."""
    for number in range(files):
        disposition = f'Content-Disposition: form-data; name="files"; filename="part-{number}.txt"'
        yield f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode()
        for _ in range(FILE_BYTES // 100_000):
            yield bytes([97 + number]) * 100_000
        yield b"\r\n"
    yield f"--{BOUNDARY}--\r\n".encode()


def test_a_chunked_upload_within_the_limit_is_taken(upload_url: str) -> None:
    answer = httpx.post(upload_url, content=chunks(2), headers=MULTIPART)
    assert answer.status_code == 200
    assert [Path(each).stat().st_size for each in answer.json()] == [FILE_BYTES, FILE_BYTES]


def test_a_chunked_upload_over_the_limit_is_refused_and_leaves_nothing(upload_url: str, cache: Path) -> None:
    before = sorted(cache.rglob("*"))
    answer = httpx.post(upload_url, content=chunks(4), headers=MULTIPART)
    assert answer.status_code == 413
    assert answer.text == "This upload is over the limit of 2 MB for one visitor. Send less at once."
    assert sorted(cache.rglob("*")) == before


def test_an_upload_whose_header_says_too_much_is_refused_unread(upload_url: str) -> None:
    answer = httpx.post(upload_url, content=b"0" * (LIMIT + 1), headers=MULTIPART)
    assert answer.status_code == 413
    assert "2 MB" in answer.text


def test_the_app_goes_on_after_a_refusal(upload_url: str) -> None:
    assert httpx.post(upload_url, content=chunks(4), headers=MULTIPART).status_code == 413
    assert httpx.post(upload_url, content=chunks(1), headers=MULTIPART).status_code == 200
