"""The demo's conversations, read from text files: who says what, on which channel, in which order."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

PRODUCTS = ("zapatillas Andes", "botas Aysén", "sandalias Litoral", "zapatos Maipo", "botines Elqui", "zapatillas Trail Pro")
DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes")


@dataclass(frozen=True)
class Turn:
    """One line: ``who`` is customer, agent or note; ``channel`` is set where the story goes on elsewhere."""

    who: str
    text: str
    channel: str = ""


@dataclass(frozen=True)
class Story:
    subject: str
    turns: tuple[Turn, ...]

    @property
    def channels(self) -> set[str]:
        return {turn.channel for turn in self.turns if turn.channel}


_WHO = {">": "customer", "<": "agent", "#": "note"}


@cache
def stories(name: str) -> tuple[Story, ...]:
    """The stories of ``config/demo/<name>.txt``: '=' subject, '>' customer, '<' agent, '#' note, '@' the channel from here on."""
    found: list[Story] = []
    for block in (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        subject, *lines = block.split("\n")
        turns: list[Turn] = []
        channel = ""
        for line in lines:
            if line.startswith("@"):
                channel = line[1:].strip()
            else:
                turns.append(Turn(who=_WHO[line[0]], text=line[2:], channel=channel))
        found.append(Story(subject=subject.removeprefix("= "), turns=tuple(turns)))
    return tuple(found)
