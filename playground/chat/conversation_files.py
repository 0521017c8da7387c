"""A conversation as files to keep: a line of JSON per turn, and a page to read, with every answer's stamp."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from html import escape

from playground.charts.html_page import html_page
from playground.chat.turns import Conversation, Record, split_arm_id

QUEUE = ("ahead", "wait")  # of a record: nothing that is worth keeping
STYLE = """
.arms{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(18rem,100%),1fr));gap:1rem}
.arm{border-top:4px solid var(--arm-base);padding:.5rem .25rem}.arm h3{margin:0;font-size:1rem}
.arm-rag{border-color:var(--arm-rag)}.arm-tuned{border-color:var(--arm-tuned)}.arm-both{border-color:var(--arm-both)}
.arm-few_shot{border-color:var(--arm-few_shot)}.answer{white-space:pre-wrap}
.note{color:var(--body-text-color-subdued);font-size:var(--text-sm)}
"""
Turn = tuple[str, Record]  # an arm's id and its turn


def conversation_jsonl(conversation: Conversation, names: Mapping[str, str]) -> str:
    """One JSON object per turn, an arm's turns in order: its arm's id and name, and all that is known of the turn."""
    lines = []
    for arm, turns in conversation.items():
        for turn in turns:
            kept = {name: value for name, value in asdict(turn).items() if name not in QUEUE}
            lines.append(json.dumps({"arm": arm, "name": names.get(arm, arm), **kept}, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def conversation_html(
    conversation: Conversation, names: Mapping[str, str], words: Mapping[str, str], language: str
) -> str:
    """A page with the arms' answers to each question side by side, their passages folded, and the stamps below.

    `words` are its "title", the heading of the "stamps", and the names of "passages" and "thoughts".
    """
    body = "".join(_question(question, turns, names, words) for question, turns in _by_question(conversation))
    stamps = {turn.stamp_id: turn.stamp for turns in conversation.values() for turn in turns}
    listed = escape(json.dumps(stamps, indent=1, ensure_ascii=False))
    return html_page(words["title"], language, STYLE, f"{body}<h2>{escape(words['stamps'])}</h2><pre>{listed}</pre>")


def _by_question(conversation: Conversation) -> Iterator[tuple[str, list[Turn]]]:
    """Each question with the turns that answer it; asked again, it counts anew."""
    found: dict[tuple[str, int], list[Turn]] = {}
    for arm, turns in conversation.items():
        times: dict[str, int] = {}
        for turn in turns:
            times[turn.question] = times.get(turn.question, 0) + 1
            found.setdefault((turn.question, times[turn.question]), []).append((arm, turn))
    yield from ((question, turns) for (question, _), turns in found.items())


def _question(question: str, turns: Sequence[Turn], names: Mapping[str, str], words: Mapping[str, str]) -> str:
    return f'<h2>{escape(question)}</h2><div class="arms">{"".join(_arm(*each, names, words) for each in turns)}</div>'


def _arm(arm: str, turn: Record, names: Mapping[str, str], words: Mapping[str, str]) -> str:
    passages = "".join(
        f"<p><b>[{number}] {escape(' · '.join(filter(None, (each['source'], each['page'], each['heading']))))}</b><br>"
        f"{escape(each['text'])}</p>"
        for number, each in enumerate(turn.passages, start=1)
    )
    thoughts = f"<p>{escape(turn.thoughts)}</p>" if turn.thoughts else ""
    return (
        f'<section class="arm arm-{escape(split_arm_id(arm)[0])}"><h3>{escape(names.get(arm, arm))}</h3>'
        f'{_folded(words["thoughts"], thoughts)}<p class="answer">{escape(turn.answer)}</p>'
        f"{_folded(words['passages'], passages)}"
        f'<p class="note">{escape(turn.stamp_id)}</p></section>'
    )


def _folded(title: str, html: str) -> str:
    return f'<details class="note"><summary>{escape(title)}</summary>{html}</details>' if html else ""
