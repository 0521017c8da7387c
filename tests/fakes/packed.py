"""Small XLSX, PPTX, OpenDocument and EPUB files, written part by part."""

import io
import zipfile
from collections.abc import Mapping, Sequence

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_ODF = (
    'xmlns:office="urn:o" xmlns:text="urn:t" xmlns:table="urn:tb" xmlns:draw="urn:d" xmlns:style="urn:s" '
    'xmlns:presentation="urn:p" xmlns:fo="urn:f"'
)


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """An archive of these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in parts.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def relations(targets: Sequence[tuple[str, str, str]]) -> str:
    """The part that names the targets of another one: (id, kind, path)."""
    lines = "".join(f'<Relationship Id="{key}" Type="x/{kind}" Target="{path}"/>' for key, kind, path in targets)
    return f"<Relationships>{lines}</Relationships>"


def workbook(
    sheets: Mapping[str, str], strings: Sequence[str] = (), codes: Sequence[str] = (), states: Mapping[str, str] = {}
) -> dict[str, str]:
    """The parts of a workbook: the XML inside each sheet, shared strings, and a format code per style from 1."""
    listed = "".join(
        f'<sheet name="{name}" state="{states.get(name, "visible")}" r:id="r{number}"/>'
        for number, name in enumerate(sheets)
    )
    targets = [(f"r{number}", "worksheet", f"worksheets/s{number}.xml") for number in range(len(sheets))]
    formats = "".join(f'<numFmt numFmtId="{164 + place}" formatCode="{code}"/>' for place, code in enumerate(codes))
    styles = '<xf numFmtId="0"/>' + "".join(f'<xf numFmtId="{164 + place}"/>' for place in range(len(codes)))
    return {
        "_rels/.rels": relations([("a", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": f'<workbook xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            [*targets, ("st", "sharedStrings", "sharedStrings.xml"), ("sy", "styles", "styles.xml")]
        ),
        "xl/sharedStrings.xml": f"<sst>{''.join(f'<si><t>{each}</t></si>' for each in strings)}</sst>",
        "xl/styles.xml": f"<styleSheet><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>",
        **{
            f"xl/worksheets/s{number}.xml": f"<worksheet>{xml}</worksheet>"
            for number, xml in enumerate(sheets.values())
        },
    }


def rows(*records: Sequence[str]) -> str:
    """The rows of a sheet with texts."""
    cells = ("".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in record) for record in records)
    return "<sheetData>" + "".join(f"<row>{line}</row>" for line in cells) + "</sheetData>"


def slides(*shapes: str, attributes: Mapping[int, str] = {}) -> dict[str, str]:
    """The parts of a presentation: the XML of the shapes of each slide."""
    numbers = range(len(shapes))
    listed = "".join(f'<p:sldId r:id="r{number}"/>' for number in numbers)
    space = f'xmlns:p="urn:p" xmlns:a="urn:a" xmlns:r="{_RELATIONS}"'
    return {
        "_rels/.rels": relations([("a", "officeDocument", "ppt/presentation.xml")]),
        "ppt/presentation.xml": f"<p:presentation {space}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations([(f"r{n}", "slide", f"slides/s{n}.xml") for n in numbers]),
        **{
            f"ppt/slides/s{number}.xml": f"<p:sld {space} {attributes.get(number, '')}><p:cSld><p:spTree>{xml}"
            "</p:spTree></p:cSld></p:sld>"
            for number, xml in enumerate(shapes)
        },
    }


def shape(text: str, role: str = "body") -> str:
    """A shape of a slide with one paragraph per line."""
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f'<p:sp><p:nvSpPr><p:nvPr><p:ph type="{role}"/></p:nvPr></p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>'


def open_document(body: str, kind: str = "text", styles: str = "") -> dict[str, str]:
    """The parts of an OpenDocument file: the XML of its body and of its automatic styles."""
    return {
        "content.xml": f"<office:document-content {_ODF}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
        "META-INF/manifest.xml": "<manifest/>",
    }


def book(*chapters: str, order: Sequence[int] | None = None) -> dict[str, str]:
    """The parts of an e-book: its chapters, in this order of their places."""
    items = "".join(
        f'<item id="c{place}" href="c{place}.xhtml" media-type="application/xhtml+xml"/>'
        for place in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{place}"/>' for place in (range(len(chapters)) if order is None else order))
    return {
        "META-INF/container.xml": '<container><rootfile full-path="book.opf"/></container>',
        "book.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
        **{f"c{place}.xhtml": text for place, text in enumerate(chapters)},
    }
