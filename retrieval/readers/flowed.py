"""Joins the lines of e-mail text that a program broke to send it (format=flowed, RFC 3676); knows no message."""

SIGNATURE = "-- "


def unflowed(text: str, blanks_are_marks: bool) -> str:
    """The text with each paragraph in one line; `blanks_are_marks` says that the blank before a break is no blank.

    A line that ends with a blank goes on in the next one of the same depth of quotation.
    """
    paragraphs: list[tuple[int, str]] = []
    goes_on = False
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        line = line[depth:].removeprefix(" ")
        flows = line.endswith(" ") and line != SIGNATURE
        kept = line[:-1] if flows and blanks_are_marks else line
        if goes_on and paragraphs[-1][0] == depth and line != SIGNATURE:
            paragraphs[-1] = depth, paragraphs[-1][1] + kept
        else:
            paragraphs.append((depth, kept))
        goes_on = flows
    return "\n".join(f"{'>' * depth} {line}" if depth else line for depth, line in paragraphs)
