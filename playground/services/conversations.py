"""A visitor's conversation: each arm keeps its own turns. A question goes to the chosen arms."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from playground.chat.answer import Decoding
from playground.chat.turns import Conversation, Record, closed_turn, history, record, without_prompts
from playground.errors import UserError
from playground.services.answers import Answers
from playground.services.keyed_locks import KeyedLocks
from playground.services.self_tests import SelfTests
from playground.storage.store import Store


class Conversations:
    """The conversations of all visitors, one each. Every method sees nothing of another visitor's."""

    def __init__(self, store: Store, answers: Answers, self_tests: SelfTests) -> None:
        self._store = store
        self._answers = answers
        self._self_tests = self_tests
        self._saving = KeyedLocks()
        self._open: dict[str, list[object]] = {}

    def load(self, visitor: str) -> Conversation:
        """The turns of every arm; empty for a new visitor."""
        stored = self._store.conversation(visitor)
        return {arm: [Record(**turn) for turn in turns] for arm, turns in stored.items()}

    def ask(
        self, visitor: str, question: str, arm_ids: Sequence[str], decoding: Decoding, ask_anyway: bool
    ) -> Iterator[Conversation]:
        """The conversation as it grows; saved when it ends, also when it is stopped or its page is closed.

        Raises:
            UserError: no arm, an empty or too long question, a retrieval arm without a text, or a missing adapter.
        """
        question = self._answers.check_question(question, arm_ids, decoding)
        ids = list(dict.fromkeys(arm_ids))
        arms = [self._answers.arm(visitor, each) for each in ids]
        before = self.load(visitor)
        earlier = {each: without_prompts(before.get(each, [])) for each in ids}
        histories = [history(before.get(each, [])) for each in ids]
        reports = [self._self_tests.report(arm.adapter) for arm in arms]
        tested = [report.to_dict() if report else None for report in reports]
        latest: dict[str, Record] = {}
        mark = self._begin(visitor)
        try:
            for answers in self._answers.stream(visitor, arms, question, histories, decoding, ask_anyway):
                latest = {
                    each: record(question, answer, test, latest.get(each))
                    for each, answer, test in zip(ids, answers, tested, strict=True)
                }
                yield {**before, **{each: [*earlier[each], latest[each]] for each in ids}}
        finally:
            self._end(visitor, mark, {each: closed_turn(turn) for each, turn in latest.items()})

    def take_back(self, visitor: str, arm_ids: Sequence[str]) -> str:
        """Remove the last turn of the chosen arms and return its question, to be asked again.

        Raises:
            UserError: none of them has been asked anything.
        """
        with self._saving.hold(visitor):
            conversation = self.load(visitor)
            asked = [conversation[each][-1].question for each in arm_ids if conversation.get(each)]
            if not asked:
                raise UserError("There is no question to ask again yet. Type one and press “Ask”.")
            for each in arm_ids:
                if conversation.get(each) and conversation[each][-1].question == asked[0]:
                    conversation[each].pop()
            self._save(visitor, conversation)
        return asked[0]

    def clear(self, visitor: str) -> None:
        """Remove all turns; answers that are being written are kept when they end."""
        with self._saving.hold(visitor):
            self._save(visitor, {})

    def forget(self, visitor: str) -> None:
        """Keep nothing of the questions that are being answered now; called when a visitor's data is deleted."""
        with self._saving.hold(visitor):
            self._open.pop(visitor, None)

    def _begin(self, visitor: str) -> object:
        """A mark for a question that is being answered."""
        mark = object()
        with self._saving.hold(visitor):
            self._open.setdefault(visitor, []).append(mark)
        return mark

    def _end(self, visitor: str, mark: object, turns: Mapping[str, Record]) -> None:
        """Add a question's turns to the conversation as it is now: another question may have been asked meanwhile."""
        with self._saving.hold(visitor):
            marks = self._open.get(visitor, [])
            if mark not in marks:
                return
            marks.remove(mark)
            if not marks:
                del self._open[visitor]
            if turns:
                self._save(visitor, _with_turns(self.load(visitor), turns))

    def _save(self, visitor: str, conversation: Conversation) -> None:
        stored = {arm: [asdict(turn) for turn in turns] for arm, turns in conversation.items()}
        self._store.save_conversation(visitor, stored)


def _with_turns(conversation: Conversation, turns: Mapping[str, Record]) -> Conversation:
    """The conversation with one more turn of some arms; of their earlier turns the prompts are dropped."""
    more = {arm: [*without_prompts(conversation.get(arm, [])), turn] for arm, turn in turns.items()}
    return {**conversation, **more}
