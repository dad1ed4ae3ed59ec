"""What changed between two wordings, word by word."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_WORDS = re.compile(r"\S+|\s+")


@dataclass(frozen=True)
class Piece:
    """A stretch of text that stayed (``same``), was taken out (``gone``) or came in (``new``)."""

    kind: str
    text: str


def compare(before: str, after: str) -> list[Piece]:
    """The pieces in reading order; what was taken out stands before what came in its place."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    pieces = []
    for tag, old_from, old_to, new_from, new_to in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(new[new_from:new_to])))
            continue
        pieces += [Piece("gone", "".join(old[old_from:old_to]))] if old_to > old_from else []
        pieces += [Piece("new", "".join(new[new_from:new_to]))] if new_to > new_from else []
    return pieces
