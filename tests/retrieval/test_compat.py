"""Parts of libraries that are private or bound to a version: they work here, and a failure is loud."""

import io
import json
from collections.abc import Iterator

import pypdfium2
import pytest

from retrieval import compat
from retrieval.document import Limits
from retrieval.errors import LibraryMismatchError
from retrieval.readers import sandbox
from tests.conftest import Write


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """Each test checks anew."""
    compat.check_pdfium.cache_clear()
    yield
    compat.check_pdfium.cache_clear()


def test_the_installed_library_has_what_is_used() -> None:
    compat.check_pdfium()


def test_a_changed_library_is_named_with_its_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pypdfium2.raw, "FPDFText_GetFontSize")
    with pytest.raises(LibraryMismatchError, match=r"written for pypdfium2 5\.15\.2.*FPDFText_GetFontSize"):
        compat.check_pdfium()


def test_a_mismatch_in_the_child_is_no_refusal_of_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = LibraryMismatchError("pypdfium2", "5.15.2", "9.0", ["FPDFText_GetMatrix"])

    def mismatched(request: bytes, out: io.BytesIO, *_: object) -> int:
        out.write(json.dumps({"mismatch": fault.details}).encode())
        return 0

    monkeypatch.setattr(sandbox, "run_reader", mismatched)
    with pytest.raises(LibraryMismatchError, match=r"pypdfium2 9\.0 is installed.*FPDFText_GetMatrix"):
        sandbox.read_in_sandbox(write("a.pdf", "x"), "a.pdf", None, Limits())
