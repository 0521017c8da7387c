"""Word files made of raw XML, with the parts that python-docx cannot write."""

import io
import zipfile

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
NAMESPACES = (
    f'xmlns:w="{W}" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
)
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = (
    '<w:style w:type="paragraph" w:default="1" w:styleId="N"><w:name w:val="Normal"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="Kapitel"/><w:basedOn w:val="H2"/></w:style>'
    '<w:style w:type="character" w:styleId="Off"><w:rPr><w:vanish/></w:rPr></w:style>'
)


def p(content: str, properties: str = "") -> str:
    """A paragraph; plain text becomes a run."""
    content = content if content.startswith("<") else r(content)
    return f"<w:p><w:pPr>{properties}</w:pPr>{content}</w:p>"


def r(text: str, properties: str = "") -> str:
    """A run of letters."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def style(name: str) -> str:
    """The setting that gives a paragraph a style."""
    return f'<w:pStyle w:val="{name}"/>'


def word_of(body: str, space: str = W, links: dict[str, str] | None = None, **parts: str) -> bytes:
    """A Word file with this body; `parts` are the contents of further parts, such as `footnotes` or `header1`.

    `links` are the addresses of the links of the body, by their ids.
    """
    files = {}
    relations = [
        f'<Relationship Id="{key}" Type="{_RELATION}/hyperlink" Target="{address}" TargetMode="External"/>'
        for key, address in (links or {}).items()
    ]
    for name, content in {"styles": STYLES, **parts}.items():
        kind = name.rstrip("0123456789")
        tag = {"header": "hdr", "footer": "ftr"}.get(kind, kind)
        files[f"word/{name}.xml"] = content if kind == "diagramData" else f"<w:{tag} {NAMESPACES}>{content}</w:{tag}>"
        relations.append(f'<Relationship Id="{name}" Type="{_RELATION}/{kind}" Target="{name}.xml"/>')
    files["word/document.xml"] = f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>"
    files["word/_rels/document.xml.rels"] = f"<Relationships>{''.join(relations)}</Relationships>"
    main = f'<Relationship Id="a" Type="{_RELATION}/officeDocument" Target="word/document.xml"/>'
    files["_rels/.rels"] = f"<Relationships>{main}</Relationships>"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, f'<?xml version="1.0" encoding="UTF-8"?>{content.replace(W, space)}')
    return buffer.getvalue()
