"""Charts as inline SVG: lines, bars, histograms and confusion matrices, in the page's colours.

Every function returns a whole `<figure>` as `Markup`, ready for a template. Charts are drawn
360 units wide and scale with their box, so that text stays readable from 360 px upwards;
colours are CSS classes (`c0`...), so that one drawing serves light and dark pages. A figure that
is `None` or not finite is left out, never drawn as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bydemo.report.frame import (
    WIDTH,
    chart_figure,
    drawing,
    grid_of,
    nothing,
    robust_top,
    same_scale,
    swatches,
)
from bydemo.report.heatmap import confusion_matrix
from bydemo.report.svg import DASH, PERCENT, Axis, Number, element, figure, finite, is_number
from bydemo.report.svg import percent as share_text

__all__ = [
    "COLOURS",
    "Bar", "Mark", "Series", "bar_chart", "confusion_matrix", "histogram", "line_chart",
]  # fmt: skip

COLOURS = 8
"""How many series colours the style sheet defines; further series begin again."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line: `y` over `x`, with an interval `low`..`high` around it if both are given.

    `colour` is the number of a series colour; None takes the next. `quiet` draws it thin and
    pale, as background (a noisy training loss behind a validation loss).
    """

    name: str
    x: Sequence[float]
    y: Sequence[Number]
    low: Sequence[Number] = ()
    high: Sequence[Number] = ()
    colour: int | None = None
    dashed: bool = False
    quiet: bool = False
    points: bool = False


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A vertical line at `x` with a few words, e.g. the chosen epoch."""

    x: float
    text: str
    colour: int | None = None


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A named figure with its interval; `quiet` bars (baselines) are drawn in grey."""

    name: str
    value: Number
    low: Number = None
    high: Number = None
    note: str = ""
    colour: int = 0
    quiet: bool = False


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str = "",
    y_label: str = "",
    marks: Sequence[Mark] = (),
    zero: bool = False,
    equal: bool = False,
    note: str = "",
) -> Markup:
    """Lines with optional interval bands and marks; `equal` gives both axes the same scale.

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
    x_axis = Axis.of(xs, left, right)
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
    legend = _legend(series) if len(names) > 1 or (names and not title) else Markup("")
    return chart_figure(title, drawing(height, title, *parts), legend, note=note)


def bar_chart(
    bars: Sequence[Bar], *, title: str, unit: str = "", percent: bool = False, note: str = ""
) -> Markup:
    """Horizontal bars with interval whiskers, one under the other, each labelled above itself."""
    ends = finite(v for bar in bars for v in (bar.value, bar.low, bar.high))
    if not ends:
        return chart_figure(title, nothing(), note=note)
    if percent:
        ends = [*ends, 0.0, 1.0]
    axis = Axis.of(ends, 4, WIDTH - 6, zero=True)
    drawn: list[Markup] = []
    height = 6
    for bar in bars:
        drawn += _bar(bar, axis, height, unit, percent)
        height += 50 if bar.note else 36
    zero = element(
        "line", x1=axis.at(0), x2=axis.at(0), y1=2, y2=height - 2, class_="axis"
    )  # fmt: skip
    return chart_figure(title, drawing(height, title, *drawn, zero), note=note)


def histogram(
    counts: Sequence[float],
    edges: Sequence[float],
    *,
    title: str,
    x_label: str = "",
    other: Sequence[float] = (),
    names: tuple[str, str] = ("", ""),
    note: str = "",
) -> Markup:
    """Bars of `counts` between `edges` (one more than counts), as shares of their total.

    `other` overlays a second distribution over the same edges as an outline.
    """
    total, other_total = sum(counts), sum(other)
    if not total or len(edges) != len(counts) + 1:
        return chart_figure(title, nothing(), note=note)
    shares = [count / total for count in counts]
    others = [count / other_total for count in other] if other_total else []
    height = 200
    left, right, upper, lower = 56, WIDTH - 10, 10, height - 40
    x_axis = Axis.of([edges[0], edges[-1]], left, right)
    y_axis = Axis.of([*shares, *others], lower, upper, zero=True)
    drawn = [
        element(
            "rect",
            element("title", f"{figure(low)} to {figure(high)}: {share:.1%}"),
            x=x_axis.at(low),
            y=y_axis.at(share),
            width=max(x_axis.at(high) - x_axis.at(low) - 0.6, 0.4),
            height=lower - y_axis.at(share),
            class_="bar c0",
        )
        for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True)
    ]
    if others:
        drawn.append(_outline(others, edges, x_axis, y_axis))
    grid = grid_of(x_axis, y_axis, x_label, "share", height)
    legend = swatches([(names[0], "c0"), (names[1], "c1")]) if others else Markup("")
    return chart_figure(title, drawing(height, title, *grid, *drawn), legend, note=note)


def _bar(bar: Bar, axis: Axis, y: float, unit: str, percent: bool) -> list[Markup]:
    def said(value: Number) -> str:
        if not is_number(value) or value is None:
            return DASH
        return share_text(value) if percent else figure(value)

    text = said(bar.value) + (f" {unit}" if unit and bar.value is not None else "")
    if is_number(bar.low) and is_number(bar.high):
        text += f"  [{said(bar.low).removesuffix(PERCENT)}, {said(bar.high)}]"
    kind = "quiet" if bar.quiet else f"c{bar.colour % COLOURS}"
    drawn = [
        element("text", bar.name, x=axis.start, y=y + 11, class_="bar-name"),
        element("text", text, x=axis.end, y=y + 11, class_="tick end"),
    ]
    if bar.note:
        drawn.append(element("text", bar.note, x=axis.start, y=y + 41, class_="tick"))
    if not is_number(bar.value) or bar.value is None:
        return drawn
    start, end = sorted((axis.at(0), axis.at(bar.value)))
    drawn.append(
        element(
            "rect", x=start, y=y + 16, width=max(end - start, 1.0), height=12, rx=2,
            class_=f"bar {kind}",
        )
    )  # fmt: skip
    if bar.low is not None and bar.high is not None and is_number(bar.low) and is_number(bar.high):
        a, b, middle = axis.at(bar.low), axis.at(bar.high), y + 22
        path = f"M{a:.1f} {middle - 4}v8M{b:.1f} {middle - 4}v8M{a:.1f} {middle}H{b:.1f}"
        drawn.append(element("path", d=path, class_="whisker"))
    return drawn


def _line(line: Series, x_axis: Axis, y_axis: Axis, number: int) -> Markup:
    colour = f"c{(number if line.colour is None else line.colour) % COLOURS}"
    drawn: list[Markup] = []
    if line.low and line.high:
        band = [
            (x_axis.at(x), y_axis.at(a), y_axis.at(b))
            for x, a, b in zip(line.x, line.low, line.high, strict=True)
            if a is not None and b is not None and is_number(a) and is_number(b)
        ]
        there = [f"{x:.1f} {b:.1f}" for x, _, b in band]
        back = [f"{x:.1f} {a:.1f}" for x, a, _ in reversed(band)]
        if band:
            outline = "M" + "L".join(there + back) + "Z"
            drawn.append(element("path", d=outline, class_=f"band {colour}"))
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
    drawn.insert(0, element("path", d="".join(path), class_=style, stroke_dasharray=dash))
    return element("g", *drawn)


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


def _outline(shares: Sequence[float], edges: Sequence[float], x_axis: Axis, y_axis: Axis) -> Markup:
    path = f"M{x_axis.at(edges[0]):.1f} {y_axis.start:.1f}"
    for edge, share in zip(edges[1:], shares, strict=True):
        path += f"V{y_axis.at(share):.1f}H{x_axis.at(edge):.1f}"
    return element("path", d=f"{path}V{y_axis.start:.1f}", class_="line c1")


def _legend(series: Sequence[Series]) -> Markup:
    names = []
    for number, line in enumerate(series):
        colour = (number if line.colour is None else line.colour) % COLOURS
        style = " dashed" if line.dashed else " pale" if line.quiet else ""
        names.append((line.name, f"c{colour}{style}"))
    return swatches(names)
