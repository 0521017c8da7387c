"""The parts of an exam: its arms, each with the instructions planted for it, and the fact test. Loads no model."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.chat.turns import BASE, TUNED
from playground.errors import UserError
from playground.evaluation import fact_test
from playground.evaluation.exam_plan import QUESTIONS, Plan, read_exam
from playground.evaluation.questions import GENERAL, Question
from playground.evaluation.results import read_results
from playground.jobs.parts import PARTS, close_folders, open_folder
from playground.storage.run_folder import (
    ANSWERS,
    DOCUMENTS,
    HASHES,
    ORDERS,
    PART,
    read_config,
    read_events,
    read_hashes,
    write_config,
    write_hashes,
)

FACTS = "facts"  # the part that is no arm


class ExamParts:
    """See `Parts`. A part is an exam of one arm, of the same questions; a drill is left to the whole."""

    rest_is_small = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._plan, questions = read_exam(folder)
        arms = self._plan.arms
        self._totals = {arm: _most_asked(arm, questions) for arm in arms}
        had = read_results(folder / ANSWERS)
        self._done = {arm: sum(each.arm == arm for each in had) for arm in arms}
        self._arm = ""
        self._before, self._began = len(had), time.monotonic()
        self._joined: dict[tuple[Path, str], int] = {}  # bytes of a part's file that the whole has
        self._waits = True

    def open(self) -> list[Path]:
        """The arms that have questions left, and the fact test; none if that is less than two, or a second time."""
        if not self._waits:
            return []
        self._waits = False
        close_folders(self._folder)
        names = [arm for arm in self._plan.arms if self._done[arm] < self._totals[arm]]
        if self._plan.settings.facts and self._plan.adapter and not (self._folder / fact_test.RESULT).exists():
            names.append(FACTS)
        return [self._write_part(name) for name in names] if len(names) > 1 else []

    def join(self, part: Path) -> None:
        """Take over whole lines of answers, and what the others have not brought: hashes, the fact test."""
        self._join_hashes(part)
        told = next((event for event in reversed(read_events(part)) if event["event"] == "progress"), None)
        if told and part.name in self._totals:
            self._totals[part.name] = told["steps"]
        if new := self._join_lines(part, ANSWERS):
            self._done[part.name] += new
            self._arm = part.name
        self._join_lines(part, ORDERS)
        if (part / fact_test.RESULT).exists() and not (self._folder / fact_test.RESULT).exists():
            settings = self._plan.settings
            found = fact_test.read_facts(part, settings.seed)
            if found:
                fact_test.write_facts(found, self._folder)

    def is_done(self, part: Path) -> bool:
        """Whether its last event says so."""
        return any(event["event"] == "finished" for event in read_events(part)[-1:])

    def progress(self) -> dict[str, Any]:
        """Answers of all arms, and the time left by their pace since this process began."""
        done, total = sum(self._done.values()), sum(self._totals.values())
        seconds, new = time.monotonic() - self._began, done - self._before
        left = seconds / new * (total - done) if new else None
        now = {"step": done, "steps": total, "seconds": seconds, "seconds_left": left}
        return {"event": "progress", **now, "arm": self._arm, "model": ""}

    def _write_part(self, name: str) -> Path:
        part = self._folder / PARTS / name
        open_folder(self._folder, part)
        for file in (DOCUMENTS, QUESTIONS, HASHES, ANSWERS, ORDERS):
            if (self._folder / file).exists():
                (part / file).write_bytes((self._folder / file).read_bytes())
        for file in (ANSWERS, ORDERS):
            self._joined[part, file] = _size(part / file)
        write_config(part, {**read_config(self._folder), **_part_of(self._plan, name).to_dict(), PART: name})
        return part

    def _join_lines(self, part: Path, name: str) -> int:
        """How many lines are new; one that has not come to its end is left for later."""
        if not (part / name).exists():
            return 0
        with (part / name).open("rb") as file:
            file.seek(self._joined[part, name])
            lines, end, _ = file.read().rpartition(b"\n")
        with (self._folder / name).open("ab") as file:
            file.write(lines + end)
        self._joined[part, name] += len(lines + end)
        return sum(bool(line.strip()) for line in lines.split(b"\n"))

    def _join_hashes(self, part: Path) -> None:
        """Raises UserError where a part answers with another kind of weights than those before it."""
        here, there = read_hashes(self._folder), read_hashes(part)
        if there is not None and here is None:
            write_hashes(self._folder, there)
        elif there is not None and here != there:
            raise UserError(
                "The machines of the cluster answer with different kinds of weights, so their answers cannot be put "
                "together. Ask whoever runs this playground to use machines that are alike."
            )


def _part_of(plan: Plan, name: str) -> Plan:
    """The plan of a part; the weights, the text and the index are those of the whole."""
    settings = plan.settings if name == FACTS else replace(plan.settings, facts=0)
    if name == FACTS:
        settings = replace(settings, orders=0)
    return replace(plan, settings=settings, arms=() if name == FACTS else (name,), drill=False)


def _most_asked(arm: str, questions: Sequence[Question]) -> int:
    """The most questions that an arm is asked: which of them have a right passage is not known here."""
    return sum(arm in (BASE, TUNED) or each.kind != GENERAL for each in questions)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
