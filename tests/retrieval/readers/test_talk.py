"""Subtitles and exported chats."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write

SRT = """1
00:00:01,000 --> 00:00:03,000
<i>The pump was started</i>
at nine

2
00:00:03,100 --> 00:00:05,000
by Ira. {\\an8}It ran well.

3
00:00:05,200 --> 00:00:06,000
[door closes]

4
00:01:00,000 --> 00:01:02,000
- Who has the key?
- Bob has it.
"""
VTT = """WEBVTT - Pump

STYLE
::cue { color: red }

NOTE by Ann

intro
00:01.000 --> 00:03.000 align:start
<v Ira>The pump was started</v>

00:03.100 --> 00:05.000
at nine &amp; ran <c.loud>well</c>.
"""
SBV = "0:00:01.000,0:00:03.000\nThe pump was started\n\n0:00:03.100,0:00:05.000\nat nine.\n"
ROLLING = """WEBVTT

00:00:00.000 --> 00:00:02.000
the pump was

00:00:02.000 --> 00:00:04.000
the pump was
started at nine

00:00:04.000 --> 00:00:06.000
started at nine
by Ira
"""


@pytest.mark.parametrize("name", ["a.srt", "a.txt"])
def test_subtitles_become_sentences(write: Write, name: str) -> None:
    document = read_document(write(name, SRT.replace("\n", "\r\n")))
    assert document.text == ("The pump was started at nine by Ira. It ran well.\n\n- Who has the key?\n- Bob has it.")
    assert document.sentences == ("Time codes left out: 4.", "Notices of sounds left out: 1.")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.vtt", VTT, "Ira: The pump was started at nine & ran well."),
        ("a.txt", SBV, "The pump was started at nine."),
        ("a.vtt", ROLLING, "the pump was started at nine by Ira"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo.\n", "No. No."),
        (
            "a.srt",
            "1\n00:00:01,000 --> 00:00:02,000\n3 < 4 and 5 > 2.\n\n2\n00:00:02,000 --> 00:00:03,000\n<i>Yes</i>.\n",
            "3 < 4 and 5 > 2. Yes.",
        ),
        (
            "a.srt",
            "1\n00:00:01,000 --> 00:00:02,000\nNOTE the time.\nIt is nine.\n\n"
            "2\n00:00:02,000 --> 00:00:03,000\nREGION two is shut.\n",
            "NOTE the time. It is nine. REGION two is shut.",
        ),
    ],
)
def test_other_forms_of_subtitles(write: Write, name: str, content: str, text: str) -> None:
    assert read_document(write(name, content)).text == text


CHATS = {
    "ios": "[01/03/2024, 21:00:11] Ann: who has the key?\n[01/03/2024, 21:01:11] Bob: it lies\nunder the pot\n"
    "[02/03/2024, 21:02:11] Ann: \u200eimage omitted\n[02/03/2024, 21:03:11] Ann: thanks",
    "android": "01.03.24, 21:00 - Messages and calls are end-to-end encrypted.\n"
    "01.03.24, 21:00 - Ann: who has the key?\n"
    "01.03.24, 21:01 - Bob: it lies\nunder the pot\n02.03.24, 21:03 - Ann: thanks",
    "american": "3/1/24, 9:00\u202fPM - Ann: who has the key?\n3/1/24, 9:01\u202fPM - Bob: it lies\nunder the pot\n"
    "3/2/24, 9:02\u202fPM - Ann: <Media omitted>\n3/2/24, 9:03\u202fPM - Ann: thanks",
    "irc": "[21:00] <Ann> who has the key?\n[21:01] <Bob> it lies\nunder the pot\n"
    "[21:02] <Ann> This message was deleted\n"
    "[21:03] <Ann> thanks",
    "zoom": "21:00:01 From Ann to Everyone : who has the key?\n21:01:02 From Bob to Everyone : it lies\nunder the pot\n"
    "21:02:02 From Bob to Everyone : <file>\n21:03:03 From Ann to Bob : thanks",
    "line": "21:00\tAnn\twho has the key?\n21:01\tBob\tit lies\nunder the pot\n21:02\tBob\t<photo>\n21:03\tAnn\tthanks",
}  # fmt: skip


@pytest.mark.parametrize("form", CHATS)
def test_a_chat_becomes_names_and_texts(write: Write, form: str) -> None:
    document = read_document(write("chat.txt", CHATS[form]))
    words = document.text.replace("\n\n", "\n")
    assert words == "Ann: who has the key?\nBob: it lies\nunder the pot\nAnn: thanks"
    assert document.sentences == ("Times of messages left out: 4.", "Notices left out: 1.")


@pytest.mark.parametrize(
    "text",
    [
        "[01/03/2024, 21:00:11] ERROR: disk full\n" * 3 + "[01/03/2024, 21:00:12] INFO: disk freed\n" * 3,
        "9:00 Opening: by Ann\n10:00 Talk: by Bob\n11:00 Break: tea\n12:00 End: all",
        "Ann: who has the key?\nBob: it lies under the pot.\nAnn: thanks.\nBob: fine.",
    ],
)
def test_a_log_and_a_programme_are_no_chats(write: Write, text: str) -> None:
    assert read_document(write("a.txt", text)).text == text.strip()


@pytest.mark.parametrize(
    "form",
    [
        "10:0{n}, 01/05/2024 - {name}: {said}",
        "{name}, [01.05.2024 10:0{n}]\n{said}\n",
        "10:00:0{n} From {name} to Everyone:\n\t{said}",
    ],
)
def test_more_forms_of_chats_are_read_as_who_said_what(write: Write, form: str) -> None:
    names = ["Ann", "Bob", "Ann", "Bob"]
    lines = [form.format(n=place, name=name, said=f"Word {place}.") for place, name in enumerate(names)]
    text = read_document(write("a.txt", "\n".join(lines))).text
    assert [" ".join(each.split()) for each in text.replace(":\n", ": ").splitlines() if each.strip()] == [
        f"{name}: Word {place}." for place, name in enumerate(names)
    ]
