"""What programs can call, one method per endpoint: the same work as the page's, for whoever holds a visit's secret.

The docstrings are what a program and an assistant read of an endpoint.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

import adapters
from playground.chat.answer import Decoding
from playground.chat.turns import ARM_KINDS, BASE, BOTH, FEW_SHOT, RAG, RETRIEVING, TUNED, TUNING, answer_record, arm_id
from playground.chat.turns import passage as passage_record
from playground.errors import UserError
from playground.evaluation.arms import ARMS
from playground.evaluation.config import ExamSettings
from playground.export.export import FORMS
from playground.services import catalogue, progress
from playground.services.app import Services
from playground.services.exams import KIND as EXAM
from playground.services.library import Added
from playground.storage.exchange import LINKS
from playground.training.config import MAX_STEPS, PRESETS, fitting_mix, mix_values
from playground.ui.api.checks import check_choice, check_knobs, check_range
from playground.ui.shared.handlers import refuse_if_full
from playground.ui.train.tab import FIRST_METHOD, FIRST_PRESET
from retrieval.search import search

Record = dict[str, Any]
MOST_PASSAGES = 50
REPORT = "report"  # what an exam is exported as


class Endpoints:
    """Every endpoint that takes a `visit` sees the work of that visit alone."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._visitor = services.visitors.identify_known

    def open_visit(self) -> str:
        """Begin a visit. Keep what this returns: it is the secret that all other calls name, and the only way back.

        Returns:
            The visit.
        """
        return self._services.visitors.open()

    def add_text(self, visit: str, name: str, text: str) -> Record:
        """Add a text to the visit; its search index is then built, which `texts` tells about.

        Args:
            visit: What open_visit returned.
            name: What the text is called.
            text: The words.
        """
        visitor = self._visitor(visit)
        return self._added(visitor, self._services.library.add_text(visitor, text, name))

    def add_file(self, visit: str, file: gr.FileData) -> Record:
        """Add a file to the visit, such as a PDF, a Word file or a table; its search index is then built.

        Args:
            visit: What open_visit returned.
            file: The uploaded file.
        """
        visitor, exchange = self._visitor(visit), self._services.exchange
        path = exchange.claim(visitor, file["path"])  # type: ignore[index]  # Gradio gives the JSON as it came
        try:
            return self._added(visitor, self._services.library.add(visitor, [(path, path.name)]))
        finally:
            exchange.drop(path)

    def texts(self, visit: str) -> Record:
        """The texts of the visit, and whether their search index is ready, being built or missing.

        Args:
            visit: What open_visit returned.
        """
        visitor = self._visitor(visit)
        read = [progress.text_record(each) for each in self._services.library.summary(visitor)]
        return {"texts": read, "index": progress.index_record(self._services.indexes, visitor)}

    def search(self, visit: str, question: str, k: int = 5) -> Record:
        """The passages of the visit's texts that are nearest to a question, and whether they seem to answer it.

        Args:
            visit: What open_visit returned.
            question: What to look up.
            k: How many passages.
        """
        visitor = self._visitor(visit)
        check_range("k", k, 1, MOST_PASSAGES)
        asked = self._services.answers.check_question(question, [RAG], Decoding())
        index, embedder = self._services.indexes.index(visitor), self._services.embedders.of(visitor)
        result = search(index, embedder, asked, k)
        return {"question": asked, "found": result.found, "passages": [passage_record(each) for each in result.hits]}

    def methods(self) -> list[Record]:
        """The fine-tuning methods: what each does, its paper, its options and its cost on the chat model."""
        return catalogue.method_records(self._services.method_costs.measure())

    def models(self) -> list[Record]:
        """The chat models that answer and are fine-tuned, the host's own first, and the embedders that search."""
        chats = self._services.chats
        others = [chats.offer(name) for name in chats.offered_names()[1:]]
        return catalogue.model_records(self._services.chat, others, self._services.embedders.offers())

    def use_model(self, visit: str, model: str = "", token: str = "") -> Record:
        """Answer and fine-tune with another chat model from now on. Returns at once: call again to see how far it is.

        It is fetched where it is not on this machine, then loaded, while the one before answers. Runs and exams keep
        the model that they began with.

        Args:
            visit: What open_visit returned.
            model: One of the chat models that models lists; empty only tells which one is in use or on its way.
            token: For a gated model, a token of the Hub that may read it; it is not kept.
        """
        visitor, changes = self._visitor(visit), self._services.chat_changes
        if model:
            changes.choose(visitor, model, token)
        return progress.model_record(self._services.chats.name(visitor), changes.change(visitor), changes)

    def train(self, visit: str, method: str = FIRST_METHOD, preset: str = FIRST_PRESET, max_steps: int = 0) -> str:
        """Fine-tune the chat model on the visit's texts, and return at once; `run_state` tells how far it is.

        A visit trains one run at a time: while one is active, its name is returned.

        Args:
            visit: What open_visit returned.
            method: One of those that methods lists.
            preset: sketch, quick or thorough, by the time that it takes.
            max_steps: The most steps; 0 leaves it to the preset.

        Returns:
            The run.
        """
        visitor, runs = self._visitor(visit), self._services.runs
        label = adapters.get(method).label
        check_choice("preset", preset, PRESETS)
        check_range("max_steps", max_steps, 0, MAX_STEPS)
        values = mix_values(fitting_mix(self._services.library.documents(visitor)))
        config, cost = runs.plan_now(visitor, method, preset, {}, values)
        if 0 < max_steps < config.settings.steps:
            config, cost = runs.plan(visitor, method, preset, {}, {**values, "steps": max_steps})
        return runs.start(visitor, config, label, cost.seconds, kept=True)

    def run_state(self, visit: str, run: str) -> Record:
        """Where a run stands: queued, running, stopping, stopped, done or failed; its steps, losses and time left.

        Args:
            visit: What open_visit returned.
            run: What train returned.
        """
        return progress.run_record(self._services.jobs.snapshot(self._visitor(visit), run))

    def stop(self, visit: str, run: str) -> Record:
        """Stop a run or an exam; `resume` continues it from where it was.

        Args:
            visit: What open_visit returned.
            run: What train or exam returned.
        """
        self._services.jobs.stop(self._visitor(visit), run)
        return self.run_state(visit, run)

    def resume(self, visit: str, run: str) -> Record:
        """Continue a run or an exam that was stopped or failed.

        Args:
            visit: What open_visit returned.
            run: What train or exam returned.
        """
        self._services.jobs.resume(self._visitor(visit), run)
        return self.run_state(visit, run)

    def ask(
        self,
        visit: str,
        question: str,
        arms: list[str] | None = None,
        run: str = "",
        max_new_tokens: int = Decoding().max_new_tokens,
        seed: int = Decoding().seed,
        thinking: bool = Decoding().thinking,
    ) -> Iterator[list[Record]]:
        """Ask one question in several ways at once; a list with one record per way, which grows until it is complete.

        Args:
            visit: What open_visit returned.
            question: The question; earlier ones are not remembered.
            arms: Some of base, few_shot, rag (retrieval), tuned and both; without it all but few_shot that can answer.
            run: What train returned, for tuned and both.
            max_new_tokens: The most tokens of an answer.
            seed: The same seed gives the same answers.
            thinking: Let a model that can think do so first; its thoughts stand in the record.
        """
        visitor, answers = self._visitor(visit), self._services.answers
        check_knobs(Decoding, {"max_new_tokens": max_new_tokens, "seed": seed})
        decoding = Decoding(max_new_tokens=max_new_tokens, seed=seed, thinking=thinking)
        chosen = self._chosen_arms(visitor, arms, run, ARM_KINDS)
        question = answers.check_question(question, chosen, decoding)
        refuse_if_full(self._services, "en")
        base = self._services.chats.name(visitor)
        ids = [arm_id(kind, run) if kind in TUNING else answers.untuned_id(kind, base) for kind in chosen]
        ready = [answers.arm(visitor, each) for each in ids]
        if {*RETRIEVING} & set(chosen):
            self._services.indexes.index(visitor)  # a program that has just added a text asks about that text
        for each in answers.stream(visitor, ready, question, [[] for _ in ready], decoding, ask_anyway=False):
            yield [answer_record(answer) for answer in each]

    def exam(self, visit: str, run: str = "", limit: int = ExamSettings().limit, arms: list[str] | None = None) -> str:
        """Make questions from the visit's texts and put them to several ways of answering; return at once.

        `exam_state` tells how far it is and then gives the verdict; export gives its report.

        Args:
            visit: What open_visit returned.
            run: What train returned, for tuned and both; without it the base model and retrieval are compared.
            limit: How many questions.
            arms: Some of base, few_shot, rag, tuned, both and gold (the right passage); without it, as of ask.

        Returns:
            The exam.
        """
        visitor, exams = self._visitor(visit), self._services.exams
        check_knobs(ExamSettings, {"limit": limit})
        chosen = self._chosen_arms(visitor, arms, run, ARMS)
        if {*RETRIEVING, FEW_SHOT} & set(chosen):
            self._services.indexes.index(visitor)
        exams.create_draft(visitor, run, ExamSettings(limit=limit), None)
        return exams.start(visitor, chosen, f"Exam {len(exams.all(visitor)) + 1}", "en", kept=True)

    def exam_state(self, visit: str, exam: str) -> Record:
        """Where an exam stands; once it is done, its verdict in sentences and the figures of every way of answering.

        Args:
            visit: What open_visit returned.
            exam: What exam returned.
        """
        visitor = self._visitor(visit)
        return progress.exam_record(
            self._services.jobs.snapshot(visitor, exam), self._services.exams.outcome(visitor, exam)
        )

    def export(self, visit: str, run: str, form: str = FORMS[0]) -> gr.FileData:
        """A zip with what a run learnt, or with the report of an exam.

        Its address works for an hour, for everyone who has it.

        Args:
            visit: What open_visit returned.
            run: What train or exam returned.
            form: native (for PEFT), plain (a plain LoRA), merged, gguf (for llama.cpp); for an exam, report.
        """
        visitor = self._visitor(visit)
        row = self._services.runs.get(visitor, run)
        check_choice("form", form, (REPORT,) if row.kind == EXAM else FORMS)
        with self._services.exchange.filled_folder(visitor, LINKS) as folder:
            if row.kind == EXAM:
                archive = self._services.exams.zip_report(visitor, run, folder)
            else:
                archive = self._services.runs.zip_export(visitor, run, form, folder)
        return gr.FileData(path=str(archive), orig_name=archive.name)

    def forget(self, visit: str) -> bool:
        """Delete all texts, runs, exams and files of the visit. It can be used on, empty.

        Args:
            visit: What open_visit returned.
        """
        self._services.visitors.forget(self._visitor(visit))
        return True

    def _added(self, visitor: str, added: Added) -> Record:
        """The one text that was added, whose index is begun.

        Raises:
            UserError: it was refused, or a person would have to choose its columns or its encoding.
        """
        refused = [*added.refusals, *(str(table.reason) for table in added.unmapped)]
        refused += [str(file.reason) for file in added.undecided]
        if refused:
            raise UserError(refused[0])
        self._services.indexes.build_soon(visitor)
        ids = [each.id for each in added.documents]
        return next(progress.text_record(each) for each in self._services.library.summary(visitor) if each.id in ids)

    def _chosen_arms(self, visitor: str, arms: Sequence[str] | None, run: str, known: tuple[str, ...]) -> list[str]:
        """The arms that were named, else all that can answer."""
        if arms is None:
            text = self._services.library.has_text(visitor)
            able = {BASE: True, RAG: text, TUNED: bool(run), BOTH: text and bool(run)}
            return [arm for arm, is_able in able.items() if is_able]
        for arm in arms:
            check_choice("each of arms", arm, known)
            if arm in TUNING and not run:
                raise UserError(f"The arm {arm!r} needs a run. Name one that train returned, or leave the arm out.")
        return list(dict.fromkeys(arms))
