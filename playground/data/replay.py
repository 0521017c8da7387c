"""The base model's own answers to general prompts: read beside a text, they keep what the model could do before.

Self-generated replay: Yang et al. 2024 (SDFT, arXiv 2402.13669). Answers of the default model are shipped; another
base answers the same prompts itself, once.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from playground.files import write_text
from playground.prompts import Messages, Turn, messages

FOLDER = Path(__file__).parent / "replay_answers"
ANSWER_TOKENS = 160

Answer = Callable[[Sequence[Messages]], Sequence[str | None]]


def prompts() -> list[str]:
    """The general prompts, the same for every base."""
    listed: list[str] = json.loads((FOLDER / "prompts.json").read_text(encoding="utf-8"))
    return listed


def shipped_turns(base_hash: str) -> list[Turn]:
    """The answers of a base that are part of the project; none for another base."""
    return read_turns(FOLDER / f"{base_hash}.json")


def read_turns(file: Path) -> list[Turn]:
    """Prompts and answers of a file; none where it does not exist."""
    if not file.is_file():
        return []
    return [Turn(prompt, answer) for prompt, answer in json.loads(file.read_text(encoding="utf-8"))]


def generate_turns(answer: Answer, file: Path) -> list[Turn]:
    """Have a base answer the prompts once and keep those answers that ended by themselves.

    `answer` gives, for chat requests, the base's greedy answers of at most ANSWER_TOKENS tokens, None where cut off.
    """
    asked = prompts()
    given = zip(asked, answer([messages(each) for each in asked]), strict=True)
    turns = [Turn(prompt, said.strip()) for prompt, said in given if said and said.strip()]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps([[turn.question, turn.answer] for turn in turns], ensure_ascii=False, indent=0))
    return turns
