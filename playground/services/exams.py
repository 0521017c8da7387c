"""A visitor's exams: the draft, kept on disk until it starts, and the exams that were started."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from adapters.options import build
from playground.chat.turns import BOTH, FEW_SHOT, RETRIEVING, TUNING
from playground.errors import UserError
from playground.evaluation import contamination, question_set, questions, report
from playground.evaluation.arms import ARMS
from playground.evaluation.config import ExamSettings
from playground.evaluation.contamination import QuestionFault
from playground.evaluation.exam_plan import QUESTIONS, Plan
from playground.evaluation.headline import draw_headline
from playground.evaluation.paraphrase import completer
from playground.evaluation.question_set import QuestionSet
from playground.evaluation.questions import GENERAL, Question
from playground.evaluation.statements import Statement
from playground.files import write_text
from playground.jobs.queue import Job, JobQueue
from playground.services.chat_models import ChatModels
from playground.services.embedders import Embedders
from playground.services.library import Library
from playground.services.prepared import Prepared
from playground.storage.run_folder import DOCUMENTS, adapter_folder, documents_text
from playground.storage.store import RunRow, Store
from retrieval.document import Document

KIND = "exam"
LANGUAGE = "language"
DRAFT = "draft.json"
NEEDING_INDEX = (*RETRIEVING, FEW_SHOT)
MAX_FILE_BYTES = 2_000_000
MAX_EXAMS = 20  # of one visitor


@dataclass(frozen=True)
class ExamDraft:
    """The exam in the making: its questions with what was found wrong, and the run it is checked against."""

    question_set: QuestionSet = field(default_factory=lambda: QuestionSet([], []))
    run: str = ""
    settings: ExamSettings = ExamSettings()

    @property
    def own_questions(self) -> list[Question]:
        """The questions without the general ones, which nobody edits."""
        return [each for each in self.question_set.questions if each.kind != GENERAL]


class Exams:
    """Draws up, changes, queues and reports every visitor's exams; `base` says of which chat model an exam is."""

    def __init__(
        self,
        store: Store,
        library: Library,
        embedders: Embedders,
        jobs: JobQueue,
        chats: ChatModels,
        prepared: Prepared,
    ) -> None:
        self._store = store
        self._library = library
        self._embedders = embedders
        self._jobs = jobs
        self._chats = chats
        self._prepared = prepared

    def create_draft(self, visitor: str, run: str, settings: ExamSettings, file: Path | None) -> ExamDraft:
        """Draw up an exam of this visitor's text as it is now, in place of the one before; a file may bring questions.

        Raises:
            UserError, RetrievalError: no text, no question found, or a file that cannot be used.
        """
        documents, chat = self._documents(visitor), self._chats.get(self.base(visitor, run))
        rows = (
            contamination.read_taught_items(self._store.runs.usable(visitor, run).folder, chat.tokenizer) if run else []
        )
        if file is None:
            drawn = question_set.from_text(documents, settings.limit, settings.seed, rows, completer(chat))
        else:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise UserError(f"The file of questions is over {MAX_FILE_BYTES // 1_000_000} MB. Ask fewer questions.")
            own = questions.read_questions(file, documents)[: settings.limit]
            drawn = question_set.from_file(own, documents, settings.seed, rows)
        draft = ExamDraft(drawn, run, settings)
        if not draft.own_questions:
            raise UserError("No question could be made from this text. Add more text, or bring questions in a file.")
        return self._save(visitor, draft)

    def base(self, visitor: str, run: str) -> str:
        """The chat model that an exam of this run examines, with "" that of the visitor's choice."""
        chosen = self._store.runs.usable(visitor, run).base if run else self._chats.name(visitor)
        return chosen or self._chats.default

    def untuned_bases(self, visitor: str) -> list[str]:
        """The chat models on this machine that the arms without an adapter can answer with, the host's own first.

        One that came by the login of a visitor is among them only where this one uses it, or has trained on it.
        """
        mine = {self._chats.name(visitor), *(run.base for run in self._store.runs.all(visitor))}
        here = [name for name in self._chats.offered_names() if self._chats.is_here(name)]
        return [name for name in here if name in mine or not self._chats.came_by_login(name)]

    def draft(self, visitor: str) -> ExamDraft:
        """The draft of the next exam; without questions where there is none."""
        file = self._store.exam_folder(visitor) / DRAFT
        if not file.exists():
            return ExamDraft()
        stored = json.loads(file.read_text(encoding="utf-8"))
        asked = [Question.from_dict(each) for each in stored["questions"]]
        findings = [QuestionFault(**each) for each in stored["findings"]]
        return ExamDraft(QuestionSet(asked, findings), stored["run"], ExamSettings(**stored["settings"]))

    def edit(self, visitor: str, id_: str, question: str, answers: Sequence[str]) -> ExamDraft:
        """Change one question and check all questions again.

        Raises:
            UserError: it has no words, no answer though it needs one, or is no longer there.
        """
        draft = self.draft(visitor)
        old = next((each for each in draft.own_questions if each.id == id_), None)
        accepted = tuple(dict.fromkeys(each.strip() for each in answers if each.strip()))
        if old is None:
            raise UserError("This question is not in the exam any more. Choose another one.")
        if not question.strip() or (not accepted and old.answerable):
            raise UserError("A question needs words and at least one answer. Fill in both, or delete it.")
        if max(map(len, (question, *accepted))) > questions.MAX_CHARS:
            raise UserError(f"A question or answer is longer than {questions.MAX_CHARS:,} characters. Shorten it.")
        new = old.edited(question.strip(), accepted)
        documents = self._library.documents(visitor)
        leaks = [each for each in draft.question_set.findings if each.fault == "leak" and each.question != id_]
        changed = question_set.replace_question(draft.question_set, new, documents, [])
        return self._save(visitor, replace(draft, question_set=replace(changed, findings=changed.findings + leaks)))

    def delete(self, visitor: str, ids: Sequence[str]) -> ExamDraft:
        """Delete questions from the draft."""
        draft = self.draft(visitor)
        return self._save(visitor, replace(draft, question_set=question_set.delete_questions(draft.question_set, ids)))

    def start(
        self,
        visitor: str,
        arms: Sequence[str],
        name: str,
        language: str,
        drill: bool = False,
        orders: float = 0,
        kept: bool = False,
        untuned_base: str = "",
    ) -> str:
        """Queue the exam as it was drawn up, with that many planted orders; returns its id.

        The drill needs fine-tuning with retrieval among the arms. A `kept` exam goes on when its page is closed. The
        arms without an adapter answer with the chat model `untuned_base`, or with that of the adapter.

        Raises:
            UserError, MethodError: no questions, no arm that can be asked, no such number of orders, a model that
                cannot be asked, or a drill with two.
        """
        if len(self.all(visitor)) >= MAX_EXAMS:
            raise UserError(f"You keep {MAX_EXAMS} exams, the most allowed. Delete one first.")
        draft = self.draft(visitor)
        chosen = [arm for arm in ARMS if arm in arms and (draft.run or arm not in TUNING)]
        if not draft.own_questions:
            raise UserError("There are no questions yet. Draw some up first.")
        if not chosen:
            raise UserError("No way of answering was chosen. Choose at least one; fine-tuned ones need an adapter.")
        needs_index = any(arm in NEEDING_INDEX for arm in chosen)
        index = self._store.saved_index(visitor, self._library.text_hash(visitor)) if needs_index else None
        adapter = adapter_folder(self._store.runs.usable(visitor, draft.run).folder) if draft.run else None
        plan = Plan(
            build(ExamSettings, {**asdict(draft.settings), "orders": orders}),
            tuple(chosen),
            adapter if any(arm in TUNING for arm in chosen) else None,
            index,
            tuple(draft.question_set.findings),
            embedder=self._embedders.name(visitor),
            drill=drill and BOTH in chosen,
            base=self.base(visitor, draft.run),
            untuned_base=self._other_base(visitor, draft.run, untuned_base),
        )
        documents = self._documents(visitor)
        files = {
            QUESTIONS: "".join(f"{json.dumps(each.to_dict())}\n" for each in draft.question_set.questions),
            DOCUMENTS: documents_text(documents),
            LANGUAGE: language,
        }
        job = Job(KIND, plan.to_dict(), files, KIND, name, kept=kept, base=plan.models[0])
        return self._jobs.add(visitor, [job])[0]

    def all(self, visitor: str) -> list[RunRow]:
        """This visitor's exams, oldest first."""
        return self._store.runs.all(visitor, KIND)

    def listed(self, visitor: str) -> list[RunRow]:
        """The prepared exams of their text, then their own, oldest first."""
        return [*self._prepared.exams(visitor), *self.all(visitor)]

    def outcome(self, visitor: str, exam: str) -> dict[str, Any] | None:
        """What `report.record` said of a finished exam; None while it is not finished."""
        file = self._store.runs.usable(visitor, exam).folder / report.JSON
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def headline_of(self, example: str) -> Statement | None:
        """The verdict of an example's prepared exam in one sentence; None without one."""
        exam = self._prepared.exam(example)
        return _headline(exam.folder / report.JSON) if exam else None

    def files(self, visitor: str, exam: str) -> list[Path]:
        """The files of a finished exam's report and its questions; none while it is not finished."""
        folder = self._store.runs.usable(visitor, exam).folder
        files = [folder / name for name in report.FILES if (folder / name).exists()]
        return [*files, folder / QUESTIONS] if files else []

    def zip_report(self, visitor: str, exam: str, folder: Path) -> Path:
        """`files` as a zip in a folder. Raises UserError while the exam is not finished."""
        files = self.files(visitor, exam)
        if not files:
            raise UserError("This exam has no report yet. Wait until it is done, then export it.")
        archive = folder / "exam-report.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in files:
                packed.write(file, f"{archive.stem}/{file.name}")
        return archive

    def _other_base(self, visitor: str, run: str, name: str) -> str:
        """This name, or "" where it is that of the exam's own model. Raises UserError where it cannot be asked."""
        if name and name not in self.untuned_bases(visitor):
            raise UserError(
                f"The chat model {name} is not on this machine, or asks for a login first. Choose it above the tabs "
                "once, or let all ways of answering use the same model."
            )
        return "" if name == self.base(visitor, run) else name

    def _documents(self, visitor: str) -> list[Document]:
        documents = self._library.documents(visitor)
        if not documents:
            raise UserError("There is no text to ask about. Add a file, paste a text or choose an example first.")
        return documents

    def _save(self, visitor: str, draft: ExamDraft) -> ExamDraft:
        folder = self._store.exam_folder(visitor)
        folder.mkdir(parents=True, exist_ok=True)
        stored = {
            "run": draft.run,
            "settings": asdict(draft.settings),
            "questions": [each.to_dict() for each in draft.question_set.questions],
            "findings": [asdict(each) for each in draft.question_set.findings],
        }
        write_text(folder / DRAFT, json.dumps(stored))
        return draft


@lru_cache(maxsize=64)
def _headline(file: Path) -> Statement | None:
    """Read once: the record of a finished exam never changes, and a page asks for it at every redraw."""
    recorded = json.loads(file.read_text(encoding="utf-8"))["verdict"] if file.exists() else []
    return draw_headline([Statement(each["topic"], each["key"], each["values"]) for each in recorded])
