"""What is right for the files of the case table that test reading; rows of `benchmarks.cases`."""

from dataclasses import dataclass
from pathlib import Path

from retrieval.document import Document
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document


@dataclass(frozen=True)
class Reading:
    """A file, and what its text, its headings and its notes must and must not hold.

    `paragraphs` are whole paragraphs, `lines` whole lines (cells apart by " | "), in this order. A `refusal` is part of
    the sentence of a file that must be refused.
    """

    name: str
    paragraphs: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""

    def faults(self, cases: Path) -> list[str]:
        """What is wrong with the text that is read from the file."""
        try:
            document = read_document(cases / self.name)
        except RetrievalError as error:
            return [] if self.refusal and self.refusal in str(error) else [f"refused: {error}"]
        return ["not refused"] if self.refusal else self._faults(document)

    def _faults(self, document: Document) -> list[str]:
        text = document.text
        found = {
            "no paragraph": _missing(self.paragraphs, text.split("\n\n")),
            "no line": _missing(self.lines, text.splitlines()),
            "no heading": _missing(self.headings, [each.label for each in document.headings]),
            "lacks": [each for each in self.parts if each not in text],
            "not once": [each for each in self.once if text.count(each) != 1],
            "holds": [each for each in self.lacks if each in text],
            "no note of": [each for each in self.notes if each not in " ".join(document.sentences)],
        }
        return [f"{fault} {', '.join(map(repr, values))}" for fault, values in found.items() if values]


def _missing(wanted: tuple[str, ...], found: list[str]) -> list[str]:
    """The first wanted thing that does not follow the ones before it, as a list."""
    remaining = iter(found)
    return [each for each in wanted if each not in remaining][:1]


# The rules of a school, the same in every encoding.
RULES = (
    "Nhà trường mở cửa lúc bảy giờ sáng. Học sinh phải đeo thẻ khi vào cổng. Thư viện cho mượn năm quyển sách trong "
    "hai tuần. Người trả muộn phải nộp phạt hai nghìn đồng mỗi ngày."
)
MUSEUM_ZH = "博物館早上九點開門，下午五點關門。門票十二元。狗不可以進去。六歲以下的兒童免費。"

ROWS = (
    Reading(
        "20-html-accordion/faq.html",
        headings=(
            "Help > Do you ship to islands?",
            "Help > Can I return a lamp?",
            "Help > Who pays the duty?",
        ),
        paragraphs=("Yes, twice a week by ferry.", "Within 30 days, in its box.", "The buyer pays it on arrival."),
    ),
    Reading(
        "21-html-form-page/page.aspx.html",
        headings=("Opening hours of the parish office",),
        paragraphs=("The office opens on Tuesday from nine to noon.", "Letters go to Mill Lane 4."),
        lacks=("abc",),
    ),
    Reading(
        "22-html-table-p/confluence.html",
        lines=(
            "Part | Person | Extension",
            "Boiler | Anna Ott | 4411",
            "Lift | Ben Roy | 4412",
            "Roof | Cleo Day | 4413",
            "Monday | Anna",
            "Monday | Ben",
        ),
    ),
    Reading(
        "23-html-cookie/page.html",
        headings=("Bees",),
        paragraphs=("A hive holds forty thousand bees in June.",),
        lacks=("cookies", "Jobs", "Shop", "Copyright", "newsletter"),
        notes=("Cookie banners", "Menus", "Page headers", "Page footers", "Sidebars"),
    ),
    Reading(
        "24-html-ol/steps.html",
        lines=("1. Unplug the box.", "2. Wait ten seconds.", "3. Press the red key.", "Code 7", "Low water"),
        parts=("H₂O and 10⁵", "Diagram: the valve is left of the pump"),
    ),
    Reading(
        "30-docx-tracked/lease.docx",
        headings=("Lease",),
        paragraphs=("The rent is 1,150 euros a month.", "Dogs are allowed in the garden flat."),
        lacks=("900",),
        notes=("Deletions left out: 1",),
    ),
    Reading(
        "31-docx-sdt/form.docx",
        headings=("Order form",),
        paragraphs=("Northwind Harbour Handbook 2024", "Customer: Maris Quill ordered boats."),
    ),
    Reading(
        "32-docx-textbox/notice.docx",
        headings=("Notice",),
        paragraphs=("See the box.", "The alarm code is 7391."),
        once=("The alarm code is 7391.", "Harbour Office, revision 12"),
    ),
    Reading(
        "50-pdf-two-columns/row_by_row.pdf",
        parts=(
            "Bees keep the hive warm in winter by shaking their wings. They form a ball around the queen and take",
            "A hive eats about fifteen kilos of honey until April. The keeper must not open it on cold days.",
            "Ants build hills of needles above old tree stumps. The hill leans to the south so that the sun warms it.",
            "At night they close every gate with bits of wood. In autumn the whole colony moves below the frost line.",
        ),
    ),
    *(
        Reading(
            f"51-pdf-rotated/{name}.pdf",
            lines=(
                "Table of pump service",
                "Pump A is served in May by Orla.",
                "Pump B is served in June by Piet.",
                "Pump C is served in July by Rosa.",
            ),
        )
        for name in ("rotate90", "sideways_content")
    ),
    Reading(
        "52-pdf-form/form.pdf",
        lines=("Boat licence form", "Owner: Maris Quill", "Berth: North pier 14", "Valid until: 4 May 2031"),
    ),
    Reading("53-pdf-rtl/arabic.pdf", parts=("تفتح المكتبة في الساعة التاسعة صباحا.", "المسبح مغلق يوم الأحد.")),
    Reading("53-pdf-rtl/hebrew.pdf", parts=("הספרייה נפתחת בשעה תשע בבוקר.", "הקנס על איחור הוא 5 שקלים ליום.")),
    Reading(
        "54-pdf-table/table.pdf",
        lines=(
            "Part | 2022 | 2023 | 2024",
            "Bolts |  | 410 | 512",
            "Nuts | 120 |  | 230",
            "Long wooden screws for outdoor decks | 33 | 44 |",
        ),
    ),
    Reading("55-pdf-tounicode/caesar.pdf", refusal="un text recognition (OCR)"),
    Reading("55-pdf-tounicode/good.pdf", parts=("The museum opens at nine and ticket number 0 costs twelve euros.",)),
    Reading("55-pdf-tounicode/none.pdf", refusal="un text recognition (OCR)"),
    Reading("56-pdf-spaced/spaced.pdf", parts=("HARBOUR RULES", "The harbour closes at dusk.")),
    Reading(
        "57-pdf-footer-total/invoices.pdf",
        parts=("Invoice number 2007", "Total due: 37 euros", "Invoice number 2037", "Total due: 337 euros"),
    ),
    Reading(
        "57-pdf-footer-total/invoices2.pdf",
        paragraphs=("Invoice 2041", "Total due: 137 euros", "Invoice 2044", "Total due: 95 euros"),
    ),
    Reading(
        "40-txt-nul/log.txt",
        parts=("The pump was started at nine.", "The valve is green."),
        lacks=("\x00",),
        notes=("NUL characters removed: 1",),
    ),
    Reading("40-txt-nul/rows.jsonl", parts=("Bay 0 is for boats.",), lacks=("\x00",), notes=("NUL",)),
    Reading("41-zero-width/codes.md", parts=("type kestrel and", "type siskin and"), lacks=("\u200b",), notes=("6",)),
    Reading(
        "41-zero-width/copy.txt",
        paragraphs=("Administrator accounts are reset by typing kestrel-99.", "The garden is open."),
        parts=("The price is 10 000 euros.",),
        notes=("Invisible characters removed",),
    ),
    *(
        Reading(f"42-vi-encodings/{name}.txt", paragraphs=("Điều 1. Giờ mở cửa", RULES), notes=notes)
        for name, notes in {
            "cp1258": ("Windows-1258",),
            "nfd": (),
            "tcvn3": ("TCVN3",),
            "utf8": (),
            "viscii": (),
            "vni": ("VNI",),
        }.items()
    ),
    Reading(
        "66-base64/notes.md",
        parts=("The pond was drained in May.", "The carp were sold to Ola.", "| x | y |"),
        lacks=("base64", "FwqjeEnAJNEZ0"),
        notes=("Pieces of encoded data left out: 1",),
    ),
    Reading(
        "66-chat/whatsapp.txt",
        parts=("Ann: hi! are you coming on friday?", "Bob: the key is under the blue pot"),
        lacks=("omitted", "encrypted", "2024", "21:"),
        notes=("Notices left out: 12",),
    ),
    Reading("70-legacy/big5.txt", paragraphs=(MUSEUM_ZH,)),
    Reading("70-legacy/cp1250.txt", parts=("Příliš žluťoučký kůň úpěl ďábelské ódy. Muzeum se otevírá v devět",)),
    Reading("70-legacy/cp1254.txt", parts=("Müze sabah dokuzda açılır ve akşam beşte kapanır. Giriş ücreti",)),
    Reading("70-legacy/cp874.txt", parts=("พิพิธภัณฑ์เปิดเวลาเก้าโมงเช้า",)),
    Reading("70-legacy/euckr.txt", parts=("박물관은 아침 아홉 시에 열고",)),
    Reading("70-legacy/sjis_prose.txt", parts=("倉庫の入口は南側にあります。",)),
    Reading("70-legacy/sjis_faq.csv", parts=("倉庫の入口はどこですか。", "南側にあります。")),
    Reading("70-legacy/sjis_question_answer.csv", parts=("倉庫の入口はどこですか。", "南側にあります。")),
)
