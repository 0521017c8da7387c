"""A visitor's conversation: each arm keeps its own turns. A question goes to the chosen arms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from playground.chat.answer import Answer, Arm, Decoding
from playground.chat.conversation_files import conversation_html, conversation_jsonl
from playground.chat.turns import (
    FEW_SHOT,
    RETRIEVING,
    Conversation,
    Record,
    answered,
    closed_turn,
    history,
    record,
    split_arm_id,
    without_prompts,
)
from playground.errors import UserError
from playground.evaluation.answer_warnings import answer_warning, mostly_short
from playground.prompts import Turn
from playground.services.answers import Answers
from playground.services.keyed_locks import KeyedLocks
from playground.services.self_tests import SelfTests
from playground.storage.store import Store
from retrieval.follow_up import words_left_out


class Conversations:
    """The conversations of all visitors, one each. Every method sees nothing of another visitor's."""

    def __init__(self, store: Store, answers: Answers, self_tests: SelfTests) -> None:
        self._store = store
        self._answers = answers
        self._self_tests = self_tests
        self._saving = KeyedLocks()
        self._open: dict[str, list[_OpenQuestion]] = {}

    def load(self, visitor: str) -> Conversation:
        """The turns of every arm; empty for a new visitor."""
        stored = self._store.conversation(visitor)
        return {arm: [Record(**turn) for turn in turns] for arm, turns in stored.items()}

    def shown(self, visitor: str) -> Conversation:
        """`load` with the turns that are being written, as far as they are."""
        with self._saving.hold(visitor):
            conversation = self.load(visitor)
            for question in self._open.get(visitor, []):
                conversation = question.added_to(conversation)
        return conversation

    def ask(
        self,
        visitor: str,
        question: str,
        arm_ids: Sequence[str],
        decoding: Decoding,
        ask_anyway: bool,
        again: bool = False,
    ) -> Iterator[Conversation]:
        """The conversation as it grows; saved when it ends, also when it is stopped or its page is closed.

        Where the arms were asked this question last and are asked it `again`, the new turns take the place of those.

        Raises:
            UserError: no arm, an empty or too long question, a retrieval arm without a text, or a missing adapter.
        """
        question = self._answers.check_question(question, arm_ids, decoding)
        ids = list(dict.fromkeys(arm_ids))
        arms = [self._answers.arm(visitor, each) for each in ids]
        question_open = _OpenQuestion(question, again)
        before = question_open.without_earlier(self.load(visitor), ids)
        earlier = {each: without_prompts(before.get(each, [])) for each in ids}
        answers_before = [answered(before.get(each, [])) for each in ids]
        histories = [history(question, turns) for turns in answers_before]
        left_out = words_left_out(question, _earlier_questions([before.get(each, []) for each in ids]))
        asked = [
            self._asked(visitor, question, arm, turns, left_out)
            for arm, turns in zip(arms, answers_before, strict=True)
        ]
        latest: dict[str, Record] = {}
        self._begin(visitor, question_open)
        try:
            for answers in self._answers.stream(visitor, arms, question, histories, decoding, ask_anyway, left_out):
                latest = {
                    each: of.turn(answer, latest.get(each))
                    for each, of, answer in zip(ids, asked, answers, strict=True)
                }
                question_open.turns = latest
                if not self._is_open(visitor, question_open):
                    return
                yield {**before, **{each: [*earlier[each], latest[each]] for each in ids}}
        finally:
            self._end(visitor, question_open, {each: closed_turn(turn) for each, turn in latest.items()})

    def last_question(self, visitor: str, arm_ids: Sequence[str]) -> str:
        """What the first of these arms that was asked anything was asked last.

        Raises:
            UserError: none of them has been asked anything.
        """
        conversation = self.load(visitor)
        asked = [conversation[each][-1].question for each in arm_ids if conversation.get(each)]
        if not asked:
            raise UserError("There is no question to ask again yet. Type one and press “Ask”.")
        return asked[0]

    def clear(self, visitor: str) -> None:
        """Remove all turns; answers that are being written are kept when they end."""
        with self._saving.hold(visitor):
            self._save(visitor, {})

    def write_files(
        self, visitor: str, folder: Path, names: Mapping[str, str], words: Mapping[str, str], language: str
    ) -> list[Path]:
        """The conversation as files in a folder, a page and JSON lines; `names` of arms and `words` as these take them.

        Raises:
            UserError: nothing was asked yet.
        """
        conversation = self.load(visitor)
        if not any(conversation.values()):
            raise UserError("There is no conversation to save yet. Type a question and press “Ask”.")
        page, lines = folder / "conversation.html", folder / "conversation.jsonl"
        page.write_text(conversation_html(conversation, names, words, language), encoding="utf-8")
        lines.write_text(conversation_jsonl(conversation, names), encoding="utf-8")
        return [page, lines]

    def forget(self, visitor: str) -> None:
        """Keep nothing of the questions that are being answered now; called when a visitor's data is deleted."""
        with self._saving.hold(visitor):
            self._open.pop(visitor, None)

    def _asked(
        self, visitor: str, question: str, arm: Arm, turns: Sequence[Turn], left_out: Sequence[str]
    ) -> "_AskedArm":
        kind, _ = split_arm_id(arm.name)
        report = self._self_tests.report(arm.adapter, arm.base)
        return _AskedArm(
            question=question,
            earlier=turns,
            tested=report.to_dict() if report else None,
            left_out=left_out if kind in (*RETRIEVING, FEW_SHOT) else (),
            learnt_short=self._answers.learnt_short_answers(visitor, arm.name),
        )

    def _begin(self, visitor: str, question: "_OpenQuestion") -> None:
        """From now on this question is being answered."""
        with self._saving.hold(visitor):
            self._open.setdefault(visitor, []).append(question)

    def _is_open(self, visitor: str, question: "_OpenQuestion") -> bool:
        """Whether the question's visitor has not started over since it was asked."""
        return question in self._open.get(visitor, [])

    def _end(self, visitor: str, question: "_OpenQuestion", turns: Mapping[str, Record]) -> None:
        """Add a question's turns to the conversation as it is now: another question may have been asked meanwhile."""
        with self._saving.hold(visitor):
            questions = self._open.get(visitor, [])
            if question not in questions:
                return
            questions.remove(question)
            if not questions:
                del self._open[visitor]
            if turns:
                question.turns = turns
                self._save(visitor, question.added_to(self.load(visitor)))

    def _save(self, visitor: str, conversation: Conversation) -> None:
        stored = {arm: [asdict(turn) for turn in turns] for arm, turns in conversation.items()}
        self._store.save_conversation(visitor, stored)


@dataclass(eq=False)
class _OpenQuestion:
    """The turns that answer one question, as far as they are written; asked `again`, in place of its earlier ones."""

    question: str
    again: bool
    turns: Mapping[str, Record] = field(default_factory=dict)

    def added_to(self, conversation: Conversation) -> Conversation:
        """The conversation with these turns."""
        return _with_turns(self.without_earlier(conversation, self.turns), self.turns)

    def without_earlier(self, conversation: Conversation, arm_ids: Iterable[str]) -> Conversation:
        """The conversation without the last turns of these arms that the new ones take the place of."""
        last = {arm: conversation[arm][-1].question for arm in arm_ids if self.again and conversation.get(arm)}
        replaced = {arm: conversation[arm][:-1] for arm, question in last.items() if question == self.question}
        return {**conversation, **replaced}


@dataclass(frozen=True)
class _AskedArm:
    """What is known of an arm's turn before it answers; `left_out` are the words that its search adds."""

    question: str
    earlier: Sequence[Turn]
    tested: Mapping[str, Any] | None
    left_out: Sequence[str]
    learnt_short: bool

    def turn(self, answer: Answer, before: Record | None) -> Record:
        """A snapshot as a turn; `before` is the turn of the snapshot before it, which stays if it is finished."""
        if before and before.done:
            return before
        made = record(self.question, answer, self.tested, before, self.left_out)
        return replace(made, warning=self._warning(answer)) if answer.done and not answer.stopped else made

    def _warning(self, answer: Answer) -> str:
        shown = [each.turn.answer for each in answer.examples.chosen] if answer.examples else []
        return answer_warning(self.question, answer.text, self.earlier, self.learnt_short or mostly_short(shown))


def _earlier_questions(conversations: Sequence[Sequence[Record]]) -> list[str]:
    """What the visitor asked before, oldest first: the questions of the pane that was asked most."""
    return [turn.question for turn in max(conversations, key=len)]


def _with_turns(conversation: Conversation, turns: Mapping[str, Record]) -> Conversation:
    """The conversation with one more turn of some arms; of their earlier turns the prompts are dropped."""
    more = {arm: [*without_prompts(conversation.get(arm, [])), turn] for arm, turn in turns.items()}
    return {**conversation, **more}
