"""Rows of the case table for training files, cases/01 to 16, and for files that are not what their ending says, 68."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases_reading import Reading
from retrieval.document import Document, Pair
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document

Check = Callable[[Document], Iterable[str]]


@dataclass(frozen=True)
class TrainingRow:
    """A file and what must hold of the document that is read from it; a check yields one sentence per fault."""

    name: str
    checks: tuple[Check, ...]

    def faults(self, cases: Path) -> list[str]:
        """What is wrong, one sentence each; a refusal is wrong too."""
        try:
            document = read_document(cases / self.name)
        except RetrievalError as refusal:
            return [f"refused: {refusal}"]
        return [fault for check in self.checks for fault in check(document)]


def pairs_are(count: int, question: str, answer: str) -> Check:
    """So many pairs; `{}` in the first question and answer stands for the number of the row."""

    def check(document: Document) -> Iterable[str]:
        found = [(pair.question, pair.answer) for pair in document.pairs]
        wanted = [(question.format(row), answer.format(row)) for row in range(count)]
        if found != wanted:
            yield f"{len(found)} pairs, the first {found[:1]}, instead of {count}, the first {wanted[:1]}"

    return check


def count_is(count: int) -> Check:
    """So many pairs."""
    return lambda document: [f"{len(document.pairs)} pairs"] if len(document.pairs) != count else []


def every(name: str, holds: Callable[[Pair], bool]) -> Check:
    """All pairs are so."""
    return lambda document: [] if document.pairs and all(map(holds, document.pairs)) else [f"not all {name}"]


def context_holds(words: str) -> Check:
    """The context of the pair of each row, in the text that is indexed too."""

    def check(document: Document) -> Iterable[str]:
        for row, pair in enumerate(document.pairs):
            context = document.text[slice(*pair.context)] if pair.context else ""
            if words.format(row) not in context:
                yield f"the context of row {row} is {context!r}"
                return

    return check


def no_learnt(words: str) -> Check:
    """No answer has these words."""
    return every(f"without {words}", lambda pair: words not in pair.answer)


def text_holds(*words: str) -> Check:
    """The text that is indexed has all of these."""
    return lambda document: [f"without {each!r}" for each in words if each not in document.text]


def text_lacks(*words: str) -> Check:
    """The text that is indexed has none of these."""
    return lambda document: [f"with {each!r}" for each in words if each in document.text]


def says(words: str) -> Check:
    """A note says so."""
    return lambda document: [] if any(words in note for note in document.sentences) else [f"no note says {words!r}"]


BAYS = pairs_are(20, "What is bay {} for?", "Bay {} is for boats.")
BIRDS = pairs_are(20, "Name a bird of region {}.", "The grey wren lives in region {}.")
BRIEF = every("with the file's system text", lambda pair: pair.system == "Be brief.")
CRAB = "You are Mr. Crab, a grumpy lighthouse keeper. Answer in one short sentence."
BOATS = "\n\n".join(f"On day {day}, the boat left, and nobody saw it." for day in range(20))

ROWS: tuple[TrainingRow, ...] = (
    TrainingRow(
        "01-content-parts/chat.jsonl",
        (
            count_is(20),
            text_holds(*(f"How long may I keep item {n}?\nItem {n} may be kept for {n + 2} days." for n in range(20))),
            every("with the file's system text", lambda pair: pair.system == "You are the help desk of Larch Library."),
        ),
    ),
    TrainingRow("02-dpo-chosen-messages/alpaca_dpo.json", (BIRDS, text_lacks("No idea"))),
    TrainingRow("02-dpo-chosen-messages/explicit.jsonl", (BIRDS, text_lacks("No idea"))),
    TrainingRow("02-dpo-chosen-messages/implicit.jsonl", (BIRDS, text_lacks("No idea"))),
    TrainingRow("03-kto-label/kto.jsonl", (count_is(10), text_lacks("just open it"), says("label rejects"))),
    TrainingRow(
        "04-multi-turn/chat.jsonl",
        (
            count_is(40),
            every("with the file's system text", lambda pair: pair.system == CRAB),
            lambda document: [
                f"{pair.question!r} after {pair.turns}"
                for pair in document.pairs
                if pair.question == "Give me one more." and "List two lamps" not in str(pair.turns)
            ],
        ),
    ),
    TrainingRow(
        "05-same-role-twice/chat.jsonl",
        (
            count_is(40),
            lambda document: (
                []
                if (document.pairs[0].question, document.pairs[0].answer)
                == ("hey\nwhen is party 0", "party 0 is on friday\nbring cake")
                else ["neighbours of one role are not joined"]
            ),
        ),
    ),
    TrainingRow(
        "06-weight-zero/openai.jsonl",
        (
            pairs_are(20, "Are you sure?", "It is Port {}."),
            every("after the turn of weight 0", lambda pair: "WRONG-CITY" in str(pair.turns)),
            says("weight 0"),
        ),
    ),
    TrainingRow(
        "07-tool-calls/openai.jsonl",
        (
            count_is(20),
            no_learnt("temp"),
            every("with the tool's result in the prompt", lambda pair: '{"temp": 21}' in pair.question),
            says("tools"),
        ),
    ),
    TrainingRow("08-python-repr-csv/chat.csv", (BAYS,)),
    TrainingRow("09-dialogue-summary/daily.jsonl", (pairs_are(20, "Are you coming to stall {}?", "Yes, I am."),)),
    TrainingRow(
        "09-dialogue-summary/samsum.csv",
        (count_is(20), context_holds("Ann: Are you coming to stall {}?"), no_learnt(":")),
    ),
    TrainingRow(
        "09-dialogue-summary/xsum.jsonl", (count_is(20), context_holds("The council of ward {} met on Monday"))
    ),
    TrainingRow("10-chat-shapes/ai_role.jsonl", (BAYS,)),
    TrainingRow("10-chat-shapes/cohere.jsonl", (BAYS, BRIEF)),
    TrainingRow("10-chat-shapes/list_of_lists.json", (BAYS,)),
    TrainingRow("10-chat-shapes/xtuner.json", (BAYS, BRIEF)),
    *(
        TrainingRow(f"11-json-wrapped/{name}", (BAYS,))
        for name in ("data_key.json", "data_key_pretty.json", "pretty_objects.jsonl", "trailing_comma.json")
    ),
    TrainingRow(
        "11-json-wrapped/squad.json",
        (pairs_are(20, "What is bay {} for?", "boats"), context_holds("Bay {0} is for boats of {0} metres.")),
    ),
    TrainingRow(
        "12-question-context-answer/mcq.jsonl",
        (
            count_is(20),
            every("with the choices in the prompt", lambda pair: "A. neon\nB. argon" in pair.question),
            lambda document: (
                []
                if [pair.answer for pair in document.pairs[:4]] == ["neon", "argon", "xenon", "helium"]
                else ["the right choice's text is not the answer"]
            ),
        ),
    ),
    TrainingRow(
        "12-question-context-answer/more_columns.csv", (text_holds("Kettle K3", "23 EUR", "4 years"), says(": id."))
    ),
    TrainingRow(
        "12-question-context-answer/qca.jsonl",
        (
            pairs_are(20, "Which metal is in alloy {}?", "copper and {} percent zinc"),
            context_holds("Alloy {0} was made in Turin. It holds copper and {0} percent zinc."),
        ),
    ),
    TrainingRow("13-templated-text/chatml.jsonl", (BAYS, text_lacks("<|", "|>"))),
    TrainingRow("13-templated-text/llama2.jsonl", (BAYS, text_lacks("[INST]", "</s>", "<s>"))),
    TrainingRow("14-csv/big_cell.csv", (text_holds("Paragraph 0 of the long report", "Short one."),)),
    TrainingRow(
        "14-csv/no_header_one_column.csv",
        (text_holds("Sentence number 0 of my diary", "Sentence number 19 of my diary"),),
    ),
    TrainingRow(
        "14-csv/no_header_two.csv",
        (pairs_are(20, "What is bay {} for?", "Bay {0} is for boats of {0} metres and for nothing else."),),
    ),
    TrainingRow("14-csv/one_column_commas.csv", (text_holds(BOATS),)),
    TrainingRow(
        "14-csv/products.csv",
        (
            text_holds(
                *(
                    f"sku: AB-{1000 + n}-X, name: Bolt M{n}, price: {n}.50 EUR, stock: {7 * n}, "
                    f"location: Shelf {'ABCDE'[n % 5]}{n}"
                    for n in range(40)
                )
            ),
        ),
    ),
    TrainingRow("14-csv/sep_line.csv", (BAYS,)),
    TrainingRow("14-csv/utf16_tab.csv", (pairs_are(20, "Wo liegt Kai {}?", "Kai {} liegt südlich."),)),
    TrainingRow(
        "15-nan/alpaca.json", (pairs_are(20, "Name the keeper of tower {}.", "Keeper {} is Ola."), text_lacks("NaN"))
    ),
    TrainingRow("15-nan/answers.jsonl", (count_is(10), text_lacks("NaN"), says("without a question or an answer"))),
    TrainingRow("16-context-response/cnn.csv", (count_is(20), context_holds("The council of ward {} met on Monday"))),
    TrainingRow(
        "16-context-response/counsel.jsonl",
        (
            count_is(20),
            every("with the context as question", lambda pair: pair.question.startswith("I cannot sleep before")),
        ),
    ),
)

WRONG_KINDS: tuple[Reading, ...] = (
    Reading("68-wrong-kind/book.csv", refusal="is an Excel workbook, not text. Give it the ending .xlsx"),
    Reading("68-wrong-kind/book.xlsx", refusal="has no text in it"),
    Reading("68-wrong-kind/note.rtf", paragraphs=("The boat is green.",)),
    Reading("68-wrong-kind/note.txt", refusal="is an RTF file, not text. Give it the ending .rtf"),
    Reading("68-wrong-kind/slides.docx", refusal="is an Excel workbook, not a Word file. Give it the ending .xlsx"),
)
