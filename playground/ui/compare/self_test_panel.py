"""The self-test on request: a button, its result in plain words, and every comparison."""

from typing import Any

import gradio as gr

from playground.inference.fp16_weights import FP16
from playground.inference.self_test import SelfTestCheck
from playground.services.app import Services
from playground.ui.shared.format import decimal
from playground.ui.shared.handlers import guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of


def build_self_test(services: Services, line: dict[str, Any]) -> None:
    """Draw it and wire it; `line` are the concurrency options of the model's events."""
    with gr.Accordion(mark("test.title"), open=False):
        gr.Markdown(mark("test.intro"))
        run = gr.Button(mark("test.run"), size="sm")
        notice = notice_box()
        result = gr.Textbox(label=mark("test.found"), interactive=False, lines=2, max_lines=12, visible=False)
        checks = gr.JSON(show_label=False, max_height=260, visible=False)

    def test(request: gr.Request) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(services.visitors, request)
        base = services.chats.name(visitor)
        adapters = services.adapters.in_memory(visitor, base)
        proof = services.self_tests.run(list(adapters.values()), base)
        runs = {run.id: run.name for run in services.runs.all(visitor)}
        names = {each.hash: runs.get(id_, "") for id_, each in adapters.items()}
        key = "test.passed" if proof.passed else "test.failed"
        lines = [say(language, key, count=len(proof.checks), seconds=decimal(language, proof.seconds, 1))]
        if proof.weights == FP16:
            lines.append(say(language, "test.narrow"))
        lines += [_check_line(language, each, names.get(each.arm, "")) for each in proof.checks]
        return gr.update(value="\n".join(lines), visible=True), gr.update(value=proof.to_dict(), visible=True)

    run.click(guard(3)(test), None, [notice, result, checks], api_name="self_test", show_progress_on=notice, **line)


def _check_line(language: str, check: SelfTestCheck, name: str) -> str:
    arm = say(language, "compare.tuned", name=name) if name else say(language, "compare.base")
    sign = "✓" if check.passed else "✗"
    figures = {"difference": f"{check.difference:.2g}", "limit": f"{check.limit:.2g}"}
    return f"{sign} {arm}: {say(language, f'test.{check.what}', **figures)}"
