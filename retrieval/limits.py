"""How much one file may hold, and what reading it may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much one file may hold: characters of text, pages of a PDF, bytes of the file, bytes after unpacking.

    XML has a limit of its own because its parsed tree is many times larger. `memory_bytes`, `seconds` and
    `answer_bytes` limit the process that reads the file. The last three are for text recognition: its languages ("" is
    for none), its seconds by the clock for a whole file, and the pixels of one picture.
    """

    max_chars: int = 1_000_000
    max_pages: int = 1_000
    max_uncompressed_bytes: int = 100_000_000
    max_xml_bytes: int = 40_000_000
    memory_bytes: int = 1_000_000_000
    seconds: int = 20
    answer_bytes: int = 50_000_000
    ocr_languages: str = ""
    ocr_seconds: int = 120
    ocr_pixels: int = 25_000_000

    @property
    def clock_seconds(self) -> int:
        """Wall-clock seconds: on a busy machine a process gets a third of a core at times."""
        return 3 * self.seconds + (self.ocr_seconds if self.ocr_languages else 0)
