"""The blind vote: two anonymised answers, four buttons, then the names and the standings."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from adapters.options import build, knobs
from playground.chat.anonymize import anonymize
from playground.chat.answer import Decoding
from playground.chat.bradley_terry import rank_players
from playground.chat.turns import arm_base, split_arm_id
from playground.errors import UserError
from playground.services import votes as votes_service
from playground.services.app import Services
from playground.storage.exchange import DOWNLOADS
from playground.storage.records import Ballot, VoteRow
from playground.ui.compare.arm_choice import arm_choices, bases_in_play
from playground.ui.shared.format import method_name, model_name
from playground.ui.shared.frames import Frames
from playground.ui.shared.handlers import guard, guarded_stream, notice_box, refuse_if_full
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import UNQUEUED

ANY = ""
SCOPES = ("text", "mine", "everyone")
COLUMNS = ("place", "arm", "share", "votes", "bad")
FILES = {"csv": votes_service.votes_csv, "jsonl": votes_service.votes_jsonl}


class Voting:
    """The section's components and their events. Only the server knows which arm is on which side."""

    def __init__(self, services: Services, decoding: Sequence[Component], line: dict[str, Any]) -> None:
        """Draw it and wire it; `decoding` are the tab's controls, `line` the options of the model's events."""
        self.services, self.decoding = services, list(decoding)
        with gr.Accordion(mark("vote.title"), open=False):
            gr.Markdown(mark("vote.intro"))
            if services.settings.share_votes:
                gr.Markdown(mark("vote.shared"), elem_classes="fine-print")
            self._build_question()
            self._build_answers()
            self._build_standings()
        self._wire(line)

    @property
    def outputs(self) -> list[Any]:
        """What the page redraws of it: the choice of arms, and the standings."""
        return [*self.wanted, self.summary, self.table]

    @property
    def inputs(self) -> list[Any]:
        """What `refresh` is told of: the arms that are chosen, and whose votes the standings count."""
        return [*self.wanted, self.scope]

    def _build_question(self) -> None:
        with gr.Row(elem_classes="ask"):
            self.question = gr.Textbox(label=mark("vote.question"), lines=1, max_lines=4, scale=4)
            self.ask = gr.Button(mark("vote.ask"), variant="primary", min_width=120)
        with gr.Row():
            choices = [(mark("vote.any"), ANY)]
            self.wanted = [gr.Dropdown(choices, value=ANY, label=mark(f"vote.arm_{n}"), min_width=200) for n in (1, 2)]
        self.notice = notice_box()

    def _build_answers(self) -> None:
        with gr.Row(visible=False, equal_height=True) as self.answers_row:
            self.answers = [
                gr.Textbox(label=mark(f"vote.{side}"), interactive=False, lines=6, max_lines=16, min_width=260)
                for side in votes_service.SIDES
            ]
        with gr.Row(visible=False, elem_classes="steps") as self.choices_row:
            self.buttons = {
                each: gr.Button(mark(f"vote.choice.{each}"), min_width=120) for each in votes_service.CHOICES
            }
        self.revealed = gr.Textbox(label=mark("vote.revealed"), interactive=False, lines=2, visible=False)

    def _build_standings(self) -> None:
        gr.Markdown(mark("vote.standings"))
        scopes = SCOPES if self.services.settings.share_votes else SCOPES[:-1]
        self.scope = gr.Radio([(mark(f"vote.scope.{each}"), each) for each in scopes], value="text", show_label=False)
        self.summary = gr.Textbox(show_label=False, interactive=False, container=False, lines=1, max_lines=3)
        self.table = gr.Dataframe(datatype="str", interactive=False, visible=False, wrap=True, show_label=False)
        with gr.Row(elem_classes="again"):
            self.make = gr.Button(mark("vote.files"), size="sm", min_width=120, scale=0)
            self.files = [
                gr.DownloadButton(kind.upper(), size="sm", visible=False, min_width=90, scale=0) for kind in FILES
            ]

    def _wire(self, line: dict[str, Any]) -> None:
        ballot = [self.notice, self.answers_row, *self.answers, self.choices_row, self.revealed]
        frames = Frames(ballot)
        ask = frames.stream(guarded_stream(len(ballot))(self._ask))
        inputs = [self.question, *self.wanted, *self.decoding]
        gr.on([self.ask.click, self.question.submit], ask, inputs, frames.outputs, api_name="blind_ask", **line)
        cast = [self.notice, self.choices_row, self.revealed, self.summary, self.table]
        for choice, button in self.buttons.items():
            vote, shown = guard(len(cast))(self._vote_handler(choice)), [self.scope, *self.answers]
            button.click(vote, shown, cast, api_name=f"vote_{choice}")
        outputs = [self.notice, self.summary, self.table]
        self.scope.input(guard(3)(self._standings), self.scope, outputs, **UNQUEUED)
        prepare = guard(1 + len(self.files))(self._prepare_files)
        self.make.click(prepare, None, [self.notice, *self.files], api_name="votes")

    def refresh(self, language: str, visitor: str, chosen: Sequence[str]) -> tuple[Any, ...]:
        """Updates for `outputs`: this visitor's arms, those that are `chosen` kept, and the standings, as `inputs`."""
        *wanted, scope = chosen
        runs = self.services.runs.with_adapter(visitor)
        bases = bases_in_play(self.services, visitor, runs)
        choices = [(say(language, "vote.any"), ANY), *arm_choices(language, runs, bases)[1:]]
        known = {id_ for _, id_ in choices}
        dropdowns = [gr.update(choices=choices, value=each if each in known else ANY) for each in wanted]
        return *dropdowns, *self._standing_updates(language, visitor, scope)

    def _ask(self, request: gr.Request, question: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        refuse_if_full(self.services, language)
        wanted, chosen = values[: len(self.wanted)], values[len(self.wanted) :]
        names = [knob.name for knob in knobs(Decoding)]
        decoding = build(Decoding, dict(zip(names, chosen, strict=True)))
        writing = say(language, "vote.writing")
        hidden = gr.update(visible=False)
        for ballot in self.services.votes.ask(visitor, question, wanted, decoding):
            answers = _shown_answers(ballot) if ballot else [writing, writing]
            yield gr.update(visible=True), *answers, gr.update(visible=ballot is not None), hidden

    def _vote_handler(self, choice: str) -> Callable[..., tuple[Any, ...]]:
        def cast(request: gr.Request, scope: str, *shown: str) -> tuple[Any, ...]:
            language, visitor = language_of(request), visitor_of(self.services.visitors, request)
            self._refuse_if_outdated(visitor, shown)
            ballot = self.services.votes.cast(visitor, choice)
            revealed = gr.update(value=_revealed_names(language, ballot), visible=True)
            return gr.update(visible=False), revealed, *self._standing_updates(language, visitor, scope)

        return cast

    def _refuse_if_outdated(self, visitor: str, shown: Sequence[str]) -> None:
        """A visitor may ask in a second tab; a vote counts for the answers that were read."""
        waiting = self.services.votes.waiting(visitor)
        if waiting and _shown_answers(waiting) != list(shown):
            raise UserError(
                "You asked another question since, maybe in another tab, so this vote was not counted. Vote on the "
                "newer answers there, or ask again."
            )

    def _standings(self, request: gr.Request, scope: str) -> tuple[Any, ...]:
        return self._standing_updates(language_of(request), visitor_of(self.services.visitors, request), scope)

    def _standing_updates(self, language: str, visitor: str, scope: str) -> tuple[Any, ...]:
        """Updates for the summary and the table."""
        everyone = scope == "everyone" and self.services.settings.share_votes
        votes = self.services.votes.of_everyone() if everyone else self.services.votes.all(visitor)
        if scope == "text":
            text = self.services.library.text_hash(visitor)
            votes = [each for each in votes if each.text == text]
        found = rank_players(votes_service.games(votes, "kind" if everyone else "arm"))
        names = _names(language, votes, everyone)
        rows = [
            [
                say(language, "vote.early") if each.place is None else str(each.place),
                names[each.player],
                f"{100 * each.share:.0f} % ({100 * each.low:.0f}–{100 * each.high:.0f})",
                str(each.votes),
                str(each.bad),
            ]
            for each in found
        ]
        headers = [say(language, f"vote.column.{each}") for each in COLUMNS]
        leads = bool(found) and found[0].place == 1
        key = "vote.leads" if leads else "vote.too_early" if found else "vote.none"
        summary = say(language, key, name=names[found[0].player] if leads else "", count=len(votes))
        return summary, gr.update(value={"headers": headers, "data": rows}, visible=bool(rows))

    def _prepare_files(self, request: gr.Request) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        votes = self.services.votes.all(visitor)
        folder = self.services.exchange.new_folder(visitor, DOWNLOADS)
        for kind, written in FILES.items():
            (folder / f"votes.{kind}").write_text(written(votes), encoding="utf-8")
        return tuple(gr.update(value=str(folder / f"votes.{kind}"), visible=True) for kind in FILES)


def _shown_answers(ballot: Ballot) -> list[str]:
    """Both answers as the page shows them, without what would tell their arms."""
    return [anonymize(each).strip() or "–" for each in (ballot.left_answer, ballot.right_answer)]


def _revealed_names(language: str, ballot: Ballot) -> str:
    left = _name(language, ballot.left_kind, ballot.left_name)
    right = _name(language, ballot.right_kind, ballot.right_name)
    return say(language, "vote.revealed_value", left=left, right=right)


def _names(language: str, votes: Sequence[VoteRow], everyone: bool) -> dict[str, str]:
    """The label of each player: a run's newest name, or its method where all visitors' votes count."""
    names = {}
    for each in votes:
        for arm, kind, name in (
            (each.left_arm, each.left_kind, each.left_name),
            (each.right_arm, each.right_kind, each.right_name),
        ):
            names[kind if everyone else arm] = _name(language, kind, "" if everyone else name)
    return names


def _name(language: str, kind: str, run: str) -> str:
    (way, method), base = split_arm_id(kind), arm_base(kind)
    name = say(language, f"compare.{way}", **({"name": run or method_name(method)} if method else {}))
    return f"{name} · {model_name(base)}" if base else name
