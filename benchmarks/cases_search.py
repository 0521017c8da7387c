"""What questions on the files of the case table must find; rows of `benchmarks.cases`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.sets import embedder_folder
from retrieval.build import build
from retrieval.embed import Embedder
from retrieval.index import Index
from retrieval.readers.dispatch import read_document
from retrieval.search import search


@dataclass(frozen=True)
class Finding:
    """A question on a file; a passage with `answer` must come first, or nothing be found where it is empty."""

    file: str
    question: str
    answer: str = ""

    @property
    def name(self) -> str:
        """The file and the question."""
        return f"{self.file}: {self.question}"

    def faults(self, cases: Path) -> list[str]:
        """What is wrong with what the default embedder finds."""
        return self.faults_with(cases, _embedder())

    def faults_with(self, cases: Path, embedder: Embedder) -> list[str]:
        """What is wrong with what this embedder finds."""
        result = search(_index(cases / self.file, embedder), embedder, self.question)
        if not self.answer:
            return ["found, but the text does not hold it"] if result.found else []
        ranks = [rank for rank, hit in enumerate(result.hits, start=1) if self.answer in hit.passage.text]
        wrong_rank = [] if ranks[:1] == [1] else [f"rank {ranks[0]}" if ranks else "not among the first five"]
        return wrong_rank + ([] if result.found else ["said to be absent"])


@cache
def _embedder() -> Embedder:
    return Embedder(embedder_folder(None))


@cache
def _index(file: Path, embedder: Embedder) -> Index:
    return build([read_document(file)], embedder)


LAMPS, PARTS, CODES = "60-heading-context/lamps.md", "61-md-table/parts.md", "61-md-table/plain_ids.md"
VERSIONS, TEAMS, VITAMINS = "62-ids/versions.md", "63-stopword-names/teams.md", "63-stopword-names/vitamins.md"
COURSES, KATALOG, RULES = "63-stopword-names/courses.md", "45-ja/catalogue.md", "64-negation/rules.txt"
ROWS = (
    Finding(LAMPS, "How much does the Heron 300 weigh?", "6.8 kg"),
    Finding(LAMPS, "How long does the Osprey 500 run on a charge?", "lasts 9 hours"),
    Finding(LAMPS, "How long is the warranty of the Plover 450?", "brass body"),
    Finding(LAMPS, "Who won the football world cup in 1998?"),
    Finding(PARTS, "On which shelf is Gasket 33?", "| Gasket 33 |"),
    Finding(PARTS, "What is the price of AB-1033-Y?", "| AB-1033-Y |"),
    Finding(PARTS, "Who won the football world cup in 1998?"),
    Finding(CODES, "What is the price of RX1042?", "| RX1042 |"),
    Finding(VERSIONS, "What does release 1.1.10 bring?", "print dialog"),
    Finding(VERSIONS, "What came with 10.10.1?", "night mode"),
    Finding("62-ids/changes.md", "What does release 2.1.3 bring?", "new clock"),
    Finding(TEAMS, "Who leads IT?", "Marta"),
    Finding(TEAMS, "Who leads OR?", "Soo Han"),
    Finding(TEAMS, "Who leads SO?", "Ada Finn"),
    Finding("63-stopword-names/teams.txt", "Who leads IT?", "Marta"),
    Finding("63-stopword-names/teams.txt", "Who teaches C++?", "Bo"),
    Finding(VITAMINS, "What is vitamin A in?", "carrots"),
    Finding(VITAMINS, "What is vitamin T in?", "sesame"),
    Finding(COURSES, "Who holds the course on C#?", "Cleo"),
    Finding(COURSES, "Who holds the course on .NET?", "Eva"),
    Finding("41-zero-width/codes.md", "Which part is reset with siskin?", "siskin"),
    Finding("41-zero-width/copy.txt", "How do I reset administrator accounts?", "kestrel"),
    Finding(KATALOG, "GH-3141の価格", "９９００"),
    Finding(KATALOG, "GH-3141の価格はいくらですか?", "９９００"),
    Finding("14-csv/products.csv", "What does AB-1003-X cost?", "3.50 EUR"),
    Finding("14-csv/products.csv", "Where is AB-1017-X?", "AB-1017-X"),
    Finding("45-ja/fullwidth.txt", "修理はどこで行いますか", "修理"),
    Finding("45-ja/fullwidth.txt", "日本の首都はどこですか"),
    Finding("47-th/th.txt", "ห้องสมุดเปิดกี่โมง", "ห้องสมุด"),
    Finding("47-th/th.txt", "ค่าปรับวันละเท่าไร", "ค่าปรับ"),
    Finding("47-th/th.txt", "เมืองหลวงของญี่ปุ่นคืออะไร"),
    Finding("67-spelling/net.txt", "Where is the wifi password?", "Wi-Fi"),
    Finding("67-spelling/net.txt", "Who reads the email?", "e-mail"),
    Finding("48-mixed-languages/quy-che.txt", "Tổ hòa giải gồm mấy người?", "ba người"),
    Finding(RULES, "Where are dogs not allowed?", "not allowed"),
)
