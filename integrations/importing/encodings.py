"""In which encoding a text file was written.

UTF-8 proves itself: text in another encoding breaks its rules within a few accents. Where it does, the single-byte encodings of
the region are told apart by what they make of the bytes: only the right one gives letters that Spanish and Portuguese have.
"""

import codecs
from collections import Counter
from typing import IO

BLOCK = 1 << 20
# How much of the file is looked at for single-byte encodings, beyond the first byte that is no ASCII.
SAMPLE = 4 << 20
CANDIDATES = ("cp1252", "cp850", "mac_roman")
# What a person may choose where the guess was wrong.
CHOICES = (
    ("utf-8-sig", "UTF-8"),
    ("cp1252", "Windows-1252"),
    ("latin-1", "Latin-1 (ISO 8859-1)"),
    ("utf-16", "UTF-16"),
    ("cp850", "DOS (850)"),
    ("mac_roman", "Mac Roman"),
)
EXPECTED = frozenset("áéíóúñüÁÉÍÓÚÑÜàâãçêôõÀÂÃÇÊÔÕ¿¡ºª°–—“”‘’€´")


def find_encoding(file: IO[bytes]) -> str:
    """The name of the encoding as Python knows it. Reads the file once, in bounded memory, and leaves it at its beginning."""
    file.seek(0)
    first = file.read(4)
    file.seek(0)
    if first.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(first) >= 4 and first[1] == 0 and first[3] == 0:
        return "utf-16-le"
    if len(first) >= 4 and first[0] == 0 and first[2] == 0:
        return "utf-16-be"
    return "utf-8-sig" if _is_utf8(file) else _best_of_single_bytes(file)


def _is_utf8(file: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


def _best_of_single_bytes(file: IO[bytes]) -> str:
    high: Counter[int] = Counter()
    read = 0
    while read < SAMPLE and (block := file.read(BLOCK)):
        high.update(byte for byte in block if byte >= 0x80)
        # A file may begin with a million names without an accent.
        read += len(block) if high else 0
    file.seek(0)
    scores = {name: sum(times * _worth(byte, name) for byte, times in high.items()) for name in CANDIDATES}
    best = max(CANDIDATES, key=lambda name: scores[name])
    # Five bytes mean nothing in Windows-1252; Latin-1 reads everything.
    return "latin-1" if best == "cp1252" and any(_worth(byte, best) < -1 for byte in high) else best


def _worth(byte: int, encoding: str) -> int:
    try:
        character = bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return -2
    return 1 if character in EXPECTED else (0 if character.isalpha() else -1)
