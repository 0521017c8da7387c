"""Quality of questions that the model writes itself: `python -m benchmarks.written FILE...` counts drafts by fault.

Prints every accepted pair with its passage for a person to judge: no check here can tell a good pair.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

import torch

from playground.data.qa import synthetic
from playground.data.qa.pairs import spoken_text
from playground.data.sections import cut_sections
from playground.device import Device
from playground.inference.engine import complete
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from retrieval.readers.dispatch import read_document


def main() -> None:
    """Print one table row per file, after its pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--sections", type=int, default=60, help="of each file, drawn at random")
    chosen = parser.parse_args()
    chat = load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 0.0))
    rows = [measured(chat, file, chosen.sections) for file in chosen.files]
    print("| text | sections | kept | share | seconds per section | " + " | ".join(synthetic.FAULTS) + " |")
    print("|---|---|---|---|---|" + "---|" * len(synthetic.FAULTS))
    print("\n".join(rows))


def measured(chat: ChatModel, file: Path, count: int) -> str:
    """The table's row for one file."""
    document = read_document(file)
    places, sections = synthetic.sections_worth_asking(document)[:count], cut_sections(document)
    began = time.perf_counter()
    found = [
        each for some in synthetic.write_drafts(document, places, lambda asked: complete(chat, asked)) for each in some
    ]
    seconds = (time.perf_counter() - began) / len(found)
    for each in found:
        if each.pair:
            section = sections[each.section]
            print(f"\n{spoken_text(document.text, section.body, section.end)}\n  Q: {each.pair.question}")
            if each.paraphrase:
                print(f"  or: {each.paraphrase.question}")
            print(f"  A: {each.pair.answer}", flush=True)
    kept, faults = sum(each.pair is not None for each in found), Counter(each.fault for each in found)
    figures = [file.name, len(found), kept, f"{kept / len(found):.2f}", f"{seconds:.1f}"]
    return "| " + " | ".join(map(str, [*figures, *(faults[each] for each in synthetic.FAULTS)])) + " |"


if __name__ == "__main__":
    main()
