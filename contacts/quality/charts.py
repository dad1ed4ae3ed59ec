"""Bars and lines as numbers for an SVG: the template draws them, colours and themes are the style sheet's."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600.0, 140.0


@dataclass(frozen=True)
class Bar:
    """One stack of rectangles: (name, y, height) from the bottom up; ``x`` and ``width`` of all of them."""

    x: float
    width: float
    pieces: list[tuple[str, float, float]]


@dataclass(frozen=True)
class Chart:
    """``top`` is the value at the upper edge; ``line`` the points of a polyline, ``dots`` (x, y) of each value."""

    bars: list[Bar]
    line: str
    dots: list[tuple[float, float]]
    top: float


def stacked(stacks: Sequence[Sequence[tuple[str, float]]], line: Sequence[float | None] = ()) -> Chart:
    """Stacked bars, with a line over them in the same scale. A value that is missing interrupts nothing: it is left out."""
    highest = max([*(sum(value for _name, value in stack) for stack in stacks), *(value for value in line if value is not None), 0.0])
    top = nice(highest)
    slot = WIDTH / max(len(stacks), len(line), 1)
    bars = []
    for number, stack in enumerate(stacks):
        y, pieces = HEIGHT, []
        for name, value in stack:
            height = HEIGHT * value / top
            y -= height
            if height:
                pieces.append((name, round(y, 1), round(height, 1)))
        bars.append(Bar(round(number * slot + slot * 0.15, 1), round(slot * 0.7, 1), pieces))
    dots = [
        (round((number + 0.5) * slot, 1), round(HEIGHT - HEIGHT * value / top, 1)) for number, value in enumerate(line) if value is not None
    ]
    return Chart(bars=bars, line=" ".join(f"{x},{y}" for x, y in dots), dots=dots, top=top)


def nice(value: float) -> float:
    """The next round number above: 1, 2, 5, 10, 20, 50 …"""
    if value <= 0:
        return 1.0
    step = 1e-3
    while True:
        for factor in (1, 2, 5):
            if step * factor >= value:
                return round(step * factor, 3)
        step *= 10
