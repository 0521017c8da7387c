"""Every sentence that a visitor may meet has a form in every other language, with the same values in it."""

import ast
import math
import re
import string
import time
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

import adapters
from adapters.errors import MethodError
from adapters.options import Knob, build, knobs
from playground.chat.answer import Decoding
from playground.errors import UserError
from playground.export.hub import REASONS
from playground.training.config import TrainSettings
from playground.ui.shared import i18n
from playground.ui.shared.handlers import guard
from playground.ui.shared.translation import translate, translate_phrase
from retrieval.readers import epub, foreign, ocr, pptx, xlsx
from retrieval.table_reading import SHAPES
from tests.ui.raised import ERRORS, ROOT, Module, module, modules, phrases, raised, refusals, sentences

# Errors whose sentence the source does not show where they are raised, and where it stands: constants or functions.
FOLLOWED = {
    ("retrieval/readers/sandbox.py", "answer['refusal']"): [
        ("retrieval/readers/sandbox.py", "exit_refusal"),
        ("retrieval/readers/sandbox.py", "_size_refusal"),
    ],
    ("adapters/qlora.py", "reason"): [("adapters/qlora.py", "unavailable")],
    ("playground/ui/api/endpoints.py", "refused[0]"): [],  # as the library refused it
}
# Sentences that are kept as the error of a run or a change, and never raised.
KEPT = [
    *(("playground/jobs/worker.py", name) for name in ("NO_ROOM", "FAULT", "NO_MEMORY", "KILLED")),
    ("playground/jobs/supervisor.py", "EXPIRED"),
    ("playground/jobs/cluster.py", "too_large"),
    ("playground/services/embedders.py", "FAULT"),
    ("playground/services/chat_changes.py", "FAULT"),
    ("playground/training/memory_advice.py", "describe_shortage"),
]
DISGUISED = "refuse_disguised"  # is given the words for the kind of file that is wanted
OTHERS = sorted(set(i18n.languages()) - {"en"})
ODD = ("Tệp {0} (bản [2]).txt", r"a.*b\1 100%+?.csv", "Lê Văn {x}", "x'y", "q/w-e_r", "{}", "ß$^")
HEADERS = {"accept-language": "vi-VN,vi;q=0.9"}
VIETNAMESE = gr.Request(request=cast(Any, SimpleNamespace(cookies={}, headers=HEADERS)))


def named(path: str, name: str) -> list[str]:
    """The sentences of a constant, or those that a function returns."""
    where = module(ROOT / path)
    values = [where.constants[name]] if name in where.constants else where.returned[name]
    return [each for value in values for each in sentences(value, where) or ()]


@cache
def wanted() -> set[str]:
    """Every sentence of every package that a visitor may meet."""
    found = {each for places in (*FOLLOWED.values(), KEPT) for place in places for each in named(*place)}
    for where in modules(*ERRORS, "refusal"):
        for value in [*raised(where), *refusals(where)]:
            found.update(sentences(value, where) or ())
    return found - {""}


def unfollowed(where: Module) -> set[tuple[str, str]]:
    return {(where.name, ast.unparse(value)) for value in raised(where) if sentences(value, where) is None}


def values_of(own: str) -> dict[int, str]:
    """A mark for each place of a template."""
    return {int(name): mark or "" for _, name, mark, _ in string.Formatter().parse(own) if name}


def test_every_error_is_followed_to_its_sentence_and_nothing_else_is_listed() -> None:
    assert set().union(*map(unfollowed, modules(*ERRORS))) == set(FOLLOWED)
    assert len(wanted()) > 200


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_has_a_form_in_this_language_and_nothing_else_has(language: str) -> None:
    known = i18n.raised(language)[0]
    assert sorted(wanted() - set(known)) == [], "not in the file of words yet"
    assert sorted(set(known) - wanted()) == [], "in the file of words, but nothing says it"


@pytest.mark.parametrize("language", OTHERS)
def test_every_template_holds_each_value_once(language: str) -> None:
    for group in i18n.raised(language):
        for key, own in group.items():
            assert sorted(values_of(own)) == list(range(key.count("{}"))), key
            assert own.count("{") == key.count("{}"), key


@pytest.mark.parametrize("language", OTHERS)
def test_a_sentence_comes_back_with_the_same_values(language: str) -> None:
    for key, own in i18n.raised(language)[0].items():
        marks = values_of(own)
        values = ["1,234" if marks[place] == "n" else odd for place, odd in zip(sorted(marks), ODD, strict=False)]
        shown = [
            i18n.write_number(language, value) if marks[place] == "n" else value for place, value in enumerate(values)
        ]
        bare = re.sub(r":[nt]\}", "}", own)
        assert translate(language, key.format(*values)) == bare.format(*shown), key


@pytest.mark.parametrize(
    ("english", "vietnamese"),
    [
        ("a{b}.csv has 12,345 characters; the limit is 1,000. Add a part of it.",
         "a{b}.csv có 12.345 ký tự; giới hạn là 1.000. Hãy thêm một phần của nó."),
        ("this is it.pdf is a picture, not a PDF. Add a file with text.",
         "this is it.pdf là hình ảnh, không phải tệp PDF. Hãy thêm một tệp có chữ."),
        ("b.zip has no file in it that can be read. c.pdf is not a readable PDF. Save it as PDF again and add it "
         "again.",
         "b.zip không có tệp nào bên trong đọc được. c.pdf không phải là PDF đọc được. "
         "Hãy lưu lại thành PDF rồi thêm lại."),
        ("These options cannot be used: Rank must be between 1 and 256, got 0.5; Alpha must be a number, got 'x'. "
         "Correct them and try again.",
         "Không dùng được các tùy chọn này: Hạng (rank) phải từ 1 đến 256, nhưng nhận được 0.5; Alpha phải là số, "
         "nhưng nhận được 'x'. Hãy sửa rồi thử lại."),
        ("The run lacked memory and ended. Choose fewer layers or a shorter window, then resume it. It needs about "
         "3.1 GB and 2.0 GB were free. With a window of 64 tokens and top layers only = 6 it needs 1.9 GB, which fits.",
         "Lượt này thiếu bộ nhớ nên đã kết thúc. Hãy chọn ít lớp hơn hoặc cửa sổ ngắn hơn, rồi chạy tiếp. Lượt này cần "
         "khoảng 3,1 GB mà chỉ còn trống 2,0 GB. Với cửa sổ 64 token và “chỉ các lớp trên cùng” = 6 thì cần 1,9 GB, "
         "vừa đủ."),
        ("a.csv was taken for questions and answers (question: q; answer: a), and none of its 1,200 rows could be "
         "used. Rows without a question or an answer left out: 1200. Choose other columns.",
         "a.csv được hiểu là câu hỏi và câu trả lời (question: q; answer: a), và không hàng nào trong 1.200 hàng dùng "
         "được. Hàng thiếu câu hỏi hoặc câu trả lời bị bỏ ra: 1200. Hãy chọn các cột khác."),
        ("There is no answer in line 3 of Câu hỏi.jsonl. Add one, or remove the line.",
         "Thiếu đáp án ở dòng 3 của Câu hỏi.jsonl. Hãy thêm vào, hoặc xóa dòng đó."),
        ("q.json is no readable JSON: line 4: Expecting ',' delimiter. Mend that line and add it again.",
         "q.json không phải là JSON đọc được: dòng 4: thiếu dấu “,”. Hãy sửa dòng đó rồi thêm lại."),
    ],
)  # fmt: skip
def test_sentences_of_the_packages_in_vietnamese(english: str, vietnamese: str) -> None:
    assert translate("vi", english) == vietnamese
    assert translate("en", english) == english


def test_an_unknown_sentence_stays_as_it_is() -> None:
    for text in ("", "A sentence that nobody wrote or knows.", "x" * 5_000, "line one\nline two"):
        assert translate("vi", text) == text


def test_the_words_inside_sentences_are_known() -> None:
    kinds = [*foreign.MAGIC.values(), *foreign.PACKED.values()]
    words = {each for kind in kinds for each in (kind.name, kind.advice)}
    words |= {kind.words for kind in (epub.KIND, pptx.KIND, xlsx.KIND)}
    words |= {*REASONS.values(), ocr.HOW_TO_GET, *SHAPES.values(), "queued", "running", "stopping", "done"}
    for where in modules(*ERRORS, DISGUISED):
        for node in ast.walk(where.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == DISGUISED:
                words |= {each.value for each in node.args if isinstance(each, ast.Constant)}
        words |= {each for value in raised(where) for each in phrases(value)}
    assert sorted(each for each in words if re.search(r"\w", each) and translate_phrase("vi", each) == each) == []


def bad_values(knob: Knob) -> list[object]:
    return ["?", math.inf, 10.0**9, -(10.0**9), 1.5, [], 7]


def test_every_knob_refuses_in_vietnamese() -> None:
    owners = [TrainSettings, Decoding, *(method.Options for method in adapters.methods().values())]
    refused = 0
    for options in owners:
        for knob in knobs(options):
            for value in bad_values(knob):
                try:
                    build(options, {knob.name: value})
                except MethodError as error:
                    refused += 1
                    told = translate("vi", str(error))
                    assert "must be" not in told, told
                    assert told.endswith(f"nhưng nhận được {value!r}. Hãy sửa rồi thử lại."), told
    assert refused > 100


def test_a_handler_refuses_in_the_language_of_the_request() -> None:
    def refuses(_: gr.Request) -> tuple[Any, ...]:
        raise UserError("The question is empty. Type one and press “Ask”.")

    assert guard(1)(refuses)(VIETNAMESE)["value"] == "Câu hỏi đang trống. Hãy nhập câu hỏi rồi bấm “Hỏi”."


def test_a_refusal_is_translated_in_milliseconds() -> None:
    hostile = f"{' is , not . has; ' * 60}.txt has no file in it that can be read. {', not . ' * 60}"
    worst = 0.0
    for text in (*i18n.raised("vi")[0], hostile):
        translate("vi", text)
        began = time.process_time()
        translate("vi", text)
        worst = max(worst, time.process_time() - began)
    assert worst < 0.1, "usually a third of a millisecond"
