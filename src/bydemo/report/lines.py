"""Lines over a linear or logarithmic axis, with bands, whiskers and marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bydemo.report.frame import (
    COLOURS,
    WIDTH,
    chart_figure,
    drawing,
    grid_of,
    nothing,
    robust_top,
    same_scale,
    swatches,
)
from bydemo.report.svg import Axis, LogAxis, Number, element, figure, finite, is_number


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line: `y` over `x`, with an interval `low`..`high` around it if both are given.

    `colour` is the number of a series colour; None takes the next. `quiet` draws it thin and
    pale, as background (a noisy training loss behind a validation loss); `grey` draws it in no
    colour, as what the others stand beside. `whiskers` draws the interval of each point as a
    stroke rather than all of them as a band.
    """

    name: str
    x: Sequence[float]
    y: Sequence[Number]
    low: Sequence[Number] = ()
    high: Sequence[Number] = ()
    colour: int | None = None
    dashed: bool = False
    quiet: bool = False
    grey: bool = False
    points: bool = False
    whiskers: bool = False


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A vertical line at `x` with a few words, e.g. the chosen epoch."""

    x: float
    text: str
    colour: int | None = None


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str = "",
    y_label: str = "",
    marks: Sequence[Mark] = (),
    zero: bool = False,
    equal: bool = False,
    log: bool = False,
    legend: bool = True,
    note: str = "",
) -> Markup:
    """Lines with optional intervals and marks; `equal` gives both axes the same scale, `log`
    makes the horizontal one logarithmic, with positive values only. Without `legend` the names
    stand elsewhere, see `legend_of`.

    Rare outliers (a first loss far above all others) are cut off at the top rather than
    flattening the rest, and the note then says so.
    """
    xs = finite(value for line in series for value in line.x) + [m.x for m in marks]
    shown = finite(v for line in series for v in (*line.y, *line.low, *line.high))
    if not shown:
        return chart_figure(title, nothing(), note=note)
    top = robust_top(shown) if not equal else max(shown)
    height = 380 if equal else 250
    left, right, upper, lower = 56, WIDTH - 10, 20 if marks else 10, height - 40
    x_axis = LogAxis.around(xs, left + 8, right - 8) if log else Axis.of(xs, left, right)
    y_axis = Axis.of([v for v in shown if v <= top], lower, upper, zero=zero)
    if equal:
        x_axis, y_axis = same_scale(x_axis, y_axis)
    drawn = [_line(line, x_axis, y_axis, number) for number, line in enumerate(series)]
    # A nested svg clips its content without needing an id that is unique on the page.
    clipped = element(
        "svg",
        element("g", *drawn, transform=f"translate({-left} {-upper + 3})"),
        x=left, y=upper - 3, width=right - left + 4, height=lower - upper + 6,
    )  # fmt: skip
    parts = [
        *grid_of(x_axis, y_axis, x_label, y_label, height),
        clipped,
        *(_mark(mark, x_axis, upper, lower) for mark in marks),
    ]
    if top < max(shown):
        note = f"{note} Values up to {figure(max(shown))} are cut off at the top.".strip()
    names = [line for line in series if line.name]
    needed = legend and (len(names) > 1 or (names and not title))
    key = legend_of(series) if needed else Markup("")
    return chart_figure(title, drawing(height, title, *parts), key, note=note)


def legend_of(series: Sequence[Series]) -> Markup:
    """The names of the lines, each beside its colour."""
    names = []
    for number, line in enumerate(series):
        style = " dashed" if line.dashed else " pale" if line.quiet else ""
        names.append((line.name, f"{_colour(line, number)}{style}"))
    return swatches(names)


def _colour(line: Series, number: int) -> str:
    """The CSS class of the series that stands at place `number`."""
    if line.grey:
        return "grey"
    return f"c{(number if line.colour is None else line.colour) % COLOURS}"


def _line(line: Series, x_axis: Axis, y_axis: Axis, number: int) -> Markup:
    colour = _colour(line, number)
    drawn: list[Markup] = []
    if line.low and line.high:
        drawn += _interval(line, x_axis, y_axis, colour)
    path, open_ = [], False
    for x, y in zip(line.x, line.y, strict=True):
        if y is None or not is_number(y):
            open_ = False  # a gap, not a bridge over missing values
            continue
        path.append(f"{'L' if open_ else 'M'}{x_axis.at(x):.1f} {y_axis.at(y):.1f}")
        open_ = True
        if line.points:
            said = element("title", f"{line.name} {figure(x, 4)}: {figure(y, 4)}")
            drawn.append(
                element(
                    "circle", said, cx=x_axis.at(x), cy=y_axis.at(y), r=3, class_=f"point {colour}"
                )
            )
    style = f"line {colour}{' quiet-line' if line.quiet else ''}"
    dash = "5 4" if line.dashed else None
    named = [element("title", line.name)] if line.name else []
    drawn.insert(0, element("path", *named, d="".join(path), class_=style, stroke_dasharray=dash))
    return element("g", *drawn)


def _interval(line: Series, x_axis: Axis, y_axis: Axis, colour: str) -> list[Markup]:
    band = [
        (x_axis.at(x), y_axis.at(a), y_axis.at(b))
        for x, a, b in zip(line.x, line.low, line.high, strict=True)
        if a is not None and b is not None and is_number(a) and is_number(b)
    ]
    if not band:
        return []
    if line.whiskers:
        strokes = (f"M{x - 4:.1f} {a:.1f}h8m-4 0V{b:.1f}m-4 0h8" for x, a, b in band)
        return [element("path", d="".join(strokes), class_=f"spread {colour}")]
    there = [f"{x:.1f} {b:.1f}" for x, _, b in band]
    back = [f"{x:.1f} {a:.1f}" for x, a, _ in reversed(band)]
    outline = "M" + "L".join(there + back) + "Z"
    return [element("path", d=outline, class_=f"band {colour}")]


def _mark(mark: Mark, axis: Axis, upper: float, lower: float) -> Markup:
    x = axis.at(mark.x)
    side = "end" if x > (axis.start + axis.end) / 2 else "begin"
    colour = "" if mark.colour is None else f" c{mark.colour % COLOURS}"
    offset = -4 if side == "end" else 4
    return element(
        "g",
        element("line", x1=x, x2=x, y1=upper - 12, y2=lower, class_=f"mark{colour}"),
        element("text", mark.text, x=x + offset, y=upper - 5, class_=f"tick {side}"),
    )
