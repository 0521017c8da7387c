"""The Dockerfile keeps what it promises, as far as its text can tell; no image is built here."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Steps = list[tuple[str, str]]


@pytest.fixture(scope="module")
def steps() -> Steps:
    """Every instruction with its words, comments left out and continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    words = [line.partition(" ") for line in lines if line.strip() and not line.startswith("#")]
    return [(name, " ".join(rest.split())) for name, _, rest in words]


def of(steps: Steps, name: str) -> list[str]:
    """The words of all instructions of this name."""
    return [words for each, words in steps if each == name]


def variables(steps: Steps) -> dict[str, str]:
    """The environment that the image sets."""
    return dict(each.split("=", 1) for words in of(steps, "ENV") for each in words.split())


def test_it_runs_as_a_user_of_its_own_that_can_change_nothing_but_the_volume(steps: Steps) -> None:
    names = [name for name, _ in steps]
    (user,) = of(steps, "USER")
    assert user.isdigit(), "an orchestrator can check that a number is not root"
    assert int(user) > 0
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in ("RUN", "COPY"))
    assert f"useradd --uid {user}" in of(steps, "RUN")[0]
    assert not [words for words in of(steps, "COPY") if "--chown" in words]


def test_all_that_is_written_lies_in_the_one_volume(steps: Steps) -> None:
    (volume,) = of(steps, "VOLUME")
    environment = variables(steps)
    assert environment["PLAYGROUND_DATA"] == volume
    assert Path(environment["HF_HOME"]).is_relative_to(volume)
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert re.search(rf"install -d -o playground -g playground {volume}$", of(steps, "RUN")[0])


def test_its_health_is_what_the_page_says_of_itself(steps: Steps) -> None:
    (check,) = of(steps, "HEALTHCHECK")
    _, _, code = json.loads(check.partition("CMD ")[2])
    port = variables(steps)["PORT"]
    assert f"http://127.0.0.1:{port}/health" in code
    assert of(steps, "EXPOSE") == [port]
    compile(code, "HEALTHCHECK", "exec")


def test_the_signal_to_end_reaches_the_app_and_not_a_shell(steps: Steps) -> None:
    (command,) = of(steps, "CMD")
    assert json.loads(command) == ["python", "app.py"]
    assert of(steps, "ENTRYPOINT") == []


def test_it_installs_the_lock_of_its_python_and_copies_what_is_there(steps: Steps) -> None:
    (python,) = re.findall(r"^python:(3\.\d+)-slim$", of(steps, "FROM")[0])
    sources = [each for words in of(steps, "COPY") for each in words.split()[:-1]]
    assert f"docs/locks/python{python}.txt" in sources
    assert [each for each in sources if not (ROOT / each).exists()] == []
    assert {"app.py", "adapters", "retrieval", "playground"} <= set(sources)
    assert of(steps, "ADD") == []
