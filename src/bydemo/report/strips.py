"""Rows of dots on one axis, each with its mean and interval: training seeds, or episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bydemo.report.frame import COLOURS, WIDTH, chart_figure, drawing, fitted, nothing, text_width
from bydemo.report.svg import DASH, Axis, Number, element, figure, finite, is_number

FEW = 12
"""Up to so many dots of a row are drawn large, more of them small and stacked."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A named row: `dots` are (what it is called, value), e.g. ("seed 3", -22.5).

    `value` with `low`..`high` is drawn below the dots; `said` stands at the right of the name,
    `note` under it all.
    """

    name: str
    dots: Sequence[tuple[str, Number]] = ()
    value: Number = None
    low: Number = None
    high: Number = None
    said: str = ""
    note: str = ""
    colour: int = 0
    quiet: bool = False


def strip_chart(
    strips: Sequence[Strip],
    *,
    title: str,
    x_label: str = "",
    zero: bool = False,
    write: Callable[[float], str] | None = None,
    note: str = "",
) -> Markup:
    """The rows one under the other over a common axis; `zero` marks nought (for differences).

    `write` says the axis labels and the dots' values in words, e.g. as percentages.
    """
    ends = finite(
        v for s in strips for v in (*(dot for _, dot in s.dots), s.value, s.low, s.high)
    )  # fmt: skip
    if not ends:
        return chart_figure(title, nothing(), note=note)
    axis = Axis.of(ends, 12, WIDTH - 12, zero=zero)
    drawn: list[Markup] = []
    height = 4.0
    for strip in strips:
        row, height = _row(strip, axis, height, write or figure)
        drawn += row
    foot = _foot(axis, height, x_label, write)
    behind = [_grid(axis, height)]
    if zero:
        behind.append(
            element("line", x1=axis.at(0), x2=axis.at(0), y1=2, y2=height, class_="zero")
        )  # fmt: skip
    tall = height + (38 if x_label else 22)
    return chart_figure(title, drawing(tall, title, *behind, *drawn, *foot), note=note)


def _row(
    strip: Strip, axis: Axis, y: float, write: Callable[[float], str]
) -> tuple[list[Markup], float]:
    """The drawn row and where the next one begins."""
    known = [(name, float(value)) for name, value in strip.dots if is_number(value)]
    said = strip.said or ("" if known or is_number(strip.value) else DASH)
    beside = text_width(strip.name, 12.5) + text_width(said, 11.5) + 14 <= WIDTH
    name = fitted(strip.name, WIDTH - 4, 12.5)
    full = element("title", strip.name)
    drawn = [element("text", full, name, x=2, y=y + 12, class_="bar-name")]
    if not beside:
        y += 15
    place, side = (WIDTH - 2, "tick said end") if beside else (2, "tick said")
    if said:
        drawn.append(element("text", said, x=place, y=y + 12, class_=side))
    y += 18
    kind = "quiet" if strip.quiet else f"c{strip.colour % COLOURS}"
    if known:
        dots, y = _dots(known, axis, y, kind, write)
        drawn += dots
    if is_number(strip.value):
        drawn.append(_mean(strip, axis, y + 5, kind))
        y += 11
    if strip.note:
        drawn.append(element("text", strip.note, x=2, y=y + 12, class_="tick said"))
        y += 16
    return drawn, y + 6


def _dots(
    known: Sequence[tuple[str, float]], axis: Axis, y: float, kind: str,
    write: Callable[[float], str],
) -> tuple[list[Markup], float]:  # fmt: skip
    """Circles stacked where they would hide each other, in a lane that starts at `y`."""
    few = len(known) <= FEW
    radius = 4.0 if few else 2.4
    stacks: dict[int, list[tuple[str, float]]] = {}
    for name, value in sorted(known, key=lambda dot: dot[1]):
        stacks.setdefault(round(axis.at(value) / (2 * radius)), []).append((name, value))
    tallest = max(len(stack) for stack in stacks.values())
    lane = min(max(2 * radius * tallest, 2 * radius), 14.0 if few else 44.0)
    apart = min(2 * radius, (lane - 2 * radius) / (tallest - 1)) if tallest > 1 else 0.0
    out = []
    for stack in stacks.values():
        for level, (name, value) in enumerate(stack):
            said = element("title", f"{name}: {write(value)}")
            out.append(
                element(
                    "circle", said, cx=axis.at(value), cy=y + lane - radius - level * apart,
                    r=radius, class_=f"dot {kind}",
                )
            )  # fmt: skip
    return out, y + lane


def _mean(strip: Strip, axis: Axis, y: float, kind: str) -> Markup:
    assert is_number(strip.value)
    x = axis.at(strip.value)
    parts = []
    if is_number(strip.low) and is_number(strip.high):
        a, b = axis.at(strip.low), axis.at(strip.high)
        path = f"M{a:.1f} {y - 4:.1f}v8M{b:.1f} {y - 4:.1f}v8M{a:.1f} {y:.1f}H{b:.1f}"
        parts.append(element("path", d=path, class_="whisker"))
    diamond = f"M{x - 5:.1f} {y:.1f}l5 -5l5 5l-5 5z"
    parts.append(element("path", d=diamond, class_=f"mean {kind}"))
    return element("g", *parts)


def _grid(axis: Axis, height: float) -> Markup:
    lines = [element("line", x1=x, x2=x, y1=2, y2=height, class_="grid") for x, _ in axis.labels(5)]
    return element("g", *lines)


def _foot(axis: Axis, y: float, x_label: str, write: Callable[[float], str] | None) -> list[Markup]:
    """The axis with its labels."""
    out = [element("line", x1=axis.start, x2=axis.end, y1=y, y2=y, class_="axis")]
    for value, (x, text) in zip(axis.values(5), axis.labels(5), strict=True):
        said = write(value) if write is not None else text
        half = text_width(said, 11.5) / 2
        spot = min(max(x, half + 1), WIDTH - half - 1)
        out.append(element("text", said, x=spot, y=y + 16, class_="tick middle"))
    if x_label:
        out.append(element("text", x_label, x=WIDTH / 2, y=y + 33, class_="label middle"))
    return out
